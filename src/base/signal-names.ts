/** Names of operating system signals, as people and Python write them. */
import { constants } from 'node:os';
import { didYouMean } from './text/nearest.ts';

const NAMES = Object.keys(constants.signals) as NodeJS.Signals[];
/** Of several names of one number, as SIGABRT and SIGIOT are, the first is the usual one. */
const BY_NUMBER = new Map([...NAMES].reverse().map(name => [constants.signals[name], name]));

/**
 * The signal that is meant: a name with or without `SIG`, in upper or lower case, or a number.
 *
 * @throws TypeError naming the value and the nearest signal
 */
export function signalNamed(value: unknown): NodeJS.Signals {
  const found = typeof value === 'number' ? BY_NUMBER.get(value) : byName(value);
  if (found !== undefined) return found;
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new TypeError(
    `There is no signal ${shown}.${typeof value === 'string' ? didYouMean(fullName(value), NAMES) : ''}`,
  );
}

function byName(value: unknown): NodeJS.Signals | undefined {
  if (typeof value !== 'string') return undefined;
  const name = fullName(value);
  return NAMES.find(each => each === name);
}

function fullName(value: string): string {
  const name = value.toUpperCase();
  return name.startsWith('SIG') ? name : `SIG${name}`;
}
