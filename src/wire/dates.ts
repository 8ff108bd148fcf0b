/** Instants as ISO 8601 text, the way Python's `isoformat` writes and its parsers read them. */

const PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?\s*(Z|z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?$/;

/** `2026-11-20T11:26:04.633000+00:00`; the fraction is left out when it is zero. */
export function toIso(epochSeconds: number): string {
  const micros = Math.round(epochSeconds * 1e6);
  const date = new Date(Math.floor(micros / 1e6) * 1000);
  if (Number.isNaN(date.getTime())) {
    throw new RangeError(`Not a time: ${epochSeconds} (expected seconds since 1970).`);
  }
  const fraction = micros - Math.floor(micros / 1e6) * 1e6;
  const seconds = date.toISOString().slice(0, -5);
  return fraction === 0
    ? `${seconds}+00:00`
    : `${seconds}.${String(fraction).padStart(6, '0')}+00:00`;
}

/**
 * Seconds since 1970 of an ISO 8601 text: date alone, `T` or a space, any fraction, `Z` or an
 * offset. Without an offset it is UTC. Throws RangeError naming the text.
 */
export function fromIso(text: string): number {
  const match = PATTERN.exec(text);
  if (match === null) throw notADate(text);
  const [, year, month, day, hour, minute, second, fraction, offset] = match;
  const seconds = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
  );
  const date = new Date(seconds);
  // Date.UTC rolls the 31st of April over to May, and reads years below 100 as 19xx.
  const kept =
    date.getUTCFullYear() === Number(year) &&
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    date.getUTCHours() === Number(hour ?? 0) &&
    date.getUTCMinutes() === Number(minute ?? 0) &&
    date.getUTCSeconds() === Number(second ?? 0);
  if (!kept) throw notADate(text);
  const whole = seconds / 1000 - offsetSeconds(offset, text);
  return fraction === undefined ? whole : whole + Number(`0.${fraction}`);
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
