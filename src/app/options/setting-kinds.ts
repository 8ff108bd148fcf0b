import { levelNamed } from '../../base/logger.ts';
import { snakeCase } from '../../base/text/case.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { RATE_WORDS, readRate } from '../../base/time/rate.ts';
import { LONGEST_SECONDS, secondsHint } from '../../base/time/seconds.ts';
import { isTimeZone, nearestTimeZone } from '../../base/time/time-zone.ts';
import { DELIVERY_MODES, type DeliveryMode } from './delivery-mode.ts';
import { PRIORITY_NAMES, type Priority, type PriorityName } from './priority-names.ts';

/** Returned by `Kind.read` for a value of the wrong type. */
export const UNREADABLE: unique symbol = Symbol('unreadable');

/** `Given` is what a config file may say, `Kept` what a reader of `app.conf` gets. */
export interface Kind<Given, Kept = Given> {
  readonly name: string;
  /** Completes "must be …". */
  readonly expects: string;
  read(value: unknown): Kept | typeof UNREADABLE;
  /** A word of a command line as a value for `read`; undefined when it cannot be one. */
  fromText(text: string): unknown;
  /** A sentence about a value that was not read: what was probably meant. */
  hint?(value: unknown): string;
  readonly '~given'?: Given;
}

/** A duration: seconds, the sum of some units, or ISO 8601 text such as `PT1H30M`. */
export type Duration = number | DurationUnits | string;

export interface DurationUnits {
  readonly weeks?: number;
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

export type Dict = Readonly<Record<string, unknown>>;
// biome-ignore lint/complexity/noBannedTypes: a class or function that is looked at by nobody here
export type ClassPath = string | Function;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const TRUE_WORDS = new Set(['true', 'yes', '1', 'on']);
const FALSE_WORDS = new Set(['false', 'no', '0', 'off']);

function numberFromText(text: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text)) {
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  return NUMBER.test(text) ? Number(text) : undefined;
}

export function isDict(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  // a module namespace or an object of another realm has another prototype than Object's
  return (
    prototype === null ||
    prototype === Object.prototype ||
    Object.getPrototypeOf(prototype) === null
  );
}

function kind<Given, Kept = Given>(
  name: string,
  expects: string,
  read: (value: unknown) => Kept | typeof UNREADABLE,
  fromText: (text: string) => unknown = text => text,
): Kind<Given, Kept> {
  return { name, expects, read, fromText };
}

