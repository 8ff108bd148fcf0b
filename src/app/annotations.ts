/**
 * `task_annotations`: options of tasks set from the configuration. Attribute names are data
 * and keep Celery's spelling; the table says which option each one is.
 */
import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import type { TaskHandlers } from '../execute/handlers.ts';
import type { TaskOptions } from './task-options.ts';

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

/** What an entry of the list form may be. */
interface Annotator {
  annotate(task: { readonly name: string }): Attributes | undefined;
}

/**
 * `options` with the annotations of the task over them: first those of its exact name, then
 * those of `*`. Of several maps in a list, the first that knows the name counts.
 *
 * @throws ImproperlyConfigured for an attribute that no task has
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
    const found =
      typeof (source as Annotator).annotate === 'function'
        ? key === '*'
          ? undefined
          : (source as Annotator).annotate({ name })
        : (source as Record<string, Attributes>)[key];
    if (found) return found;
  }
  return undefined;
}

function apply(options: TaskOptions, attributes: Attributes, name: string): TaskOptions {
  const merged: Record<string, unknown> = { ...options };
  const handlers: Record<string, unknown> = { ...options.handlers };
  for (const [attribute, value] of Object.entries(attributes)) {
    const handler = known(HANDLER_OF, attribute.replace(/^@/, ''));
    const option = known(OPTION_OF, attribute);
    if (handler && attribute.startsWith('@')) {
      handlers[handler] = around(value, handlers[handler] as Handler | undefined);
    } else if (handler) handlers[handler] = value;
    else if (option) merged[option] = value;
    else throw unknownAttribute(name, attribute);
  }
  return { ...merged, ...(Object.keys(handlers).length > 0 ? { handlers } : {}) } as TaskOptions;
}

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
function around(wrap: unknown, wrapped: Handler = () => {}): Handler {
  if (typeof wrap === 'function') return wrap(wrapped) as Handler;
  throw new ImproperlyConfigured(
    `task_annotations: what follows @ must be a function that wraps another, not ${typeof wrap}`,
  );
}

function unknownAttribute(name: string, attribute: string): ImproperlyConfigured {
  const known = [...Object.keys(OPTION_OF), ...Object.keys(HANDLER_OF)];
  return new ImproperlyConfigured(
    `task_annotations, task ${JSON.stringify(name)}: there is no attribute ${JSON.stringify(attribute)}.${didYouMean(attribute, known)}`,
  );
}
