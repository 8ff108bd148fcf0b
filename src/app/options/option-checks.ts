/** The options of tasks, of calls and of routes, by name and kind. */

import { ImproperlyConfigured } from '../../base/errors.ts';
import { isErrorClass, isMap, isRecord } from '../../base/kind-of.ts';
import {
  abortSignal,
  any,
  checkArgument,
  checkOptions,
  code,
  count,
  flag,
  type Instead,
  type Kind,
  type Kinds,
  list,
  listOf,
  map,
  name,
  names,
  oneOf,
  partsOf,
  seconds,
  span,
  text,
} from '../../base/option-kinds.ts';
import { camelCase, snakeCase } from '../../base/text/case.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { RetryPolicy } from '../../base/time/backoff.ts';
import type { TaskHandlers } from '../../execute/handlers.ts';
import { EXCHANGE_TYPES } from '../../messaging/entities.ts';
import * as settingKinds from './setting-kinds.ts';
import { calls } from './signature-options.ts';
import type { ApplyOptions, EagerOptions, RetryShorthand, TaskOptions } from './task-options.ts';

const queue: Kind = {
  words: 'a queue or its name',
  accepts: value => name.accepts(value) || isMap(value),
};
const exchange: Kind = {
  words: 'an exchange or its name',
  accepts: value => text.accepts(value) || isMap(value),
};
function asSetting(kind: Pick<settingKinds.Kind<unknown>, 'expects' | 'read' | 'hint'>): Kind {
  return {
    words: kind.expects,
    accepts: value => kind.read(value) !== settingKinds.UNREADABLE,
    ...(kind.hint && { hint: kind.hint }),
  };
}

const errorClasses = listOf(
  { words: '', accepts: isErrorClass },
  'a list of error classes (not their names)',
);
const errorTests = listOf(code, 'a list of error classes and functions (not their names)');

export const HANDLERS: Kinds<Required<TaskHandlers>> = {
  beforeStart: code,
  onSuccess: code,
  onFailure: code,
  onRetry: code,
  afterReturn: code,
};
const handlersOfTask = partsOf(
  HANDLERS,
  `an object with the functions ${Object.keys(HANDLERS).join(', ')}`,
);
/** What a class makes may have members of its own. */
const handlers: Kind = {
  ...handlersOfTask,
  accepts: value => isMap(value) && (!isRecord(value) || handlersOfTask.accepts(value)),
};

