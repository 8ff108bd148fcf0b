import { reviveDateTime } from './json.ts';
import { PyDate } from './typed-value.ts';

/** A date, or a date and a time, in the forms of YAML 1.1. */
export const TIMESTAMP =
  /^(\d{4})-(?:(\d\d)-(\d\d)|(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)$/;

/** Date where nothing is lost by it, else PyDateTime or PyDate; undefined when it is no date. */
export function readTimestamp(text: string): unknown {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [, year, month, day] = match;
  if (month !== undefined) return new PyDate(`${year}-${month}-${day}`);
  const [someMonth, someDay, hour, minute, second, fraction, zone, sign, hours, minutes] =
    match.slice(4);
  const date = `${year}-${two(someMonth)}-${two(someDay)}`;
  const micros = fraction ? `.${fraction.slice(0, 6)}` : '';
  const offset = zone === 'Z' ? '+00:00' : zone ? `${sign}${two(hours)}:${minutes ?? '00'}` : '';
  return reviveDateTime(`${date}T${two(hour)}:${minute}:${second}${micros}${offset}`);
}

function two(digits = ''): string {
  return digits.padStart(2, '0');
}
