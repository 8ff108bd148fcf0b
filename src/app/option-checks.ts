/**
 * Looks at options by name and kind before anything happens: JavaScript has no compiler that
 * finds `acks_late` or a time limit in quotes. Values that need more than that are checked
 * where they are used.
 */
import type { RetryPolicy } from '../base/backoff.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import { saferepr } from '../base/saferepr.ts';
import type { SignatureData } from '../canvas/signature.ts';
import { LONGEST_SECONDS, millisecondsHint } from '../wire/moments.ts';
import type { EagerOptions } from './task.ts';
import type { ApplyOptions, RetryShorthand, TaskOptions } from './task-options.ts';

interface Kind {
  /** Completes "must be …". */
  readonly words: string;
  accepts(value: unknown): boolean;
  /** A sentence about a value that is not accepted: what was probably meant. */
  hint?(value: unknown): string;
}

type Kinds<Options> = Readonly<Record<keyof Options, Kind>>;

const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const any: Kind = { words: '', accepts: () => true };
const flag: Kind = { words: 'true or false', accepts: value => typeof value === 'boolean' };
const text: Kind = { words: 'a text', accepts: value => typeof value === 'string' };
const name: Kind = {
  words: 'a text that is not empty',
  accepts: value => typeof value === 'string' && value !== '',
};
const number: Kind = { words: 'a number', accepts: value => Number.isFinite(value) };
/** May lie in the past. */
const span: Kind = {
  words: 'a number of seconds',
  accepts: value => Number.isFinite(value) && (value as number) < LONGEST_SECONDS,
  hint: millisecondsHint,
};
const seconds: Kind = {
  words: 'a number of seconds',
  accepts: value => span.accepts(value) && (value as number) >= 0,
  hint: millisecondsHint,
};
const count: Kind = {
  words: 'a whole number',
  accepts: value => Number.isInteger(value) && (value as number) >= 0,
};
const map: Kind = { words: 'an object', accepts: isMap };
const list: Kind = { words: 'a list', accepts: Array.isArray };
const code: Kind = { words: 'a function', accepts: value => typeof value === 'function' };
const queue: Kind = {
  words: 'a queue or its name',
  accepts: value => name.accepts(value) || isMap(value),
};
const exchange: Kind = {
  words: 'an exchange or its name',
  accepts: value => text.accepts(value) || isMap(value),
};
const SIGNATURE: Kinds<SignatureData> = {
  task: name,
  args: list,
  kwargs: map,
  options: map,
  subtask_type: text,
  immutable: flag,
};
/** Of a signature as other nodes make it: read by nobody here, and no slip. */
const SIGNATURE_EXTRAS = new Set(['chord_size', 'type', 'id']);

const linked = (value: unknown) => (Array.isArray(value) ? value : [value]) as readonly unknown[];
const calls: Kind = {
  words: 'a call ({ task: … }) or a list of calls',
  accepts: value =>
    linked(value).every(
      call =>
        isMap(call) &&
        name.accepts((call as { task?: unknown }).task) &&
        slipIn(call, SIGNATURE, SIGNATURE_EXTRAS) === undefined,
    ),
  hint: value => firstSlip(linked(value), SIGNATURE, SIGNATURE_EXTRAS),
};
const rate: Kind = {
  words: 'a number or a text such as "10/m"',
  accepts: value => number.accepts(value) || text.accepts(value),
};

/** Also one of another realm. */
const abortSignal: Kind = {
  words: 'an AbortSignal',
  accepts: value =>
    isMap(value) && typeof (value as Partial<AbortSignal>).throwIfAborted === 'function',
};

/** An object of these parts. */
function partsOf(kinds: Readonly<Record<string, Kind>>, words: string): Kind {
  return {
    words,
    accepts: value => isMap(value) && slipIn(value, kinds) === undefined,
    hint: value => firstSlip([value], kinds),
  };
}

const RETRY_POLICY: Kinds<RetryPolicy> = {
  maxRetries: count,
  intervalStart: seconds,
  intervalStep: seconds,
  intervalMax: seconds,
};
const retryPolicy = partsOf(
  RETRY_POLICY,
  'an object with the numbers maxRetries, intervalStart, intervalStep and intervalMax',
);
const retryKwargs = partsOf({ countdown: span, maxRetries: count }, 'an object');

/** The first part that is unknown or wrong, as a sentence; undefined when all are right. */
function slipIn(
  value: object,
  kinds: Readonly<Record<string, Kind>>,
  extras: ReadonlySet<string> = new Set(),
): string | undefined {
  for (const [key, part] of Object.entries(value)) {
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind && (part == null || kind.accepts(part))) continue;
    if (kind) return ` Its ${key} must be ${kind.words}.`;
    if (extras.has(key)) continue;
    return ` There is no ${JSON.stringify(key)}.${didYouMean(key, Object.keys(kinds))}`;
  }
  return undefined;
}

