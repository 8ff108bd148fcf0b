/** What the text after an option may be, and what it becomes. Error texts are Celery's. */
import { type LogLevel, levelNamed } from '../../base/logger.ts';
import { LONGEST_SECONDS, secondsHint } from '../../base/time/seconds.ts';
import { fromIso } from '../../wire/dates.ts';
import { parsePythonJson } from '../../wire/serializers/json-parser.ts';

export interface ValueType<T> {
  /** Shown in help, for example `INTEGER`; empty for a flag, which takes no value. */
  readonly metavar: string;
  /** @throws RangeError whose message completes `Invalid value for '-x': …` */
  parse(text: string): T;
}

export type ValueOf<Type> = Type extends ValueType<infer T> ? T : never;

const HIGHEST_PORT = 65_535;

const quoted = (text: string) => `'${text}'`;

export const text: ValueType<string> = { metavar: 'TEXT', parse: notEmpty };
export const path: ValueType<string> = { metavar: 'PATH', parse: notEmpty };
export const url: ValueType<string> = { metavar: 'URL', parse: notEmpty };

/** Nothing that an option stands for is called nothing: a variable of a script was not set. */
function notEmpty(given: string): string {
  if (given.trim() === '') throw new RangeError('it is empty.');
  return given;
}

const TRUE_WORDS = new Set(['1', 'true', 't', 'yes', 'y', 'on']);
const FALSE_WORDS = new Set(['0', 'false', 'f', 'no', 'n', 'off', '']);

/** No value on the command line; a boolean word in the environment, where it needs some value. */
export const flag: ValueType<boolean> = {
  metavar: '',
  parse: given => {
    const word = given.trim().toLowerCase();
    if (TRUE_WORDS.has(word)) return true;
    if (FALSE_WORDS.has(word)) return false;
    throw new RangeError(`${quoted(given)} is not a valid boolean.`);
  },
};

export function integer(least = Number.NEGATIVE_INFINITY): ValueType<number> {
  return {
    metavar: 'INTEGER',
    parse: given => {
      if (!/^\s*[+-]?\d+\s*$/.test(given)) {
        throw new RangeError(`${quoted(given)} is not a valid integer.`);
      }
      return inRange(exact(given), least);
    },
  };
}

