/**
 * What callers say about time (`eta`, `countdown`, `expires`), checked where it is said: a moment
 * that no message can carry would otherwise be found out by a worker, or by nobody.
 */
import { saferepr } from '../base/text/saferepr.ts';
import { millisecondsHint } from '../base/time/seconds.ts';
import type { TimeZone } from '../base/time/time-zone.ts';
import { fromIso, hasOffset, isWritable } from './dates.ts';

/**
 * Seconds since 1970 of a Date, ISO 8601 text or seconds since 1970.
 *
 * @param option names it in errors
 * @param zone of text without offset; UTC when left out
 * @throws TypeError for what is none of these, RangeError for a moment outside the years 1 to 9999
 */
export function momentOf(value: unknown, option: string, zone?: TimeZone): number {
  const seconds =
    typeof value === 'string'
      ? readText(value, option, zone)
      : isDate(value)
        ? value.getTime() / 1000
        : value;
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) {
    const got = isDate(value) ? 'an invalid Date' : saferepr(value);
    throw new TypeError(
      `${option} must be a Date, ISO 8601 text or seconds since 1970, got ${got}.`,
    );
  }
  if (!isWritable(seconds)) throw outOfRange(option, value, seconds);
  return seconds;
}

/**
 * The moment so many seconds from `now`.
 *
 * @throws TypeError for what is no number, RangeError as `momentOf`
 */
export function momentAfter(value: unknown, option: string, now: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    const got = saferepr(value);
    throw new TypeError(`${option} must be a number of seconds, got ${got}.`);
  }
  if (!isWritable(now + value)) throw outOfRange(option, value, now + value);
  return now + value;
}

/**
 * A moment, or with a number one so many seconds from `now`: what `expires` may be.
 *
 * @throws TypeError and RangeError as the two above
 */
export function deadlineOf(value: unknown, option: string, now: number, zone?: TimeZone): number {
  if (typeof value === 'number') return momentAfter(value, option, now);
  if (typeof value === 'string' || isDate(value)) return momentOf(value, option, zone);
  throw new TypeError(
    `${option} must be a number of seconds from now, a Date or ISO 8601 text, got ${saferepr(value)}.`,
  );
}

/** How a message says a moment that was given as `value`: text that has an offset stays as it is. */
export function keptText(
  value: unknown,
  moment: number,
  zone: TimeZone | undefined,
): number | string {
  if (typeof value !== 'string') return moment;
  return zone === undefined || hasOffset(value) ? value : moment;
}

/** By tag: a Date may come from another realm. */
function isDate(value: unknown): value is Date {
  return Object.prototype.toString.call(value) === '[object Date]';
}

function readText(text: string, option: string, zone: TimeZone | undefined): number {
  try {
    return fromIso(text, zone);
  } catch (error) {
    throw new RangeError(`${option}: ${(error as Error).message}`, { cause: error });
  }
}

function outOfRange(option: string, given: unknown, moment: number): RangeError {
  const shown = isDate(given) ? given.toISOString() : saferepr(given);
  const where = moment < 0 ? 'before the year 1' : 'after the year 9999';
  return new RangeError(
    `${option} is out of range: ${shown} is ${where}.${millisecondsHint(given)}`,
  );
}
