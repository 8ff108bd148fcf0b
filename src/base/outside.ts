/** For what outlives the call that happens to need it first: connections, their timers and watchers. */
import { AsyncResource } from 'node:async_hooks';

/** Of when the program began, so that nobody's request is in its context. */
const beginning = new AsyncResource('tscelery');

/**
 * Calls this outside of the caller's async context (`AsyncLocalStorage`, the active span of
 * OpenTelemetry), which a socket or a timer would keep for as long as it lives.
 */
export function outside<T>(doIt: () => T): T {
  return beginning.runInAsyncScope(doIt);
}
