import { type Clock, systemClock } from './clock.ts';

/** Celery's retry policy for connections and publishing; all durations in seconds. */
export interface RetryPolicy {
  /** Tries after the first; `null` is for ever. */
  readonly maxRetries: number | null;
  readonly intervalStart: number;
  readonly intervalStep: number;
  readonly intervalMax: number;
}

/** Seconds to wait before retry number `attempt` (0 is the first retry). */
export function retryInterval(policy: RetryPolicy, attempt: number): number {
  return Math.min(policy.intervalStart + policy.intervalStep * attempt, policy.intervalMax);
}

export function sleep(seconds: number, clock: Clock = systemClock, signal?: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal!.reason);
    };
    const timer = clock.after(seconds, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Run `attempt` until it succeeds, the policy is used up or the error is not worth a retry;
 * the last error is thrown. `onRetry` hears of each wait, `pause` waits instead of `sleep`.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  options: {
    isRetryable: (error: unknown) => boolean;
    onRetry?: (error: unknown, interval: number, retry: number) => void;
    clock?: Clock;
    signal?: AbortSignal;
    pause?: (seconds: number) => Promise<void>;
  },
): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await attempt();
    } catch (error) {
      const usedUp = policy.maxRetries !== null && retry >= policy.maxRetries;
      if (usedUp || !options.isRetryable(error)) throw error;
      const interval = retryInterval(policy, retry);
      options.onRetry?.(error, interval, retry);
      if (options.pause) await options.pause(interval);
      else await sleep(interval, options.clock, options.signal);
    }
  }
}
