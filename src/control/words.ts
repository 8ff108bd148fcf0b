/** What the argument of a control command may be: in a program, in a message, and typed at a terminal. */
import {
  count,
  flag as flagKind,
  type Kind,
  name,
  seconds as secondsKind,
} from '../base/option-kinds.ts';
import { signalName, signalNamed } from '../base/process/signal-names.ts';
import { RATE_WORDS, readRate } from '../base/time/rate.ts';
import { stampsOf } from './stamps.ts';

export interface WordKind<T = unknown> extends Kind {
  /** @throws RangeError with a sentence about a word that cannot be read */
  fromWord(word: string): T;
}

/** All words that are left, together. */
export interface WordsKind {
  /** @throws RangeError with a sentence about a word that cannot be read */
  fromWords(words: readonly string[]): unknown;
}

/** Of commands that are not ours: whatever is typed. */
export const anyTexts: WordsKind = { fromWords: words => [...words] };

/** An id that a shell variable should have held is no id. */
export const texts: WordsKind = {
  fromWords(words) {
    if (words.includes('')) throw new RangeError(EMPTY);
    return [...words];
  },
};

export const stamps: WordsKind = { fromWords: stampsOf };

/** What is wrong with a word that must not be empty. */
export const EMPTY = 'it is empty.';

const TRUE = new Set(['1', 'true', 'yes', 'on']);
const FALSE = new Set(['0', 'false', 'no', 'off']);

export const text: WordKind<string> = { ...name, fromWord: word => word };

export const wholeNumber: WordKind<number> = {
  ...count,
  fromWord(word) {
    const value = read(word, /^\d+$/.test(word), 'a whole number');
    if (!Number.isSafeInteger(value)) throw new RangeError(`'${word}' is too large.`);
    return value;
  },
};

export const seconds: WordKind<number> = {
  ...secondsKind,
  fromWord: word => read(word, /^(\d+\.?\d*|\.\d+)$/.test(word), 'a number of seconds'),
};

/** As `task_default_rate_limit`; programs may give a number. */
export const rate: WordKind<string> = {
  words: RATE_WORDS,
  accepts: value => readRate(value) !== undefined,
  fromWord(word) {
    if (readRate(word) === undefined) throw new RangeError(`'${word}' is not ${RATE_WORDS}.`);
    return word.trim();
  },
};

export const number: WordKind<number> = {
  words: 'a number',
  accepts: value => Number.isFinite(value),
  fromWord: word => read(word, /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word), 'a number'),
};

export const flag: WordKind<boolean> = {
  ...flagKind,
  fromWord(word) {
    const lower = word.toLowerCase();
    if (!TRUE.has(lower) && !FALSE.has(lower))
      throw new RangeError(`'${word}' is not true or false.`);
    return TRUE.has(lower);
  },
};

/** Python workers know only the full name. */
export const signal: WordKind<NodeJS.Signals> = {
  ...signalName,
  fromWord(word) {
    if (signalName.accepts(word)) return signalNamed(word);
    throw new RangeError(`'${word}' is no signal.${signalName.hint?.(word) ?? ''}`);
  },
};

function read(word: string, isGood: boolean, words: string): number {
  if (!isGood) throw new RangeError(`'${word}' is not ${words}.`);
  return Number(word);
}
