/** Numbers that are times. Durations are seconds everywhere; who is used to `setTimeout` may err. */

/** Seconds; with more than these (3168 years) somebody meant milliseconds. */
export const LONGEST_SECONDS = 1e11;

/** Completes an error about so many seconds: whether they look like milliseconds. */
export function millisecondsHint(value: unknown): string {
  const looksSo = typeof value === 'number' && value >= LONGEST_SECONDS && value < 1e15;
  return looksSo ? ` Times are in seconds, and this looks like milliseconds: ${value / 1000}?` : '';
}
