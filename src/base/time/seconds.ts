/** Numbers that are times. Durations are seconds everywhere; who is used to `setTimeout` may err. */

/** Seconds; with more than these (3168 years) somebody meant milliseconds. */
export const LONGEST_SECONDS = 1e11;

/** Node's timers fire at once when they should wait longer than this (24.8 days). */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds for a timer of Node's, a driver's timeout or a period; 24.8 days stand for more. */
export function timerMs(seconds: number): number {
  return Math.min(seconds * 1000, LONGEST_TIMER_MS);
}

export function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < LONGEST_SECONDS;
}

/** Completes an error about a duration: the bound, for one that is too long. */
export function secondsHint(value: unknown): string {
  const isTooLong = typeof value === 'number' && value >= LONGEST_SECONDS;
  return isTooLong
    ? ` It has to be below 1e11 seconds (3168 years).${millisecondsHint(value)}`
    : '';
}

/** Completes an error about so many seconds: whether they look like milliseconds. */
export function millisecondsHint(value: unknown): string {
  const looksSo = typeof value === 'number' && value >= LONGEST_SECONDS && value < 1e15;
  return looksSo ? ` Times are in seconds, and this looks like milliseconds: ${value / 1000}?` : '';
}
