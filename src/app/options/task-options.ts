/** What can be said when a task is declared and when it is called. */

import type { RetryPolicy } from '../../base/time/backoff.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import type { TaskHandlers } from '../../execute/handlers.ts';
import type { Delivery } from '../../messaging/contract.ts';
import type { Exchange, ExchangeType, Queue } from '../../messaging/entities.ts';
import type { TaskHeaders } from '../../wire/messages/task-message.ts';
import type { DeliveryMode } from './delivery-mode.ts';
import type { Priority } from './priority-names.ts';

// biome-ignore lint/suspicious/noExplicitAny: any constructor of errors
export type ErrorClass = abstract new (...args: any[]) => Error;

/** Celery's defaults for `max_retries` and `default_retry_delay` (seconds). */
export const RETRY_DEFAULTS = { maxRetries: 3, defaultRetryDelay: 180 } as const;

/**
 * Options of a task's declaration, with Celery's meaning. What is left out comes from the
 * setting named in the comment. Durations are seconds.
 */
export interface TaskOptions extends RetryDeclaration, TaskBehaviour {
  /**
   * Give the function the task's context as its first argument, as `self` is in Python. Default
   * false.
   */
  readonly bind?: boolean;
  /**
   * Names of the parameters, when the source does not show them (minified code). `name?` is
   * optional, `*rest` takes further arguments, `**options` an object of all other keywords.
   */
  readonly params?: readonly string[];
  /**
   * Check arguments when the task is called, so that slips are found where they are. Default true.
   */
  readonly typing?: boolean;
  /**
   * Acknowledge the message after the run instead of before: no task is lost with its worker, but
   * one may run twice. `task_acks_late`
   */
  readonly acksLate?: boolean;
  /**
   * With late acks: also acknowledge when the task failed, or else the broker drops or dead-letters
   * it. `task_acks_on_failure`
   */
  readonly acksOnFailure?: boolean;
  /**
   * With late acks: also acknowledge when the hard limit passed, or else the task comes again.
   * `task_acks_on_timeout`
   */
  readonly acksOnTimeout?: boolean;
  /** Both at once. `task_acks_on_failure_or_timeout` */
  readonly acksOnFailureOrTimeout?: boolean;
  /**
   * With late acks: requeue when the child process died, which a task that kills it may repeat up
   * to `worker_max_deliveries`. `task_reject_on_worker_lost`
   */
  readonly rejectOnWorkerLost?: boolean;
  /** Tries after the first; null is for ever. Default 3, as in Celery. */
  readonly maxRetries?: number | null;
  /** Seconds before a retry. Default 180, as in Celery. */
  readonly defaultRetryDelay?: number;
  /** Keep no result, which saves a write where nobody asks for it. `task_ignore_result` */
  readonly ignoreResult?: boolean;
  /** Keep errors all the same, so that failures are seen. `task_store_errors_even_if_ignored` */
  readonly storeErrorsEvenIfIgnored?: boolean;
  /** Store state STARTED, which costs a write for each run. `task_track_started` */
  readonly trackStarted?: boolean;
  /**
   * Kill the child after so many seconds, for tasks that do not end when told to. `task_time_limit`
   */
  readonly timeLimit?: number;
  /**
   * Abort `self.signal` after so many seconds, so that the task can still tidy up.
   * `task_soft_time_limit`
   */
  readonly softTimeLimit?: number;
  /** Starts per time and worker: `10/s`, `10/m`, `10/h`, or a number per second. `task_default_rate_limit` */
  readonly rateLimit?: string | number;
  /** Errors that are part of the task's work: logged in one line at INFO. */
  readonly throws?: readonly ErrorClass[];
  /** `task_serializer` */
  readonly serializer?: string;
  /** `task_compression` */
  readonly compression?: string;
  /**
   * Default queue of calls; `task_routes` is the better place, since it changes without the code.
   */
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  /** `task_default_priority` */
  readonly priority?: Priority;
  /** 1 transient, 2 persistent. `task_default_delivery_mode` */
  readonly deliveryMode?: DeliveryMode;
  /** Fail when no queue gets a call, which would be lost without a word. Default false. */
  readonly mandatory?: boolean;
  /** Seconds after which calls expire, for work that is of no use later. */
  readonly expires?: number;
  /**
   * Keep a list of the calls that the task makes (`result.children()`), with which results grow.
   * Default true.
   */
  readonly trail?: boolean;
  /** Whether workers tell of the task's runs in events, when they send events at all. Default true. */
  readonly sendEvents?: boolean;
  /**
   * Longest text of a result in logs and events, since results may be of any size. Default 1024.
   */
  readonly resultReprMaxsize?: number;
  /** Class (`extends Request`) that workers make of the task's messages. Celery: `Request` */
  readonly Request?: new (
    delivery: Delivery,
    headers: TaskHeaders,
    task: never,
  ) => object;
}

/** Handlers of a task, and the base class they may come from. */
export interface TaskBehaviour {
  /** Handlers of this task alone; they win over those of `base`. */
  readonly handlers?: TaskHandlers;
  /**
   * A class with handlers and options (`class Audited extends TaskBase { queue = 'audit';
   * onFailure(…) {…} }`), of which each task gets one instance. Celery: `base`.
   */
  readonly base?: TaskBaseClass;
  /** Checks, and may convert, the list of arguments: any Standard Schema (zod, valibot, …). */
  readonly schema?: StandardSchema;
  /** Name to show in logs and events instead of the task's. */
  readonly shadowName?: (
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ) => string | undefined;
}

