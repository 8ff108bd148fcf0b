/** Names of operating system signals, as people and Python write them. */
import { constants } from 'node:os';
import type { Kind } from '../option-kinds.ts';
import { nearest } from '../text/nearest.ts';

const NAMES = Object.keys(constants.signals) as NodeJS.Signals[];
/** Of several names of one number, as SIGABRT and SIGIOT are, the first is the usual one. */
const BY_NUMBER = new Map([...NAMES].reverse().map(name => [constants.signals[name], name]));
const USUAL = ['TERM', 'KILL', 'INT', 'QUIT', 'HUP'];

/**
 * The signal that is meant: a name with or without `SIG`, in upper or lower case, or a number,
 * also as a text.
 *
 * @throws TypeError naming the value and the nearest signal
 */
export function signalNamed(value: unknown): NodeJS.Signals {
  const found = find(value);
  if (found !== undefined) return found;
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new TypeError(`There is no signal ${shown}.${signalHint(value)}`);
}

/** A signal in any of its spellings, as an option or an argument. */
export const signalName: Kind = {
  words: 'a signal, such as "SIGTERM", "kill" or 9',
  accepts: value => find(value) !== undefined,
  hint: signalHint,
};

/** A sentence that may help whoever wrote what is no signal. */
function signalHint(value: unknown): string {
  if (typeof value !== 'string' || value === '' || /^\d/.test(value)) return '';
  // without what all have in common, else each resembles each
  const word = bare(value);
  const found = nearest(word, [...USUAL, ...NAMES.map(bare)], Math.floor(word.length / 2));
  if (found !== undefined) return ` Did you mean "SIG${found}"?`;
  return ` Usual are ${USUAL.map(name => `SIG${name}`).join(', ')}.`;
}

function find(value: unknown): NodeJS.Signals | undefined {
  if (typeof value === 'number') return BY_NUMBER.get(value);
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,2}$/.test(value)) return BY_NUMBER.get(Number(value));
  const name = `SIG${bare(value)}`;
  return NAMES.find(each => each === name);
}

function bare(name: string): string {
  return name.toUpperCase().replace(/^SIG/, '');
}