/** Another number would be taken than the one that was typed. */
function exact(given: string): number {
  const value = Number(given);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${quoted(given)} is too large.`);
}

/** Two bounds in any order, or the upper one alone: 0 is the lower one then. */
export const bounds: ValueType<{ readonly max: number; readonly min: number }> = {
  metavar: 'MAX,MIN',
  parse: given => {
    const words = given.split(',');
    if (words.length > 2) {
      throw new RangeError(
        `${quoted(given)}: Expected two comma separated integers or one integer. Got ${words.length} instead.`,
      );
    }
    const [first, second = 0] = words.map(word => wholeNumber(word, given));
    const [max, min] = [Math.max(first!, second), Math.min(first!, second)];
    if (max < 1)
      throw new RangeError(`${quoted(given)} allows no children: MAX must be at least 1.`);
    return { max, min };
  },
};

function wholeNumber(word: string, given: string): number {
  const value = /^\s*[+-]?\d+\s*$/.test(word) ? exact(word) : undefined;
  if (value === undefined) {
    const expected = word === given ? 'an integer' : 'two comma separated integers';
    throw new RangeError(`${quoted(given)}: Expected ${expected}. Got ${quoted(word)} instead.`);
  }
  if (value < 0) throw new RangeError(`${quoted(given)}: ${value} is not in the range x>=0.`);
  return value;
}

export function port(least: 0 | 1): ValueType<number> {
  const { metavar, parse } = integer(least);
  return {
    metavar,
    parse: given => {
      const value = parse(given);
      if (value <= HIGHEST_PORT) return value;
      throw new RangeError(`${value} is not in the range ${least}<=x<=${HIGHEST_PORT}.`);
    },
  };
}

export function float(least = Number.NEGATIVE_INFINITY): ValueType<number> {
  return {
    metavar: 'FLOAT',
    parse: given => {
      const value = number(given);
      if (value === undefined) throw new RangeError(`${quoted(given)} is not a valid float.`);
      return inRange(value, least);
    },
  };
}

export function seconds(least = Number.NEGATIVE_INFINITY): ValueType<number> {
  const { metavar, parse } = float(least);
  return {
    metavar,
    parse: given => notTooLong(parse(given)),
  };
}

function notTooLong(value: number): number {
  if (value < LONGEST_SECONDS) return value;
  throw new RangeError(`${value} is too long.${secondsHint(value)}`);
}

function number(given: string): number | undefined {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(given) ? Number(given) : undefined;
}

function inRange(value: number, least: number): number {
  if (value < least) throw new RangeError(`${value} is not in the range x>=${least}.`);
  return value;
}

/** Split at commas, nothing trimmed, as in Celery. */
export const list: ValueType<string[]> = {
  metavar: 'LIST',
  parse: given => {
    const names = given.split(',');
    if (names.some(name => name.trim() === '')) {
      throw new RangeError(`${quoted(given)} has an empty name in it.`);
    }
    return names;
  },
};

export function choice<const C extends string>(...choices: C[]): ValueType<C> {
  return {
    metavar: 'NAME',
    parse: given => {
      const found = choices.find(candidate => candidate === given);
      if (found === undefined) throw notOneOf(given, choices);
      return found;
    },
  };
}

function notOneOf(given: string, choices: readonly string[]): RangeError {
  return new RangeError(`${quoted(given)} is not one of ${choices.map(quoted).join(', ')}.`);
}

const LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'FATAL'];

export const logLevel: ValueType<LogLevel> = {
  metavar: 'LEVEL',
  parse: given => {
    const level = levelNamed(given);
    if (!level) throw notOneOf(given.toUpperCase(), LEVELS);
    return level;
  },
};

export const jsonArray: ValueType<unknown[]> = {
  metavar: 'JSON',
  parse: given => {
    const value = json(given);
    if (!Array.isArray(value)) throw new RangeError(`${given} was not an array`);
    return value;
  },
};

export const jsonObject: ValueType<Record<string, unknown>> = {
  metavar: 'JSON',
  parse: given => {
    const value = json(given);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new RangeError(`${given} was not an object`);
    }
    return value as Record<string, unknown>;
  },
};

/** As Python reads it: integers of any size stay exact. */
function json(given: string): unknown {
  try {
    return parsePythonJson(given);
  } catch (error) {
    throw new RangeError(`${quoted(given)} is not valid JSON: ${(error as Error).message}`);
  }
}

const ISO_8601 =
  /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** Kept as text: what a time without offset means is up to `timezone` and `enable_utc`. */
export const isoDate: ValueType<string> = {
  metavar: 'TIME',
  parse: given => {
    if (!isIsoDate(given)) {
      throw new RangeError(
        `${quoted(given)} is not an ISO 8601 date or time such as '2026-01-31' or '2026-01-31T08:00:00+00:00'.`,
      );
    }
    return given;
  },
};

export const isoDateOrSeconds: ValueType<string | number> = {
  metavar: 'TIME|SECONDS',
  parse: given => {
    const seconds = number(given);
    if (seconds !== undefined) return notTooLong(seconds);
    if (isIsoDate(given)) return given;
    throw new RangeError(`${quoted(given)} is neither a number of seconds nor an ISO 8601 date.`);
  },
};

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A moment in the past, in seconds since 1970: so long ago (`90`, `15m`, `2h`, `1d`), or a date. */
export const since: ValueType<number> = {
  metavar: 'DURATION|TIME',
  parse: given => {
    const [, amount, unit = 's'] = /^\s*(\d+(?:\.\d+)?)\s*([smhd])?\s*$/i.exec(given) ?? [];
    if (amount !== undefined) {
      return Date.now() / 1000 - Number(amount) * UNIT_SECONDS[unit.toLowerCase()]!;
    }
    if (isIsoDate(given)) return fromIso(given);
    throw new RangeError(
      `${quoted(given)} is neither a duration such as '90s', '15m', '2h' or '1d' nor an ISO 8601 date.`,
    );
  },
};

function isIsoDate(given: string): boolean {
  if (!ISO_8601.test(given)) return false;
  const [year = 0, month = 0, day = 0] = given.slice(0, 10).split('-').map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return (
    date.getUTCMonth() === month - 1 &&
    !Number.isNaN(Date.parse(`1970-01-01T${given.slice(11, 16) || '00:00'}Z`))
  );
}
