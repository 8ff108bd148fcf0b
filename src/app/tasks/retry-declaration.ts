import { isErrorClass, isInstanceOf } from '../../base/kind-of.ts';
import type { AutoRetry } from '../../execute/retry-policy.ts';
import type {
  ErrorClass,
  ErrorTest,
  RetryDeclaration,
  RetryShorthand,
} from '../options/task-options.ts';

/** Longest wait between retries, in seconds, as in Celery. */
const BACKOFF_MAX = 600;

export function autoRetryOf(options: RetryDeclaration): AutoRetry | undefined {
  if (options.retry) return fromShorthand(options.retry);
  const { autoretryFor = [], dontAutoretryFor = [], retryKwargs = {} } = options;
  if (autoretryFor.length === 0) return undefined;
  const { retryBackoff = false, retryBackoffMax = BACKOFF_MAX, retryJitter = true } = options;
  return {
    matches: error => !anyMatches(dontAutoretryFor, error) && anyMatches(autoretryFor, error),
    // Celery: whole seconds, at least one; 0 and false are no backoff
    backoff: retryBackoff ? Math.max(1, Math.floor(Number(retryBackoff))) : null,
    backoffMax: Math.floor(retryBackoffMax),
    jitter: retryJitter,
    countdown: retryKwargs.countdown,
    maxRetries: retryKwargs.maxRetries,
  };
}

function fromShorthand(retry: RetryShorthand): AutoRetry {
  const { unless = [], backoff } = retry;
  return {
    matches: error =>
      !anyMatches(unless, error) && (retry.for === undefined || anyMatches(retry.for, error)),
    backoff: backoff ?? null,
    backoffMax: retry.backoffMax ?? BACKOFF_MAX,
    jitter: retry.jitter ?? true,
    countdown: retry.delay,
    maxRetries: retry.max,
  };
}

function anyMatches(tests: readonly ErrorTest[], error: Error): boolean {
  return tests.some(test => matches(test, error));
}

/** A class matches by name too: the error may come from another copy of its module. */
function matches(test: ErrorTest, error: Error): boolean {
  return isErrorClass(test)
    ? isInstanceOf(error, test as ErrorClass)
    : (test as (error: Error) => boolean)(error);
}
