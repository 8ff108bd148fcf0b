/** Instants as ISO 8601 text, the way Python's `isoformat` writes and its parsers read them. */
import type { TimeZone } from '../base/time/time-zone.ts';

const PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?\s*(Z|z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?$/;

/** Python's datetime has the years 1 to 9999: seconds since 1970 of the first moment, and of the first after the last. */
const FIRST = -62_135_596_800;
const END = 253_402_300_800;
/** The last moment before `END` that a float tells from it, and that is written in microseconds. */
const LAST = END - 2 ** -14;

/** Whether every implementation has a word for the moment: it lies in the years 1 to 9999. */
export function isWritable(epochSeconds: number): boolean {
  return epochSeconds >= FIRST && epochSeconds < END;
}

/**
 * `2026-11-20T11:26:04.633000+00:00`; the fraction is left out when it is zero. Throws RangeError
 * for what is not in the years 1 to 9999.
 *
 * @param zone writes the time there, with its offset; UTC when left out
 */
export function toIso(epochSeconds: number, zone?: TimeZone): string {
  if (!isWritable(epochSeconds)) {
    throw new RangeError(
      `Not a time: ${epochSeconds} (expected seconds since 1970, in the years 1 to 9999).`,
    );
  }
  const micros = Math.round(epochSeconds * 1e6);
  const whole = Math.floor(micros / 1e6);
  const fraction = micros - whole * 1e6;
  const offset = zone === undefined ? 0 : zone.offsetAt(whole);
  const local = isWritable(whole + offset) ? offset : 0;
  const seconds = new Date((whole + local) * 1000).toISOString().slice(0, -5);
  const end = local === 0 ? '+00:00' : offsetText(local);
  return fraction === 0
    ? `${seconds}${end}`
    : `${seconds}.${String(fraction).padStart(6, '0')}${end}`;
}

/**
 * The same for a Date, in UTC: exact to the millisecond in every year, which seconds in a float are
 * not. Undefined for an invalid one and for what is not in the years 1 to 9999.
 */
export function dateIso(date: Date): string | undefined {
  if (!isWritable(date.getTime() / 1000)) return undefined;
  const text = date.toISOString();
  const fraction = text.slice(19, 23);
  return fraction === '.000' ? `${text.slice(0, 19)}+00:00` : `${text.slice(0, 23)}000+00:00`;
}

function offsetText(offset: number): string {
  const size = Math.abs(offset);
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60];
  // seconds only where there are any, as Python writes them
  const shown = size % 60 === 0 ? parts.slice(0, 2) : parts;
  return (offset < 0 ? '-' : '+') + shown.map(part => String(part).padStart(2, '0')).join(':');
}

/**
 * Seconds since 1970 of an ISO 8601 text: date alone, `T` or a space, any fraction, `Z` or an
 * offset. Without an offset it is a time of `zone`, or UTC. Throws RangeError naming the text when
 * it is no date, or not in the years 1 to 9999.
 */
export function fromIso(text: string, zone?: TimeZone): number {
  const match = PATTERN.exec(text);
  if (match === null) throw notADate(text);
  const [, , , , , , , fraction, offset] = match;
  const wall = wallSeconds(match.slice(1, 7).map(part => Number(part ?? 0)));
  if (wall === undefined) throw notADate(text);
  const isNaive = offset === undefined && zone !== undefined;
  const whole = isNaive ? zone.instantOf(wall) : wall - offsetSeconds(offset, text);
  const instant = fraction === undefined ? whole : withFraction(whole, fraction);
  if (!isWritable(instant)) throw notADate(text);
  return instant;
}

/** In the last second of all a float is rounded up to the year 10000. */
function withFraction(whole: number, fraction: string): number {
  const instant = whole + Number(`0.${fraction}`);
  return whole < END ? Math.min(instant, LAST) : instant;
}

/** Seconds since 1970 when a clock in UTC shows that; undefined when none ever does. */
function wallSeconds(shown: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = shown;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC reads years below 100 as 19xx, and rolls the 31st of April over to May.
  if (year < 100) date.setUTCFullYear(year, month - 1, day);
  const read = [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return read.every((part, i) => part === shown[i]) ? date.getTime() / 1000 : undefined;
}

/** Whether the text names an offset; without one Python reads it as a naive time. */
export function hasOffset(text: string): boolean {
  return /(?:[zZ]|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)$/.test(text.slice(10));
}

function offsetSeconds(offset: string | undefined, text: string): number {
  if (offset === undefined || offset === 'Z' || offset === 'z') return 0;
  const digits = offset.slice(1).replaceAll(':', '');
  const hours = Number(digits.slice(0, 2));
  const minutes = Number(digits.slice(2, 4) || 0);
  const seconds = Number(digits.slice(4, 6) || 0);
  if (hours > 23 || minutes > 59 || seconds > 59) throw notADate(text);
  const size = hours * 3600 + minutes * 60 + seconds;
  return offset.startsWith('-') ? -size : size;
}

function notADate(text: string): RangeError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new RangeError(
    `Not an ISO 8601 date: ${JSON.stringify(shown)} (expected, for example, 2026-11-20T11:26:04+00:00).`,
  );
}
