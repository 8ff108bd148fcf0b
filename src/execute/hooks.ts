/**
 * What a task's own handlers and the app's signals hear of a run, in Celery's order.
 *
 * Handlers (`onSuccess`, …) belong to the task: what they throw fails the run. Signals belong
 * to others: what their receivers throw is only reported.
 */
import type { Execution } from './execution.ts';
import type { Outcome } from './outcome.ts';

const STATE_OF: Readonly<Record<Outcome['kind'], string>> = {
  success: 'SUCCESS',
  failure: 'FAILURE',
  retry: 'RETRY',
  ignore: 'IGNORED',
  reject: 'REJECTED',
};

export function announceStart(x: Execution): Promise<void> | undefined {
  return x.ports.signals?.prerun(x.request);
}

/** After the outcome was stored: the handler of its kind, then the signal, then `afterReturn`. */
export function announceOutcome(x: Execution): Promise<void> | undefined {
  if (!x.task.handlers && !x.ports.signals) return undefined;
  return announce(x);
}

async function announce(x: Execution): Promise<void> {
  const { outcome, request } = x;
  const { handlers } = x.task;
  const { signals } = x.ports;
  if (outcome.kind === 'success') {
    await handlers?.onSuccess?.(outcome.value, request);
    await signals?.success(request, outcome.value);
  } else if (outcome.kind === 'failure') {
    await handlers?.onFailure?.(outcome.error, request, outcome.traceback);
    await signals?.failure(request, outcome.error, outcome.traceback);
  } else if (outcome.kind === 'retry') {
    await handlers?.onRetry?.(outcome.retry.exc, request, outcome.traceback);
    await signals?.retry(request, outcome.retry);
  }
  if (outcome.kind === 'success' || outcome.kind === 'failure') {
    await handlers?.afterReturn?.(STATE_OF[outcome.kind], valueIn(outcome), request);
  }
}

/** Always, whatever happened before. */
export function announceEnd(x: Execution): Promise<void> | undefined {
  if (!x.request) return undefined;
  return x.ports.signals?.postrun(x.request, STATE_OF[x.outcome.kind], valueIn(x.outcome));
}

function valueIn(outcome: Outcome): unknown {
  if (outcome.kind === 'success') return outcome.value;
  return outcome.kind === 'failure' ? outcome.error : undefined;
}
