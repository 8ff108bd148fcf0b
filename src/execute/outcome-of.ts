import { isError } from '../base/kind-of.ts';
import { errorText } from '../base/text/error-text.ts';
import { saferepr, textOf } from '../base/text/saferepr.ts';
import { encodeException } from '../wire/results/exception.ts';
import { type Ignore, PREDICATE, predicateOf, type Reject, type Retry } from './errors.ts';
import type { Execution } from './execution.ts';
import type { FailureOutcome, Outcome } from './outcome.ts';
import { retryAfter } from './retry-policy.ts';

/** Recognised by a brand, not by class: the user's module may bring its own copy of ours. */
export function outcomeOf(thrown: unknown, x: Execution): Outcome {
  const predicate = predicateOf(thrown);
  switch (predicate?.[PREDICATE]) {
    case 'retry':
      return retryOutcome(predicate as Retry);
    case 'ignore':
      return { kind: 'ignore', replacement: (predicate as Ignore).replacement };
    case 'reject': {
      const { reason, requeue } = predicate as Reject;
      return { kind: 'reject', requeue, reason: textOf(reason ?? '') };
    }
    default: {
      const error = toError(thrown);
      return autoRetry(error, x) ?? failure(error, x, false);
    }
  }
}

/** Of code that ended without an error. A Retry that is returned was meant to be thrown. */
export function outcomeOfValue(value: unknown, x: Execution): Outcome {
  if (x.context.lastRetry === undefined) return { kind: 'success', value };
  const returned = predicateOf(value);
  if (returned?.[PREDICATE] === 'retry') return retryOutcome(returned as Retry);
  return { kind: 'success', value };
}

function retryOutcome(retry: Retry): Outcome {
  const { exc } = retry;
  return { kind: 'retry', retry, traceback: stackOf(exc ?? retry) };
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

/** What was thrown, or an error that says what it was. All that is made of it can be read. */
function toError(thrown: unknown): Error {
  if (isError(thrown) && isReadable(thrown)) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : saferepr(thrown), { cause: thrown });
}

/** Getters of users' errors may throw, and so does everything about a revoked proxy. */
function isReadable(error: Error): boolean {
  try {
    const { name, message, stack = '' } = error;
    return [name, message, stack].every(part => typeof part === 'string');
  } catch {
    return false;
  }
}

/** With its stack, for a log. */
export function textOfThrown(thrown: unknown): string {
  return stackOf(toError(thrown));
}

function stackOf(error: unknown): string {
  return isError(error) ? errorText(error) : saferepr(error);
}
