/**
 * What a task's own handlers and the app's signals hear of a run, in Celery's order.
 *
 * Handlers (`onSuccess`, …) belong to the task: what they throw fails the run. Signals belong
 * to others: what their receivers throw is only reported.
 */
import type { Execution } from './execution.ts';
import type { Outcome } from './outcome.ts';
import type { TaskRequest } from './request.ts';

type Awaitable<T> = T | Promise<T>;

/** Handlers of a task; all of them optional. Celery: methods of the same names on `Task`. */
export interface TaskHandlers {
  /** Before the task's code runs. */
  beforeStart?(request: TaskRequest): Awaitable<void>;
  /** After the result was stored. */
  onSuccess?(result: unknown, request: TaskRequest): Awaitable<void>;
  /** After the failure was stored. */
  onFailure?(error: Error, request: TaskRequest, traceback: string): Awaitable<void>;
  /** After the next try was published. `error` is what made the task try again. */
  onRetry?(error: unknown, request: TaskRequest, traceback: string): Awaitable<void>;
  /** After success or failure, last. */
  afterReturn?(state: string, value: unknown, request: TaskRequest): Awaitable<void>;
}

/** The same moments for signals; given by the app. Undefined when nobody listens. */
export interface ExecutionSignals {
  prerun(request: TaskRequest): Promise<void> | undefined;
  postrun(request: TaskRequest, state: string, retval: unknown): Promise<void> | undefined;
  success(request: TaskRequest, result: unknown): Promise<void> | undefined;
  retry(request: TaskRequest, reason: Error): Promise<void> | undefined;
  failure(request: TaskRequest, error: Error, traceback: string): Promise<void> | undefined;
  internalError(task: string, id: string | undefined, error: Error): Promise<void> | undefined;
}

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