/** Options that a class may have as members: those given when a task is declared win over them. */
export type TaskMembers = Omit<TaskOptions, 'bind' | 'params' | 'base' | 'handlers'>;

export type TaskBaseClass = new () => TaskHandlers & TaskMembers;

/** The part of the Standard Schema specification (v1) that is needed here. */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): SchemaResult | Promise<SchemaResult>;
  };
}

export type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** An error class, or a function that looks at the error. */
export type ErrorTest = ErrorClass | ((error: Error) => boolean);

/** When the task tries again by itself. */
export interface RetryDeclaration {
  /** Try again after these errors. Celery: `autoretry_for` */
  readonly autoretryFor?: readonly ErrorTest[];
  /** But not after these. Celery: `dont_autoretry_for` */
  readonly dontAutoretryFor?: readonly ErrorTest[];
  /** Fixed wait and number of retries, where no backoff is declared. Celery: `retry_kwargs` */
  readonly retryKwargs?: { readonly countdown?: number; readonly maxRetries?: number | null };
  /** Seconds before the first retry, doubled each time; true is 1. Celery: `retry_backoff` */
  readonly retryBackoff?: boolean | number;
  /** Longest wait in seconds, default 600. Celery: `retry_backoff_max` */
  readonly retryBackoffMax?: number;
  /**
   * Wait a random part of that, so that tasks that failed together do not come together again;
   * default true. Celery: `retry_jitter`
   */
  readonly retryJitter?: boolean;
  /** All of it in one word; wins over the options above. */
  readonly retry?: RetryShorthand;
}

export interface RetryShorthand {
  /** Retries after the first try; null is for ever. Default: `maxRetries`. */
  readonly max?: number | null;
  /** Seconds before the first retry, doubled each time up to `backoffMax` (600); or a fixed `delay`. */
  readonly backoff?: number;
  readonly backoffMax?: number;
  readonly delay?: number;
  /** Default true when there is a backoff. */
  readonly jitter?: boolean;
  /** Errors to try again after; default every error. */
  readonly for?: readonly ErrorTest[];
  /** Errors not to try again after. */
  readonly unless?: readonly ErrorTest[];
}

/**
 * A call that follows another: the data of a signature, of which only the task's name is needed.
 * The result (or what failed) comes before `args`, unless it is `immutable`.
 */
export type LinkedCall = Pick<SignatureData, 'task'> & Partial<SignatureData>;

/** Options of one call. Durations are seconds. Celery: options of `apply_async`. */
export interface ApplyOptions {
  /** Keyword arguments, by parameter name, since JavaScript has none of its own. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /** Start no earlier than in so many seconds. */
  readonly countdown?: number;
  /** Start no earlier than then: a Date, ISO 8601 text, or seconds since the epoch. */
  readonly eta?: Date | string | number;
  /** Drop the call if it has not started by then: seconds from now, a Date, or ISO 8601 text. */
  readonly expires?: number | Date | string;
  /** A queue or its name. `task_routes` is the better place, since it changes without the code. */
  readonly queue?: string | Queue;
  readonly exchange?: string | Exchange;
  /** Type of an exchange given by name, when no queue of the app tells it. */
  readonly exchangeType?: ExchangeType;
  readonly routingKey?: string;
  /**
   * `high`, `normal` or `low`, or a number: 0..9 (255 on RabbitMQ). Redis and SQLite serve 0
   * first, RabbitMQ the highest.
   */
  readonly priority?: Priority;
  readonly serializer?: string;
  readonly compression?: string;
  /** 1 transient, 2 persistent. `task_default_delivery_mode` */
  readonly deliveryMode?: DeliveryMode;
  /** Reject with `Unroutable` when no queue gets the call, which is then lost. Default false. */
  readonly mandatory?: boolean;
  /** Default: a new UUID. */
  readonly taskId?: string;
  /** Additional message headers. */
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly ignoreResult?: boolean;
  readonly timeLimit?: number;
  readonly softTimeLimit?: number;
  /** Name to show instead of the task's. */
  readonly shadow?: string;
  /** Try again when the broker cannot be reached. `task_publish_retry` */
  readonly retry?: boolean;
  /** How; parts left out come from `task_publish_retry_policy`. */
  readonly retryPolicy?: Partial<RetryPolicy>;
  /**
   * Give up, with the signal's reason, when it aborts: `AbortSignal.timeout(5000)`, or that of a
   * web request. A message that is on its way then may still arrive.
   */
  readonly signal?: AbortSignal;
  readonly replyTo?: string;
  /** Call this with the result after success: the data of a signature, or several. */
  readonly link?: LinkedCall | readonly LinkedCall[];
  /**
   * Call this after failure: a task with more than one parameter where the failed one ran, with
   * `(request, error, traceback)`; any other one by a message, with the failed task's id.
   */
  readonly linkError?: LinkedCall | readonly LinkedCall[];
  /** What monitors show as arguments, for example to keep secrets out of them. */
  readonly argsrepr?: string;
  readonly kwargsrepr?: string;
  readonly rootId?: string;
  readonly parentId?: string;
  /** List the call among the children of the task that makes it. Default true. */
  readonly addToParent?: boolean;
  /** Further message properties, such as `app_id`. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Options of a call that runs here. */
export interface EagerOptions
  extends Pick<ApplyOptions, 'kwargs' | 'taskId' | 'headers' | 'link' | 'linkError'> {
  /** Throw the task's error instead of keeping it, as a call would. `task_eager_propagates` */
  readonly throw?: boolean;
  /** Retries so far, for a run that should think it is not the first. Default 0. */
  readonly retries?: number;
}
