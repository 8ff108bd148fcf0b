/** The fields of a crontab: their texts, and the numbers that they stand for. */
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { InvalidSchedule, ParseException } from './errors.ts';

/** A number, Celery's text (`*`, `5`, `mon-fri`, `8-18/2`, `1,15`), or several numbers. */
export type CrontabValue = number | string | Iterable<number>;

export type CrontabFieldName = 'minute' | 'hour' | 'dayOfWeek' | 'dayOfMonth' | 'monthOfYear';

interface FieldRange {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  /** Completes the error about a number that is out of range. */
  readonly hint?: string;
}

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  ...['january', 'february', 'march', 'april', 'may', 'june'],
  ...['july', 'august', 'september', 'october', 'november', 'december'],
];

const RANGES: Readonly<Record<CrontabFieldName, FieldRange>> = {
  minute: { min: 0, max: 59 },
  hour: { min: 0, max: 23 },
  dayOfWeek: { min: 0, max: 6, names: WEEKDAYS, hint: ' Sunday is 0, Saturday is 6.' },
  dayOfMonth: { min: 1, max: 31 },
  monthOfYear: { min: 1, max: 12, names: MONTHS },
};

const MOST_REMEMBERED = 1000;
const LONGEST_REMEMBERED = 100;
const remembered: Readonly<Record<CrontabFieldName, Map<unknown, FieldNumbers>>> = {
  minute: new Map(),
  hour: new Map(),
  dayOfWeek: new Map(),
  dayOfMonth: new Map(),
  monthOfYear: new Map(),
};

/** The numbers of a field; immutable, so that fields of one text share it. */
export class FieldNumbers {
  readonly values: readonly number[];
  /** Given with a `*`, or by every number there is: not a fixed one. */
  readonly isWildcard: boolean;
  /** For each number the next one of the field that is not smaller; -1 when there is none. */
  readonly #next: Int8Array;

  constructor(values: ReadonlySet<number>, range: FieldRange, hasStar: boolean) {
    this.values = [...values].sort((a, b) => a - b);
    this.isWildcard = hasStar || this.values.length === range.max - range.min + 1;
    this.#next = new Int8Array(range.max + 2).fill(-1);
    for (let number = range.max; number >= 0; number--) {
      this.#next[number] = values.has(number) ? number : this.#next[number + 1]!;
    }
  }

  get first(): number {
    return this.values[0]!;
  }

  has(number: number): boolean {
    return this.#next[number] === number;
  }

  /** The smallest number of the field that is not smaller than `number`, or -1. */
  from(number: number): number {
    return this.#next[number] ?? -1;
  }
}

/**
 * @throws ParseException for text that is not of the grammar, InvalidSchedule for numbers out of
 * range and what is no value of a field
 */
export function fieldNumbers(name: CrontabFieldName, value: CrontabValue): FieldNumbers {
  const known = remembered[name].get(value);
  if (known !== undefined) return known;
  const numbers = new FieldReader(name, value).read();
  if (
    typeof value === 'number' ||
    (typeof value === 'string' && value.length < LONGEST_REMEMBERED)
  ) {
    if (remembered[name].size >= MOST_REMEMBERED) remembered[name].clear();
    remembered[name].set(value, numbers);
  }
  return numbers;
}

/** As Python's `str` writes what was given. */
export function fieldRepr(value: CrontabValue): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  const list = [...value].join(', ');
  return Array.isArray(value) ? `[${list}]` : `{${list}}`;
}

/** As text that means the same. */
export function fieldText(value: CrontabValue): string {
  return typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : [...value].join(',');
}

class FieldReader {
  readonly #name: CrontabFieldName;
  readonly #value: CrontabValue;
  readonly #range: FieldRange;

  constructor(name: CrontabFieldName, value: CrontabValue) {
    this.#name = name;
    this.#value = value;
    this.#range = RANGES[name];
  }