function firstSlip(
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

const CALL: Kinds<ApplyOptions> = {
  kwargs: map,
  countdown: span,
  eta: any,
  expires: any,
  queue,
  exchange,
  exchangeType: name,
  routingKey: text,
  priority: any,
  serializer: name,
  compression: name,
  deliveryMode: any,
  mandatory: flag,
  taskId: any,
  headers: map,
  ignoreResult: flag,
  timeLimit: seconds,
  softTimeLimit: seconds,
  shadow: text,
  retry: flag,
  retryPolicy,
  signal: abortSignal,
  replyTo: text,
  link: calls,
  linkError: calls,
  argsrepr: text,
  kwargsrepr: text,
  rootId: name,
  parentId: name,
  addToParent: flag,
  properties: map,
};

const EAGER: Kinds<EagerOptions & ApplyOptions> = { ...CALL, throw: flag, retries: count };

const RETRY: Kinds<RetryShorthand> = {
  max: count,
  backoff: seconds,
  backoffMax: seconds,
  delay: seconds,
  jitter: flag,
  for: list,
  unless: list,
};

const TASK: Kinds<TaskOptions> = {
  bind: flag,
  params: list,
  typing: flag,
  acksLate: flag,
  acksOnFailure: flag,
  acksOnTimeout: flag,
  acksOnFailureOrTimeout: flag,
  rejectOnWorkerLost: flag,
  maxRetries: count,
  defaultRetryDelay: seconds,
  ignoreResult: flag,
  storeErrorsEvenIfIgnored: flag,
  trackStarted: flag,
  timeLimit: seconds,
  softTimeLimit: seconds,
  rateLimit: rate,
  throws: list,
  serializer: name,
  compression: name,
  queue: name,
  exchange: text,
  routingKey: text,
  priority: any,
  deliveryMode: any,
  mandatory: flag,
  expires: span,
  trail: flag,
  resultReprMaxsize: count,
  Request: code,
  handlers: map,
  base: code,
  schema: any,
  shadowName: code,
  autoretryFor: list,
  dontAutoretryFor: list,
  retryKwargs,
  retryBackoff: { words: 'true, false or a number of seconds', accepts: isBackoff },
  retryBackoffMax: seconds,
  retryJitter: flag,
  retry: map,
};

function isBackoff(value: unknown): boolean {
  return flag.accepts(value) || seconds.accepts(value);
}

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkCallOptions(options: ApplyOptions): void {
  check(options, CALL, 'a call');
}

/** The same for a call that runs here. */
export function checkEagerOptions(options: EagerOptions): void {
  check(options, EAGER, 'a call');
}

const snakeCased = (option: string) =>
  option.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);

/** Both spellings of what a route may set. */
const ROUTE_OPTIONS: ReadonlyMap<string, keyof ApplyOptions> = new Map(
  (Object.keys(CALL) as (keyof ApplyOptions)[])
    .filter(option => option !== 'kwargs')
    .flatMap(option => [
      [option, option],
      [snakeCased(option), option],
    ]),
);

/**
 * What a route says, in option spelling and without what it leaves open.
 *
 * @param whose the task or the pattern, for errors
 * @throws ImproperlyConfigured naming the option, the value and the nearest known option
 */
export function routeOptions(target: object, whose: string): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(target)) {
    const option = ROUTE_OPTIONS.get(key);
    if (option === undefined) {
      throw new ImproperlyConfigured(
        `The route of ${whose}: there is no option ${JSON.stringify(key)}.${didYouMean(key, ROUTE_OPTIONS.keys())}`,
      );
    }
    if (given === undefined || given === null) continue;
    const value = option === 'retryPolicy' ? inOptionSpelling(given) : given;
    const kind = CALL[option];
    if (!kind.accepts(value)) {
      throw new ImproperlyConfigured(
        `The route of ${whose}: ${key} must be ${kind.words}, got ${saferepr(value)}.${kind.hint?.(value) ?? ''}`,
      );
    }
    options[option] = value;
  }
  return options;
}

/** A retry policy as the settings write it (`max_retries`). */
function inOptionSpelling(policy: unknown): unknown {
  if (!isMap(policy)) return policy;
  const camel = (key: string) =>
    key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(policy).map(([key, value]) => [camel(key), value]));
}

/** The same for the declaration of a task. */
export function checkTaskOptions(options: TaskOptions): void {
  check(options, TASK, 'a task');
  if (options.retry) check(options.retry, RETRY, "a task's retry");
}

export const TASK_OPTION_NAMES = Object.keys(TASK) as readonly (keyof TaskOptions)[];

/** Whether a value could be that option's. */
export function acceptsTaskOption(option: keyof TaskOptions, value: unknown): boolean {
  return TASK[option] !== any && TASK[option].accepts(value);
}

/**
 * The same for an option that is a member of a class.
 *
 * @param whose the class, for errors
 */
export function checkTaskMember(option: string, value: unknown, whose: string): void {
  try {
    checkTaskOptions({ [option]: value });
  } catch (error) {
    throw new TypeError(`${whose}: ${(error as Error).message}`, { cause: error });
  }
}

function check(options: object, kinds: Readonly<Record<string, Kind>>, whose: string): void {
  if (!isMap(options)) {
    throw new TypeError(`The options of ${whose} must be an object, got ${saferepr(options)}`);
  }
  for (const [option, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, option) ? kinds[option] : undefined;
    if (!kind) {
      const hint = didYouMean(option, Object.keys(kinds));
      throw new TypeError(`There is no option ${JSON.stringify(option)} of ${whose}.${hint}`);
    }
    // null is Python's None: not set
    if (value === undefined || value === null || kind.accepts(value)) continue;
    throw new TypeError(
      `The option ${option} must be ${kind.words}, got ${saferepr(value)}.${kind.hint?.(value) ?? ''}`,
    );
  }
}