function accepting<T>(test: (value: unknown) => value is T) {
  return (value: unknown): T | typeof UNREADABLE => (test(value) ? value : UNREADABLE);
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && !Number.isNaN(value);

export const string = kind<string>('string', 'a string', accepting(isString));

export const bool = kind<boolean>('bool', 'true or false', accepting(isBoolean), text => {
  const word = text.toLowerCase();
  return TRUE_WORDS.has(word) ? true : FALSE_WORDS.has(word) ? false : undefined;
});

export const float = kind<number>('float', 'a number', accepting(isNumber), numberFromText);

function wholeNumber(expects: string, least: number, most = Number.POSITIVE_INFINITY) {
  const test = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
  return {
    ...kind<number>('int', expects, accepting(test), numberFromText),
    hint: (value: unknown) =>
      Number.isInteger(value) && !Number.isSafeInteger(value) ? ' It is too large.' : '',
  };
}

export const int = wholeNumber('a whole number', Number.NEGATIVE_INFINITY);
export const count = wholeNumber('a whole number, 0 or more', 0);
export const positive = wholeNumber('a whole number, 1 or more', 1);
export const priority = wholeNumber('a whole number from 0 to 255', 0, 255);
export const priorityOrName: Kind<Priority> = {
  ...kind<Priority>(
    'int or string',
    "'high', 'normal', 'low' or a whole number from 0 to 255",
    value =>
      PRIORITY_NAMES.includes(value as PriorityName) ? (value as Priority) : priority.read(value),
    text => numberFromText(text) ?? text,
  ),
  hint: value => (isString(value) ? didYouMean(value, PRIORITY_NAMES) : ''),
};
export const port = wholeNumber('a port from 0 to 65535', 0, 65_535);
export const protocol = wholeNumber('1 or 2', 1, 2);

export const dict = kind<Dict>('dict', 'a map', accepting(isDict));
export const any = kind<unknown>('any', 'anything', value => value);

/** Whatever is accepted, with a type for those who write a config file. */
export function anyOf<T>(name: string): Kind<T> {
  return kind<T>(name, 'anything', value => value as T);
}

/** A list of strings; one string alone is a list of one. */
export const strings = kind<readonly string[] | string, readonly string[]>(
  'list',
  'a list of strings',
  value => {
    if (isString(value)) return [value];
    return Array.isArray(value) && value.every(isString) ? [...value] : UNREADABLE;
  },
  text => text.split(','),
);

/** Broker URLs: kept as one string with `;` between them, as kombu has them. */
export const urls = kind<readonly string[] | string, string>(
  'URL or list of URLs',
  'a URL, or a list of URLs',
  value => {
    if (isString(value)) return value;
    const isList = Array.isArray(value) && value.length > 0 && value.every(isString);
    return isList ? value.join(';') : UNREADABLE;
  },
);

const UNIT_SECONDS: Readonly<Record<keyof DurationUnits, number>> = {
  weeks: 604_800,
  days: 86_400,
  hours: 3_600,
  minutes: 60,
  seconds: 1,
  milliseconds: 0.001,
};
const ISO_DURATION =
  /^P(?=.)(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?=.)(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/;
const ISO_UNITS = ['weeks', 'days', 'hours', 'minutes', 'seconds'] as const;

function readDuration(value: unknown): number | typeof UNREADABLE {
  const seconds = isNumber(value) ? value : durationSeconds(value);
  return seconds >= 0 && seconds < LONGEST_SECONDS ? seconds : UNREADABLE;
}

/** NaN when it is no duration. */
function durationSeconds(value: unknown): number {
  if (isString(value)) {
    const match = ISO_DURATION.exec(value);
    if (!match) return Number.NaN;
    return ISO_UNITS.reduce(
      (sum, unit, i) => sum + Number(match[i + 1] ?? 0) * UNIT_SECONDS[unit],
      0,
    );
  }
  if (!isDict(value) || Object.keys(value).length === 0) return Number.NaN;
  return Object.entries(value).reduce((sum, [unit, amount]) => {
    const seconds = Object.hasOwn(UNIT_SECONDS, unit)
      ? UNIT_SECONDS[unit as keyof DurationUnits]
      : Number.NaN;
    return sum + (isNumber(amount) ? amount * seconds : Number.NaN);
  }, 0);
}

export const duration: Kind<Duration, number> = {
  ...kind<Duration, number>(
    'seconds',
    'a number of seconds (0 or more) or a map such as {minutes: 5}',
    readDuration,
    text => numberFromText(text) ?? text,
  ),
  hint(value) {
    const units = Object.keys(UNIT_SECONDS);
    const unknown = isDict(value) && Object.keys(value).find(key => !units.includes(key));
    return unknown
      ? didYouMean(unknown, units)
      : secondsHint(isNumber(value) ? value : durationSeconds(value));
  },
};

export const timeZone: Kind<string> = {
  ...kind<string>(
    'time zone',
    'an IANA time zone such as "Europe/Berlin"',
    accepting((value): value is string => isString(value) && isTimeZone(value)),
  ),
  hint: value => {
    const found = nearestTimeZone(String(value));
    return found === undefined ? '' : ` Did you mean ${JSON.stringify(found)}?`;
  },
};

export const classPath = kind<ClassPath>(
  'string or class',
  'a name, a class or a function',
  accepting(
    (value): value is ClassPath => typeof value === 'string' || typeof value === 'function',
  ),
);

const TLS_OPTIONS = [
  ...['keyfile', 'certfile', 'ca_certs', 'cert_reqs', 'check_hostname'],
  ...['keyfile_password', 'password', 'ciphers', 'server_hostname'],
];
const TLS_KEYS: readonly string[] = [...TLS_OPTIONS.map(name => `ssl_${name}`), ...TLS_OPTIONS];
/** In files that Python reads too; Node decides these by itself. */
const PYTHON_TLS_KEYS: ReadonlySet<string> = new Set(
  [
    'version',
    'min_version',
    'ca_path',
    'ca_data',
    'context',
    'server_side',
    'do_handshake_on_connect',
    'suppress_ragged_eofs',
  ].flatMap(name => [name, `ssl_${name}`]),
);

const unknownTlsKey = (value: Dict) =>
  Object.keys(value).find(key => !TLS_KEYS.includes(key) && !PYTHON_TLS_KEYS.has(key));

export const ssl: Kind<boolean | Dict> = {
  ...kind<boolean | Dict>(
    'bool or dict',
    'true, false, or a map of TLS options',
    accepting(
      (value): value is boolean | Dict =>
        isBoolean(value) || (isDict(value) && unknownTlsKey(value) === undefined),
    ),
    bool.fromText,
  ),
  hint(value) {
    const key = isDict(value) ? unknownTlsKey(value) : undefined;
    if (key === undefined) return '';
    const hint = didYouMean(snakeCase(key), TLS_KEYS);
    return ` There is no ${JSON.stringify(key)}.${hint || ` There are ${TLS_OPTIONS.join(', ')}, also with ssl_ before each.`}`;
  },
};

export const deliveryMode: Kind<DeliveryMode, 1 | 2> = {
  ...kind<DeliveryMode, 1 | 2>(
    'delivery mode',
    '1, 2, "transient" or "persistent"',
    value => DELIVERY_MODES.get(value) ?? UNREADABLE,
  ),
  hint: value => (isString(value) ? didYouMean(value, ['transient', 'persistent']) : ''),
};

export const rate = kind<string | number>('rate', RATE_WORDS, value =>
  readRate(value) === undefined ? UNREADABLE : (value as string | number),
);

function oneOf<Word extends string>(...words: readonly Word[]): Kind<Word> {
  const quoted = words.map(word => JSON.stringify(word));
  return {
    ...kind<Word>(
      'string',
      `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
      accepting((value): value is Word => words.includes(value as Word)),
    ),
    hint: value => (isString(value) ? didYouMean(value, words) : ''),
  };
}

export const unknownTask = oneOf('discard', 'requeue');
export const delayQueueType = oneOf('quorum', 'classic');
export const queueType: Kind<string> = oneOf('classic', 'quorum', 'stream');
export const exchangeType: Kind<string> = oneOf('direct', 'topic', 'fanout', 'headers');

export const queueTemplate = kind<string>(
  'string',
  'the name of a queue, in which {queue} may stand for another (as "{queue}.dead")',
  value => {
    const isName = isString(value) && value !== '' && value !== '{queue}';
    return isName && !/[{}]/.test(value.replaceAll('{queue}', '')) ? value : UNREADABLE;
  },
);

const LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];

export const logLevel: Kind<string> = {
  ...kind<string>('log level', `a log level (${LEVELS.join(', ')})`, value =>
    isString(value) && levelNamed(value) !== undefined ? value : UNREADABLE,
  ),
  hint: value => (isString(value) ? didYouMean(value, LEVELS) : ''),
};

export function codeOr(...words: readonly string[]): Kind<ClassPath> {
  const word = oneOf(...words);
  return {
    ...kind<ClassPath>(classPath.name, `${word.expects}, or a function`, value =>
      typeof value === 'function' ? value : word.read(value),
    ),
    ...(word.hint && { hint: word.hint }),
  };
}

export function wordInAnyCase(...words: readonly string[]): Kind<string> {
  const word = oneOf(...words);
  return {
    ...kind<string>('string', word.expects, value =>
      isString(value) && words.includes(value.toUpperCase()) ? value : UNREADABLE,
    ),
    hint: value => (isString(value) ? didYouMean(value.toUpperCase(), words) : ''),
  };
}

/**
 * A map with these keys and no others, kept under Celery's spelling; camelCase is accepted. A
 * part that is null or undefined is kept as it is.
 */
export function mapOf(
  parts: Readonly<Record<string, Pick<Kind<unknown>, 'expects' | 'read'>>>,
): Kind<Dict> {
  const names = Object.keys(parts);
  const partOf = (key: string) => {
    const name = snakeCase(key);
    return Object.hasOwn(parts, name) ? { name, part: parts[name]! } : undefined;
  };
  const isGood = (key: string, value: unknown) => {
    const part = partOf(key)?.part;
    return part !== undefined && (value == null || part.read(value) !== UNREADABLE);
  };
  return {
    ...kind<Dict>('dict', `a map of ${names.join(', ')}`, value => {
      if (!isDict(value)) return UNREADABLE;
      const entries = Object.entries(value);
      if (!entries.every(([key, each]) => isGood(key, each))) return UNREADABLE;
      return Object.fromEntries(
        entries.map(([key, each]) => {
          const { name, part } = partOf(key)!;
          return [name, each == null ? each : part.read(each)];
        }),
      );
    }),
    hint(value) {
      if (!isDict(value)) return '';
      const [key, wrong] = Object.entries(value).find(each => !isGood(...each)) ?? [];
      if (key === undefined) return '';
      const part = partOf(key)?.part;
      if (part) return ` Its ${key} must be ${part.expects}, not ${typeOf(wrong)}.`;
      return ` There is no ${JSON.stringify(key)}.${didYouMean(snakeCase(key), names)}`;
    },
  };
}

function typeOf(value: unknown): string {
  if (isNumber(value) || isBoolean(value)) return String(value);
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}

export const id = kind<string | number>(
  'string or int',
  'a name or a number',
  accepting((value): value is string | number => isString(value) || isNumber(value)),
  text => (/^[1-9]\d*$/.test(text) ? Number(text) : text),
);

/** The same kind, with null besides (Python's None) although the default is something else. */
export function orNull<Given, Kept>(inner: Kind<Given, Kept>): Kind<Given | null, Kept | null> {
  return {
    ...(inner.hint && { hint: inner.hint }),
    name: inner.name,
    expects: `${inner.expects}, or null`,
    read: value => (value === null ? null : inner.read(value)),
    fromText: text => (/^(none|null)$/i.test(text) ? null : inner.fromText(text)),
  };
}