  read(): FieldNumbers {
    const value: unknown = this.#value;
    if (typeof value === 'string') {
      const numbers = new Set(value.split(',').flatMap(part => this.#part(part.trim())));
      return new FieldNumbers(numbers, this.#range, value.includes('*'));
    }
    if (typeof value === 'number') return this.#given([value]);
    if (isIterable(value)) return this.#given([...value]);
    throw this.#invalid(
      `Argument cronspec needs to be a number, a string, or several numbers; got ${saferepr(value)}.`,
    );
  }

  #given(numbers: readonly unknown[]): FieldNumbers {
    const { min, max, hint = '' } = this.#range;
    if (numbers.length === 0)
      throw this.#invalid('No numbers are given, so it would never be due.');
    const wrong = numbers.find(each => !Number.isInteger(each));
    if (wrong !== undefined) {
      const text =
        typeof wrong === 'string' ? ` Write one string: ${JSON.stringify(numbers.join(','))}.` : '';
      throw this.#invalid(`Numbers have to be whole ones, got ${saferepr(wrong)}.${text}`);
    }
    const outside = (numbers as number[]).find(each => each < min || each > max);
    if (outside !== undefined) {
      throw this.#invalid(
        `Invalid crontab pattern. Valid range is ${min}-${max}. '${outside}' was found.${hint}`,
      );
    }
    return new FieldNumbers(new Set(numbers as number[]), this.#range, false);
  }

  #part(part: string): number[] {
    if (part === '') throw this.#unreadable('empty part');
    const { min, max } = this.#range;
    const [span, step, ...more] = part.split('/');
    if (more.length > 0) throw this.#unreadable(`more than one step in '${part}'`);
    const [from, to, ...others] = span!.split('-');
    if (span === '*') return every(this.#step(step), sequence(min, max));
    if (from === '' && to !== undefined) throw this.#unreadable('negative numbers not supported');
    if (others.length > 0 || to === '') throw this.#unreadable(`'${span}' is no range`);
    const start = this.#number(from!);
    if (to === undefined) {
      if (step === undefined) return [start];
      throw this.#unreadable(`a step follows * or a range: ${start}-${max}/${step || 'n'}?`);
    }
    return every(this.#step(step), this.#span(start, this.#number(to)));
  }

  /** Wraps around: from Friday to Monday. */
  #span(start: number, end: number): number[] {
    const { min, max } = this.#range;
    if (start <= end) return sequence(start, end);
    return [...sequence(start, max), ...sequence(min, end)];
  }

  #step(text: string | undefined): number {
    if (text === undefined) return 1;
    if (text === '') throw this.#unreadable('empty filter');
    const step = /^\d+$/.test(text) ? Number(text) : 0;
    if (step === 0) throw this.#unreadable(`'${text}' is no step: it has to be a number from 1 on`);
    return step;
  }

  #number(text: string): number {
    const { min, max, hint = '' } = this.#range;
    const number = /^\d+$/.test(text) ? Number(text) : this.#named(text);
    if (number > max) throw this.#invalid(`Invalid end range: ${number} > ${max}.${hint}`);
    if (number < min) throw this.#invalid(`Invalid beginning range: ${number} < ${min}.${hint}`);
    return number;
  }

  /** Three letters of a name are enough. */
  #named(text: string): number {
    const { min, names = [] } = this.#range;
    const word = text.toLowerCase();
    const found = word.length < 3 ? -1 : names.findIndex(name => name.startsWith(word));
    if (found >= 0) return found + min;
    const kind = this.#name === 'monthOfYear' ? 'month' : 'weekday';
    const hint =
      names.length === 0 ? ' It has numbers only.' : didYouMean(word, abbreviated(names));
    throw this.#invalid(`Invalid ${names.length === 0 ? '' : `${kind} `}literal '${text}'.${hint}`);
  }

  #unreadable(what: string): ParseException {
    return new ParseException(this.#told(what));
  }

  #invalid(what: string): InvalidSchedule {
    return new InvalidSchedule(this.#told(what));
  }

  #told(what: string): string {
    return `crontab, ${this.#name} ${saferepr(this.#value)}: ${what}`;
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function sequence(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function every(step: number, numbers: readonly number[]): number[] {
  return numbers.filter((_, i) => i % step === 0);
}

function abbreviated(names: readonly string[]): string[] {
  return names.flatMap(name => [name, name.slice(0, 3)]);
}
