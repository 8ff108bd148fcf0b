/**
 * What a task's own handlers and the app's signals hear of a run, in Celery's order.
 *
 * Handlers (`onSuccess`, …) belong to the task: what they throw fails the run. Signals belong
 * to others: what their receivers throw is only reported.
 */
import type { Execution } from '../execution.ts';
import type { TaskHandlers } from '../handlers.ts';
import type { Outcome } from '../outcome.ts';

const STATE_OF: Readonly<Record<Outcome['kind'], string>> = {
  success: 'SUCCESS',
  failure: 'FAILURE',
  retry: 'RETRY',
  ignore: 'IGNORED',
  reject: 'REJECTED',
};

/** Celery's word for it. */
export const stateOf = ({ kind }: Outcome): string => STATE_OF[kind];

export function announceStart(x: Execution): Promise<void> | undefined {
  return x.ports.signals?.prerun(x.request);
}

/** After the outcome was stored: the handler of its kind, then the signal, then `afterReturn`. */
export function announceOutcome(x: Execution): Promise<void> | undefined {
  const { handlers } = x.task;
  return handlers ? callHandlers(x, handlers) : signalOutcome(x);
}

async function callHandlers(x: Execution, handlers: TaskHandlers): Promise<void> {
  const { outcome, request } = x;
  if (outcome.kind === 'success') {
    await handlers.onSuccess?.(outcome.value, request);
  } else if (outcome.kind === 'failure') {
    await handlers.onFailure?.(outcome.error, request, outcome.traceback);
  } else if (outcome.kind === 'retry') {
    await handlers.onRetry?.(outcome.retry.exc, request, outcome.traceback);
  }
  await signalOutcome(x);
  if (outcome.kind === 'success' || outcome.kind === 'failure') {
    await handlers.afterReturn?.(stateOf(outcome), valueIn(outcome), request);
  }
}

function signalOutcome({ outcome, request, ports }: Execution): Promise<void> | undefined {
  const { signals } = ports;
  if (outcome.kind === 'success') return signals?.success(request, outcome.value);
  if (outcome.kind === 'failure') {
    return signals?.failure(request, outcome.error, outcome.traceback);
  }
  return outcome.kind === 'retry' ? signals?.retry(request, outcome.retry) : undefined;
}

/** Always, whatever happened before. */
export function announceEnd(x: Execution): Promise<void> | undefined {
  if (!x.request) return undefined;
  return x.ports.signals?.postrun(x.request, stateOf(x.outcome), valueIn(x.outcome));
}

function valueIn(outcome: Outcome): unknown {
  if (outcome.kind === 'success') return outcome.value;
  return outcome.kind === 'failure' ? outcome.error : undefined;
}
