/** What task code logs, as a text of one size: it may be anything, and of any length. */
import { formatWithOptions } from 'node:util';
import { saferepr } from '../../base/text/saferepr.ts';

/** Characters of a record that had to be put together. */
const MOST_TEXT = 32_768;
/** A record is one line unless its texts have more. */
const OPTIONS = {
  depth: 4,
  maxArrayLength: 100,
  maxStringLength: 10_000,
  breakLength: Number.POSITIVE_INFINITY,
};

/** As `console.log` puts its arguments together, cut at 32 KiB. Never throws. */
export function logText(message: unknown, more: readonly unknown[]): string {
  const text = formatted(message, more);
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}...` : text;
}

function formatted(message: unknown, more: readonly unknown[]): string {
  try {
    return formatWithOptions(OPTIONS, message, ...more);
  } catch {
    // a toString or an inspection of the user's own
    return [message, ...more]
      .map(part => (typeof part === 'string' ? part : saferepr(part)))
      .join(' ');
  }
}
