import type { Service } from '../../base/service.ts';
import type { WorkerParts } from '../assembly.ts';
import { Heart } from '../events/heart.ts';

/** Seconds for the last events when the broker can be reached. */
const LAST_EVENTS = 1;

/** The worker's own events, and the end of all of them. */
export function createEvents(parts: WorkerParts): Service {
  const { app, events, heartbeatInterval: interval, state, transport } = parts;
  const heart =
    interval === null ? undefined : new Heart({ events, state, clock: app.clock, interval });
  let stopListening: (() => void) | undefined;
  return {
    async start() {
      await heart?.start();
      stopListening ??= transport.onEvent(({ type }) => {
        if (type !== 'connected') return;
        events.resume();
        heart?.online();
      });
    },
    async stop() {
      stopListening?.();
      await heart?.stop();
      await events.close(transport.connected ? LAST_EVENTS : 0);
    },
  };
}
