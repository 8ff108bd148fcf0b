/**
 * Keeps text from forging the log: whatever a name, a value or an error says, no line but the first
 * of a record looks like the beginning of one, and nothing in it speaks to a terminal.
 */
import { printableLines } from '../base/text/printable.ts';

/** Whether there is anything to look at; most lines have nothing of that kind. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SUSPECT = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
/** Colours, which programs print and log on purpose. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
const COLOR = /(\u001b\[[\d;]*m)/;
/** How the fields begin that a pattern may begin with. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  asctime: '\\d',
  process: '\\d',
  levelname: '(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)',
};

export type LineGuard = (record: string, keepsColors: boolean) => string;

/** A function that makes a whole record, without its line end, harmless. */
export function lineGuard(pattern: string): LineGuard {
  const forged = new RegExp(`\\n(?=${beginningOf(pattern)})`, 'g');
  return (record, keepsColors) => {
    if (!SUSPECT.test(record)) return record;
    return (keepsColors ? exceptColors(record) : printableLines(record)).replace(forged, '\n  ');
  };
}

/** As a regular expression; an empty one is the beginning of every line. */
function beginningOf(pattern: string): string {
  const field = /^%\((\w+)\)/.exec(pattern)?.[1];
  if (field !== undefined) return BEGINNINGS[field] ?? '';
  return pattern.slice(0, 1).replace(/[\\^$.|?*+()[\]{}%]/, '\\$&');
}

function exceptColors(record: string): string {
  return record
    .split(COLOR)
    .map((part, at) => (at % 2 === 1 ? part : printableLines(part)))
    .join('');
}
