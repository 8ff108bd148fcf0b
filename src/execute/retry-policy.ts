/** When a task tries again by itself, and after how long. Celery: `autoretry_for` and its kin. */

export interface AutoRetry {
  readonly matches: (error: Error) => boolean;
  /** Seconds for the first retry, doubled each time; null leaves it to `countdown`. */
  readonly backoff: number | null;
  /** Longest wait, seconds. */
  readonly backoffMax: number;
  /**
   * Wait a random time between 0 and that, so that what failed together does not return together.
   */
  readonly jitter: boolean;
  /** Fixed wait in seconds; undefined is the task's `defaultRetryDelay`. */
  readonly countdown: number | undefined;
  /** Undefined is the task's `maxRetries`; null is for ever. */
  readonly maxRetries: number | null | undefined;
}

/**
 * Seconds before retry number `retries` (0 is the first). Celery:
 * `get_exponential_backoff_interval`.
 *
 * @param random in [0, 1)
 */
export function backoffSeconds(
  policy: Pick<AutoRetry, 'backoffMax' | 'jitter'> & { readonly backoff: number },
  retries: number,
  random: () => number = Math.random,
): number {
  const full = Math.min(policy.backoffMax, policy.backoff * 2 ** retries);
  if (!policy.jitter) return Math.max(0, full);
  // as in Celery whole seconds, both ends included; what is shorter than one is divided further
  return full < 1 ? Math.max(0, random() * full) : Math.floor(random() * (Math.floor(full) + 1));
}

/** What to give to `self.retry` after `error`, or undefined when the error is final. */
export function retryAfter(
  policy: AutoRetry,
  error: Error,
  retries: number,
  random?: () => number,
): { exc: Error; countdown?: number; maxRetries?: number | null } | undefined {
  if (!policy.matches(error)) return undefined;
  const { backoff, maxRetries } = policy;
  const countdown =
    backoff === null ? policy.countdown : backoffSeconds({ ...policy, backoff }, retries, random);
  return {
    exc: error,
    ...(countdown === undefined ? {} : { countdown }),
    ...(maxRetries === undefined ? {} : { maxRetries }),
  };
}
