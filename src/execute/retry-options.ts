/** The options of `self.retry`, by name and kind: JavaScript has no compiler that finds a typo. */
import { isError } from '../base/kind-of.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { isSeconds, secondsHint } from '../base/time/seconds.ts';
import type { RetryPublishOptions } from './errors.ts';

export interface RetryOptions extends RetryPublishOptions {
  /** The error that made the task try again; stored with state RETRY and thrown when no try is left. */
  readonly exc?: unknown;
  /** Seconds until the next try. Default: the task's `defaultRetryDelay`. */
  readonly countdown?: number;
  /** The moment of the next try: a Date, ISO 8601 text or seconds since 1970; wins over `countdown`. */
  readonly eta?: Date | string | number;
  /** Tries after the first; null is for ever. Default: the task's `maxRetries`. */
  readonly maxRetries?: number | null;
  /** Drop the next try when it has not started by then: seconds from now, a Date or ISO 8601. */
  readonly expires?: number | Date | string;
  /** Arguments of the next try. Default: those of this one. */
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

interface Kind {
  /** Completes "must be …". */
  readonly words: string;
  accepts(value: unknown): boolean;
  hint?(value: unknown): string;
}

const any: Kind = { words: '', accepts: () => true };
const text: Kind = { words: 'a text', accepts: value => typeof value === 'string' };
const seconds: Kind = { words: 'a number of seconds', accepts: isSeconds, hint: secondsHint };
const map: Kind = {
  words: 'an object',
  accepts: value => typeof value === 'object' && !Array.isArray(value),
};

export const KINDS: Readonly<Record<keyof RetryOptions, Kind>> = {
  exc: any,
  countdown: { words: 'a number of seconds', accepts: value => Number.isFinite(value) },
  // times are looked at where they are read
  eta: any,
  maxRetries: {
    words: 'a whole number, or null for no limit',
    accepts: value => Number.isSafeInteger(value) && (value as number) >= 0,
  },
  expires: any,
  args: { words: 'a list', accepts: Array.isArray },
  kwargs: map,
  queue: text,
  exchange: text,
  routingKey: text,
  serializer: text,
  compression: text,
  shadow: text,
  priority: { words: 'a number', accepts: value => Number.isFinite(value) },
  headers: map,
  timeLimit: seconds,
  softTimeLimit: seconds,
};

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkRetryOptions(options: RetryOptions): void {
  if (isError(options) || typeof options !== 'object' || options === null) {
    const mend = isError(options) ? '; to give the error: retry({ exc: error })' : '';
    throw new TypeError(`retry takes an object of options, got ${saferepr(options)}${mend}`);
  }
  for (const [option, value] of Object.entries(options)) {
    const kind = Object.hasOwn(KINDS, option) ? KINDS[option as keyof RetryOptions] : undefined;
    if (!kind) {
      const hint = didYouMean(option, Object.keys(KINDS));
      throw new TypeError(`There is no option ${JSON.stringify(option)} of retry.${hint}`);
    }
    // null is Python's None: not set
    if (value === undefined || value === null || kind.accepts(value)) continue;
    throw new TypeError(
      `The option ${option} of retry must be ${kind.words}, got ${saferepr(value)}.${kind.hint?.(value) ?? ''}`,
    );
  }
}