export const RETRY_POLICY: Kinds<RetryPolicy> = {
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

const schema: Kind = {
  words: 'a Standard Schema (of zod, valibot, arktype, …)',
  accepts: value => {
    const standard: unknown = (value as { '~standard'?: unknown })['~standard'];
    return isMap(standard) && code.accepts((standard as { validate?: unknown }).validate);
  },
};

export const CALL: Kinds<ApplyOptions> = {
  kwargs: map,
  countdown: span,
  eta: any,
  expires: any,
  queue,
  exchange,
  exchangeType: oneOf(...EXCHANGE_TYPES),
  routingKey: text,
  priority: any,
  serializer: name,
  compression: name,
  deliveryMode: asSetting(settingKinds.deliveryMode),
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

export const EAGER: Kinds<EagerOptions & ApplyOptions> = { ...CALL, throw: flag, retries: count };

export const RETRY: Kinds<RetryShorthand> = {
  max: count,
  backoff: seconds,
  backoffMax: seconds,
  delay: seconds,
  jitter: flag,
  for: errorTests,
  unless: errorTests,
};

export const TASK: Kinds<TaskOptions> = {
  bind: flag,
  params: names,
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
  rateLimit: asSetting(settingKinds.rate),
  throws: errorClasses,
  serializer: name,
  compression: name,
  queue: name,
  exchange: text,
  routingKey: text,
  priority: asSetting(settingKinds.priorityOrName),
  deliveryMode: asSetting(settingKinds.deliveryMode),
  mandatory: flag,
  expires: span,
  trail: flag,
  sendEvents: flag,
  resultReprMaxsize: count,
  Request: code,
  handlers,
  base: code,
  schema,
  shadowName: code,
  autoretryFor: errorTests,
  dontAutoretryFor: errorTests,
  retryKwargs,
  retryBackoff: { words: 'true, false or a number of seconds', accepts: isBackoff },
  retryBackoffMax: seconds,
  retryJitter: flag,
  retry: map,
};

function isBackoff(value: unknown): boolean {
  return flag.accepts(value) || seconds.accepts(value);
}

const ARGUMENTS = 'The arguments of a call';

interface Callee {
  hasParameter(name: string): boolean;
}

/**
 * @param task that is called, when it is known here
 * @throws TypeError naming the option, the value and the nearest known option
 */
export function checkCall(args: unknown, options: ApplyOptions, task: Callee | undefined): void {
  checkArgument(args, list, ARGUMENTS);
  checkOptions(options, CALL, 'a call', kwargsHint(task));
}

/** Of a signature. @throws TypeError for an option that is none, or of the wrong kind */
export function checkKeptOptions(options: ApplyOptions): void {
  checkOptions(options, CALL, 'set');
}

export function checkEagerCall(
  args: unknown,
  options: EagerOptions,
  task: Callee | undefined,
): void {
  checkArgument(args, list, ARGUMENTS);
  checkOptions(options, EAGER, 'a call', kwargsHint(task));
}

/** Python has keyword arguments in the place of options. */
function kwargsHint(task: Callee | undefined): Instead {
  return (option, value, isNear) => {
    if (isNear && !task?.hasParameter(option)) return '';
    return ` Keyword arguments go into kwargs: { kwargs: { ${option}: ${saferepr(value)} } }.`;
  };
}

/** Both spellings of what a route may set, since config files may be shared with Python. */
export const ROUTE_OPTIONS: ReadonlyMap<string, keyof ApplyOptions> = new Map(
  (Object.keys(CALL) as (keyof ApplyOptions)[])
    .filter(option => option !== 'kwargs')
    .flatMap(option => [
      [option, option],
      [snakeCase(option), option],
    ]),
);

/**
 * What a route says, in option spelling and without what it leaves open.
 *
 * @param whose the task or the pattern, for errors
 * @throws ImproperlyConfigured naming the option, the value and the nearest known option
 */
export function routeOptions(target: object, whose: string): Record<string, unknown> {
  return configuredOptions(target, `The route of ${whose}`);
}

/**
 * The options of a call that a setting gives, in option spelling and without what it leaves open.
 *
 * @param place where they stand, for errors
 * @throws ImproperlyConfigured naming the option, the value and the nearest known option
 */
export function configuredOptions(target: object, place: string): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(target)) {
    const option = ROUTE_OPTIONS.get(key);
    if (option === undefined) {
      throw new ImproperlyConfigured(
        `${place}: there is no option ${JSON.stringify(key)}.${didYouMean(key, ROUTE_OPTIONS.keys())}`,
      );
    }
    if (given === undefined || given === null) continue;
    const value = option === 'retryPolicy' ? inOptionSpelling(given) : given;
    const kind = CALL[option];
    if (!kind.accepts(value)) {
      throw new ImproperlyConfigured(
        `${place}: ${key} must be ${kind.words}, got ${saferepr(value)}.${kind.hint?.(value) ?? ''}`,
      );
    }
    options[option] = value;
  }
  return options;
}

/** What the settings write with `max_retries`. */
export function inOptionSpelling(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [camelCase(key), part]));
}

const LIMITS: ReadonlySet<string> = new Set(['attempts', 'tries', 'retries', 'maxRetries']);

function otherLimit(option: string): string {
  return LIMITS.has(option) ? ' Tries after the first are "max".' : '';
}

export function checkTaskOptions(options: TaskOptions): void {
  checkOptions(options, TASK, 'a task');
  if (options.retry) checkOptions(options.retry, RETRY, "a task's retry", otherLimit);
}

export const TASK_OPTION_NAMES = Object.keys(TASK) as readonly (keyof TaskOptions)[];

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
