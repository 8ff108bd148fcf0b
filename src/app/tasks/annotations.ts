/**
 * `task_annotations`: options of tasks set from the configuration. Attribute names are data
 * and keep Celery's spelling; the table says which option each one is.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { code, type Kind } from '../../base/option-kinds.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { TaskHandlers } from '../../execute/handlers.ts';
import { inOptionSpelling, TASK } from '../options/option-checks.ts';
import type { TaskOptions } from '../options/task-options.ts';

export const OPTION_OF: Readonly<Record<string, keyof TaskOptions>> = {
  acks_late: 'acksLate',
  acks_on_failure: 'acksOnFailure',
  acks_on_timeout: 'acksOnTimeout',
  acks_on_failure_or_timeout: 'acksOnFailureOrTimeout',
  reject_on_worker_lost: 'rejectOnWorkerLost',
  max_retries: 'maxRetries',
  default_retry_delay: 'defaultRetryDelay',
  ignore_result: 'ignoreResult',
  store_errors_even_if_ignored: 'storeErrorsEvenIfIgnored',
  track_started: 'trackStarted',
  time_limit: 'timeLimit',
  soft_time_limit: 'softTimeLimit',
  rate_limit: 'rateLimit',
  serializer: 'serializer',
  compression: 'compression',
  queue: 'queue',
  exchange: 'exchange',
  routing_key: 'routingKey',
  priority: 'priority',
  delivery_mode: 'deliveryMode',
  expires: 'expires',
  resultrepr_maxsize: 'resultReprMaxsize',
  send_events: 'sendEvents',
  throws: 'throws',
  trail: 'trail',
  typing: 'typing',
  autoretry_for: 'autoretryFor',
  dont_autoretry_for: 'dontAutoretryFor',
  retry_kwargs: 'retryKwargs',
  retry_backoff: 'retryBackoff',
  retry_backoff_max: 'retryBackoffMax',
  retry_jitter: 'retryJitter',
};

const HANDLER_OF: Readonly<Record<string, keyof TaskHandlers>> = {
  before_start: 'beforeStart',
  on_success: 'onSuccess',
  on_failure: 'onFailure',
  on_retry: 'onRetry',
  after_return: 'afterReturn',
};

type Attributes = Readonly<Record<string, unknown>>;

interface Annotator {
  annotate(task: { readonly name: string }): Attributes | undefined;
}

/**
 * `options` with the annotations of the task over them: first those of its exact name, then
 * those of `*`. Of several maps in a list, the first that knows the name counts.
 *
 * @throws ImproperlyConfigured for an attribute that no task has, or a value that it cannot have
 */
export function annotated(name: string, options: TaskOptions, annotations: unknown): TaskOptions {
  if (annotations === null || annotations === undefined) return options;
  const sources = Array.isArray(annotations) ? annotations : [annotations];
  const all = firstFor(sources, '*', name);
  const own = firstFor(sources, name, name);
  return [all, own].reduce<TaskOptions>(
    (merged, attributes) => (attributes ? apply(merged, attributes, name) : merged),
    options,
  );
}

function firstFor(sources: readonly unknown[], key: string, name: string): Attributes | undefined {
  for (const source of sources) {
    if (typeof source !== 'object' || source === null) continue;
    const found = isAnnotator(source)
      ? key === '*'
        ? undefined
        : source.annotate({ name })
      : (source as Record<string, Attributes>)[key];
    if (found) return found;
  }
  return undefined;
}

function apply(options: TaskOptions, attributes: Attributes, name: string): TaskOptions {
  const merged: Record<string, unknown> = { ...options };
  const handlers: Record<string, unknown> = { ...options.handlers };
  for (const [attribute, given] of Object.entries(attributes)) {
    const { handler, option, value } = read(attribute, given, name);
    if (option) merged[option] = value;
    else if (attribute.startsWith('@')) {
      handlers[handler] = (value as Wrap)(handlers[handler] as Handler | undefined);
    } else handlers[handler] = value;
  }
  return { ...merged, ...(Object.keys(handlers).length > 0 ? { handlers } : {}) } as TaskOptions;
}

type Read =
  | { readonly option: keyof TaskOptions; readonly handler?: never; readonly value: unknown }
  | { readonly option?: never; readonly handler: keyof TaskHandlers; readonly value: unknown };

function read(attribute: string, given: unknown, name: string): Read {
  const option = known(OPTION_OF, attribute);
  if (option) {
    const value = option === 'retryKwargs' ? inOptionSpelling(given) : given;
    return { option, value: fitting(value, TASK[option], attribute, name) };
  }
  const handler = known(HANDLER_OF, attribute.replace(/^@/, ''));
  if (!handler) throw unknownAttribute(name, attribute);
  const wraps = attribute.startsWith('@');
  return {
    handler,
    value: wraps
      ? around(fitting(given ?? false, wrap, attribute, name) as Wrap)
      : fitting(given, code, attribute, name),
  };
}

function fitting(value: unknown, kind: Kind, attribute: string, name: string): unknown {
  if (value === null || value === undefined || kind.accepts(value)) return value;
  throw new ImproperlyConfigured(
    `task_annotations, task ${JSON.stringify(name)}: ${attribute} must be ${kind.words}, got ${saferepr(value)}.${kind.hint?.(value) ?? ''}`,
  );
}

/**
 * Looks at all maps, also for what is said of tasks that are not known here.
 *
 * @throws ImproperlyConfigured for an attribute that no task has, or a value that it cannot have
 */
export function checkAnnotations(annotations: unknown): void {
  const sources = Array.isArray(annotations) ? annotations : [annotations];
  for (const source of sources) {
    if (typeof source !== 'object' || source === null || isAnnotator(source)) continue;
    for (const [name, attributes] of Object.entries(source)) {
      if (typeof attributes === 'object' && attributes !== null) {
        for (const [attribute, value] of Object.entries(attributes)) read(attribute, value, name);
      }
    }
  }
}

const isAnnotator = (source: object): source is Annotator =>
  typeof (source as Partial<Annotator>).annotate === 'function';

/** By Celery's spelling or by ours. */
function known<Name extends string>(
  names: Readonly<Record<string, Name>>,
  attribute: string,
): Name | undefined {
  if (Object.hasOwn(names, attribute)) return names[attribute];
  return Object.values(names).find(each => each === attribute);
}

type Handler = (...args: readonly unknown[]) => unknown;

/** `@on_failure: wrap` puts a function around the handler; one that does nothing when there is none. */
const wrap: Kind = { ...code, words: 'a function that wraps another' };
type Wrap = (wrapped?: Handler) => Handler;

const around =
  (wrap: Wrap) =>
  (wrapped: Handler = () => {}) =>
    wrap(wrapped);

function unknownAttribute(name: string, attribute: string): ImproperlyConfigured {
  const known = [...Object.keys(OPTION_OF), ...Object.keys(HANDLER_OF)];
  return new ImproperlyConfigured(
    `task_annotations, task ${JSON.stringify(name)}: there is no attribute ${JSON.stringify(attribute)}.${didYouMean(attribute, known)}`,
  );
}
