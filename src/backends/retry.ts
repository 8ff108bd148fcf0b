/**
 * How often a result store is tried again: `retry_policy` of the transport options, or Celery's
 * `result_backend_*` settings when `result_backend_always_retry` is on.
 */
import { type RetryPolicy, retryInterval } from '../base/time/backoff.ts';
import type { BackendOptions } from './contract.ts';

/** Seconds to wait after that many failures in a row (1, 2, …); undefined gives up. */
export type RetrySchedule = (failures: number) => number | undefined;

/** As in Celery's Redis backend: at once, then every second. */
const DEFAULT_POLICY: RetryPolicy = {
  maxRetries: 20,
  intervalStart: 0,
  intervalStep: 1,
  intervalMax: 1,
};
/** Two seconds: a server that was never there is more likely a wrong address than a restart. */
const FIRST_RETRIES = 3;
const BASE_SLEEP_MS = 10;
const MAX_SLEEP_MS = 10_000;

export function retrySchedule(options: BackendOptions): RetrySchedule {
  const { settings } = options;
  return settings.result_backend_always_retry === true
    ? exponential(settings)
    : linear(options.transportOptions.retry_policy);
}

/** For reading from a store that has not answered this process yet; what is set counts here too. */
export function firstRetrySchedule(options: BackendOptions): RetrySchedule {
  return options.settings.result_backend_always_retry === true
    ? exponential(options.settings)
    : linear(options.transportOptions.retry_policy, FIRST_RETRIES);
}

function linear(given: unknown, maxRetries = DEFAULT_POLICY.maxRetries ?? 0): RetrySchedule {
  const fields = (typeof given === 'object' && given !== null ? given : {}) as Record<
    string,
    unknown
  >;
  const policy: RetryPolicy = {
    // null is for ever, as in kombu
    maxRetries: fields.max_retries === null ? null : numberOr(fields.max_retries, maxRetries),
    intervalStart: numberOr(fields.interval_start, DEFAULT_POLICY.intervalStart),
    intervalStep: numberOr(fields.interval_step, DEFAULT_POLICY.intervalStep),
    intervalMax: numberOr(fields.interval_max, DEFAULT_POLICY.intervalMax),
  };
  return failures =>
    policy.maxRetries !== null && failures > policy.maxRetries
      ? undefined
      : retryInterval(policy, failures - 1);
}

/** Doubling, with jitter, so that a fleet does not return in step. */
function exponential(settings: Readonly<Record<string, unknown>>): RetrySchedule {
  const maxRetries = numberOr(settings.result_backend_max_retries, Number.POSITIVE_INFINITY);
  const base = numberOr(settings.result_backend_base_sleep_between_retries_ms, BASE_SLEEP_MS);
  const longest = numberOr(settings.result_backend_max_sleep_between_retries_ms, MAX_SLEEP_MS);
  return failures => {
    if (failures > maxRetries) return undefined;
    const sleepMs = Math.min(longest, base * 2 ** Math.min(failures - 1, 40));
    return (sleepMs * (0.5 + Math.random() / 2)) / 1000;
  };
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && !Number.isNaN(value) ? value : otherwise;
}
