/**
 * Looks at options by name and kind before anything happens: JavaScript has no compiler that
 * finds `acks_late`, a time limit in quotes or `get(5)`. Values that need more than that are
 * checked where they are used.
 */
import { isMap, isRecord } from './kind-of.ts';
import { didYouMean } from './text/nearest.ts';
import { saferepr } from './text/saferepr.ts';
import { LONGEST_SECONDS, secondsHint } from './time/seconds.ts';

export interface Kind {
  /** Completes "must be …". */
  readonly words: string;
  accepts(value: unknown): boolean;
  /** A sentence about a value that is not accepted: what was probably meant. */
  hint?(value: unknown): string;
}

export type Kinds<Options> = Readonly<Record<keyof Options, Kind>>;

export const any: Kind = { words: '', accepts: () => true };
export const flag: Kind = {
  words: 'true or false',
  accepts: value => typeof value === 'boolean',
};
export const text: Kind = { words: 'a text', accepts: value => typeof value === 'string' };
export const name: Kind = {
  words: 'a text that is not empty',
  accepts: value => typeof value === 'string' && value !== '',
};
export const number: Kind = { words: 'a number', accepts: value => Number.isFinite(value) };
/** May lie in the past, as a countdown does when it is what is left of a time that has passed. */
export const span: Kind = {
  words: 'a number of seconds',
  accepts: value => Number.isFinite(value) && (value as number) < LONGEST_SECONDS,
  hint: secondsHint,
};
export const seconds: Kind = {
  words: 'a number of seconds',
  accepts: value => span.accepts(value) && (value as number) >= 0,
  hint: secondsHint,
};
/** How long to wait: without end too, and not at all when what is left of a time is negative. */
export const wait: Kind = {
  words: 'a number of seconds',
  accepts: value => value === Number.POSITIVE_INFINITY || span.accepts(value),
  hint: secondsHint,
};
export const count: Kind = {
  words: 'a whole number',
  accepts: value => Number.isSafeInteger(value) && (value as number) >= 0,
};
export const map: Kind = { words: 'an object', accepts: isMap };
export const list: Kind = { words: 'a list', accepts: Array.isArray };
export const names: Kind = listOf(name, 'a list of texts that are not empty');
export const code: Kind = { words: 'a function', accepts: value => typeof value === 'function' };

/** Also one of another realm, whose AbortSignal is another class. */
export const abortSignal: Kind = {
  words: 'an AbortSignal',
  accepts: value =>
    isMap(value) && typeof (value as Partial<AbortSignal>).throwIfAborted === 'function',
};

export function oneOf(...words: readonly string[]): Kind {
  const quoted = words.map(word => JSON.stringify(word));
  return {
    words: quoted.length > 1 ? `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}` : quoted[0]!,
    accepts: value => typeof value === 'string' && words.includes(value),
    hint: value => (typeof value === 'string' ? didYouMean(value, words) : ''),
  };
}

export function listOf(each: Kind, words: string): Kind {
  return {
    words,
    accepts: value => Array.isArray(value) && value.every(entry => each.accepts(entry)),
  };
}

export function partsOf(kinds: Readonly<Record<string, Kind>>, words: string): Kind {
  return {
    words,
    accepts: value => isMap(value) && slipIn(value, kinds) === undefined,
    hint: value => firstSlip([value], kinds),
  };
}

/** The first part that is unknown or wrong, as a sentence; undefined when all are right. */
export function slipIn(
  value: object,
  kinds: Readonly<Record<string, Kind>>,
  extras: ReadonlySet<string> = new Set(),
): string | undefined {
  for (const [key, part] of Object.entries(value)) {
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind && (part == null || kind.accepts(part))) continue;
    if (kind) return ` Its ${key} must be ${kind.words}.${kind.hint?.(part) ?? ''}`;
    if (extras.has(key)) continue;
    return ` There is no ${JSON.stringify(key)}.${didYouMean(key, Object.keys(kinds))}`;
  }
  return undefined;
}

export function firstSlip(
  values: readonly unknown[],
  kinds: Readonly<Record<string, Kind>>,
  extras?: ReadonlySet<string>,
): string {
  for (const value of values) {
    const slip = isMap(value) ? slipIn(value, kinds, extras) : undefined;
    if (slip !== undefined) return slip;
  }
  return '';
}

/** A sentence about an option that does not exist, besides the nearest name. */
export type Instead = (option: string, value: unknown, isNear: boolean) => string;

/**
 * @param whose as in "There is no option … of a call"
 * @throws TypeError naming the option, the value and the nearest known option
 */
export function checkOptions(
  options: object,
  kinds: Readonly<Record<string, Kind>>,
  whose: string,
  instead?: Instead,
): void {
  const given = isMap(options) ? Object.entries(options) : [];
  // an AbortSignal, a Date, a Map: not what has options
  if (given.length === 0 && !(isMap(options) && isRecord(options))) {
    throw new TypeError(
      `The options of ${whose} must be an object such as { ${Object.keys(kinds)[0]}: … }, got ${saferepr(options)}`,
    );
  }
  for (const [option, value] of given) {
    const kind = Object.hasOwn(kinds, option) ? kinds[option] : undefined;
    if (!kind) {
      const hint = didYouMean(option, Object.keys(kinds));
      const more = instead?.(option, value, hint !== '') ?? '';
      throw new TypeError(
        `There is no option ${JSON.stringify(option)} of ${whose}.${hint}${more}`,
      );
    }
    // null is Python's None: not set
    if (value !== undefined && value !== null) checkArgument(value, kind, `The option ${option}`);
  }
}

/** @throws TypeError naming the argument, for one that is not of the kind; undefined counts too */
export function checkArgument(value: unknown, kind: Kind, argument: string): void {
  if (kind.accepts(value)) return;
  throw new TypeError(
    `${argument} must be ${kind.words}, got ${saferepr(value)}.${kind.hint?.(value) ?? ''}`,
  );
}
