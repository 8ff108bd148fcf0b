/** From what a task's code threw to the outcome of the run. */
import { saferepr } from '../base/saferepr.ts';
import { encodeException } from '../wire/exception.ts';
import type { Reject, Retry } from './errors.ts';
import type { Execution } from './execution.ts';
import type { FailureOutcome, Outcome } from './outcome.ts';
import { retryAfter } from './retry-policy.ts';

/** Recognised by code, not by class: the user's module may bring its own copy of ours. */
export function outcomeOf(thrown: unknown, x: Execution): Outcome {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  if (code === 'RETRY') return retryOutcome(thrown as Retry);
  if (code === 'IGNORE') return { kind: 'ignore' };
  if (code === 'REJECT') {
    const { reason, requeue } = thrown as Reject;
    return { kind: 'reject', requeue, reason: String(reason ?? '') };
  }
  return autoRetry(toError(thrown), x) ?? failure(thrown, x, false);
}

function retryOutcome(retry: Retry): Outcome {
  return { kind: 'retry', retry, traceback: stackOf(retry.exc ?? retry) };
}

/** The retry that the task's declaration asks for after this error; undefined when it is final. */
function autoRetry(error: Error, x: Execution): Outcome | undefined {
  const { autoRetry: policy } = x.task;
  if (!policy || x.request.calledDirectly) return undefined;
  const options = retryAfter(policy, error, x.request.retries);
  if (!options) return undefined;
  // what the task's own code said to `retry` in this run counts more
  const { maxRetries = options.maxRetries } = x.context;
  try {
    return retryOutcome(
      x.context.retry({ ...options, ...(maxRetries === undefined ? {} : { maxRetries }) }),
    );
  } catch (final) {
    return failure(final, x, false);
  }
}

export function failure(thrown: unknown, x: Execution, internal: boolean): FailureOutcome {
  const error = toError(thrown);
  return {
    kind: 'failure',
    error,
    exception: encodeException(error, { excModule: x.task.excModule }),
    traceback: stackOf(error),
    internal,
  };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error(typeof thrown === 'string' ? thrown : saferepr(thrown), { cause: thrown });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : saferepr(error);
}
