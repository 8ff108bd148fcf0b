/**
 * What a task's code sees of the run it is part of: `self` of a bound task, or
 * `currentTask()` anywhere below it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChordPart } from '../backends/contract.ts';
import { isMap } from '../base/kind-of.ts';
import type { Logger } from '../base/logger.ts';
import { checkArgument, map, name, wait } from '../base/option-kinds.ts';
import { processWide } from '../base/process/process-wide.ts';
import { argsRepr, saferepr } from '../base/text/saferepr.ts';
import { sleep } from '../base/time/backoff.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import type { TimeZone } from '../base/time/time-zone.ts';
import { checkReplacement } from '../canvas/replacement.ts';
import { readSignature, type SignatureData } from '../canvas/signature.ts';
import type { ChordPlace } from '../canvas/unreached.ts';
import { deadlineOf, momentAfter, momentOf } from '../wire/moments.ts';
import { Ignore, MaxRetriesExceededError, Retry } from './errors.ts';
import { TaskLogger, taskFields } from './logs/task-logger.ts';
import type { TaskRequest } from './request.ts';
import { checkRetryOptions, type RetryOptions } from './retry-options.ts';
import { checkStateUpdate, type StateUpdate } from './state-update.ts';

export interface ContextHost {
  readonly clock: Clock;
  /** Of times without offset; undefined is UTC. */
  readonly zone?: TimeZone | undefined;
  readonly signal: AbortSignal;
  readonly maxRetries: number | null;
  readonly defaultRetryDelay: number;
  updateState(update: StateUpdate): Promise<void>;
  addToChord?(signature: SignatureData): Promise<string>;
  /** All parts of a chord were seen to have ended: `celery.chord_unlock`. */
  completeChord?(place: ChordPlace, parts: readonly ChordPart[]): Promise<void>;
  sendEvent?(type: string, fields: Readonly<Record<string, unknown>>): void;
  /** The task has waited for long for the result of `taskId`; undefined when that is over. */
  waits?(taskId: string | undefined): void;
  /** The task whose code called this one like a function: it has the place. */
  readonly caller?: TaskContext | undefined;
  /** Where its records go; undefined: where those of the process do. */
  readonly taskLog?: Logger | undefined;
  /** End the run with an error that nothing caught; undefined when no worker runs it. */
  blame?(thrown: unknown): Blame | undefined;
}

/** Whether an error came while its run could still fail with it. */
export type Blame = 'failed' | 'ended';

/**
 * Seconds for which a task may wait for another one's result before the worker hears of it: a
 * shorter wait costs a timer only.
 */
const LONG_WAIT = 5;

const storage = processWide('current-task', () => new AsyncLocalStorage<TaskContext>());

/** The context of the task that is running here, or undefined outside a task. Celery: `current_task`. */
export function currentTask(): TaskContext | undefined {
  return storage.getStore();
}

/**
 * A logger for the code of tasks: wherever it is used, its records name the task and the id
 * of the run they were written in (`worker_task_log_format`). Celery: `get_task_logger`.
 *
 * @param name `%(name)s` in the log format
 */
export function getTaskLogger(name?: string): TaskLogger {
  const fields = () => {
    const context = currentTask();
    return context && taskFields(context.request);
  };
  return new TaskLogger(name, fields, () => logOf(currentTask()));
}

/** Of the worker that runs the task, or the one that called it like a function. */
function logOf(context: TaskContext | undefined): Logger | undefined {
  let host = hostOf(context);
  while (host?.caller && host.taskLog === undefined) host = hostOf(host.caller);
  return host?.taskLog;
}

export function runInContext<R>(context: TaskContext, fn: () => R): R {
  return storage.run(context, fn);
}

/**
 * Hand an error that nothing caught to the run of a worker in whose code it arose. Undefined
 * when there is none: it is not a task's error.
 */
export function blameCurrentTask(thrown: unknown): Blame | undefined {
  let host = hostOf(currentTask());
  while (host?.caller) host = hostOf(host.caller);
  return host?.blame?.(thrown);
}

/** For the code of `celery.chord_unlock`. */
export function completeChord(
  context: TaskContext,
  place: ChordPlace,
  parts: readonly ChordPart[],
): Promise<void> {
  const host = hostOf(context);
  if (!host?.completeChord) throw new TypeError('celery.chord_unlock runs in a worker only.');
  return host.completeChord(place, parts);
}

function checkedSignature(signature: unknown, method: string): SignatureData {
  if (isMap(signature) && typeof signature.task === 'string') return readSignature(signature);
  throw new TypeError(
    `self.${method} needs a signature, such as add.s(1, 2), got ${saferepr(signature)}`,
  );
}

/** Undefined also for contexts that another copy of this library has made. */
let hostOf: (context: TaskContext | undefined) => ContextHost | undefined;

export class TaskContext {
  static {
    hostOf = context => (context && #host in context ? context.#host : undefined);
  }

  readonly request: TaskRequest;
  readonly #host: ContextHost;
  #maxRetries: number | null | undefined;
  #lastRetry: Retry | undefined;
  /** Ids of the tasks whose results it has been waiting for for long, several at once perhaps. */
  #awaited: string[] | undefined;

  constructor(request: TaskRequest, host: ContextHost) {
    this.request = request;
    this.#host = host;
  }

  get name(): string {
    return this.request.task;
  }

  /** Its records name this task and this run. */
  get logger(): TaskLogger {
    return new TaskLogger(
      undefined,
      () => taskFields(this.request),
      () => logOf(this),
    );
  }

  /**
   * Aborts with SoftTimeLimitExceeded when the soft limit passes, since no code can be interrupted.
   */
  get signal(): AbortSignal {
    return this.#host.signal;
  }

  /** The limit that `retry` was last called with; undefined when it was called without one. */
  get maxRetries(): number | null | undefined {
    return this.#maxRetries;
  }

  /** What `retry` last gave back: it does nothing until it is thrown. */
  get lastRetry(): Retry | undefined {
    return this.#lastRetry;
  }

  /**
   * Wait; throws the reason of `signal` when that aborts first.
   *
   * @param seconds how long; Infinity is until then
   * @throws TypeError for anything but a number of seconds
   */
  async sleep(seconds: number): Promise<void> {
    checkArgument(seconds, wait, 'The time to sleep');
    return sleep(seconds, this.#host.clock, this.signal);
  }

  /**
   * Store a state of this task that clients can see while it runs. Celery: `update_state`.
   * Resolves when it is stored.
   *
   * @throws TypeError for an option that does not exist or is of the wrong kind, and without a state
   */
  async updateState(update: StateUpdate): Promise<void> {
    checkStateUpdate(update);
    return this.#host.updateState(update);
  }

  /**
   * Decide that another task, or a workflow, runs in the place of this one: `throw self.replace(add.s(2, 2))`.
   * It has the id of this task, so whoever waits for this one gets its result, and what should have
   * followed this one follows it. Of a group the result is the list of its values. Celery: `replace`.
   *
   * @returns the outcome to throw; the messages are published by the worker after that
   * @throws TypeError for what is no signature, ImproperlyConfigured for a part of a chord and for an
   *   empty chain
   */
  replace(signature: SignatureData): Ignore {
    const data = checkedSignature(signature, 'replace');
    checkReplacement(data);
    return Ignore.replacedBy(data);
  }

  /**
   * Add a task to the chord that this one is part of: its body waits for it too, and gets its value
   * after those of the header. Resolves when it is published. Celery: `add_to_chord`.
   *
   * @returns the id of the task
   * @throws TypeError outside of a chord, and for what is no signature
   */
  async addToChord(signature: SignatureData): Promise<string> {
    const data = checkedSignature(signature, 'addToChord');
    const { addToChord } = this.#host;
    if (!addToChord) throw new TypeError('addToChord needs a task that runs in a worker.');
    return addToChord.call(this.#host, data);
  }

  /**
   * Send an event about this task, for monitors that run now: nothing keeps it for others. Sent whether
   * or not the worker sends events itself; nothing is waited for. Celery: `send_event`.
   *
   * @param type `task-…`, which a monitor's State shows as a state of the task
   * @param fields besides `uuid`, the id of the task
   * @throws TypeError for a type or fields that are none, EncodeError for a value that cannot be written
   */
  sendEvent(type: string, fields: Readonly<Record<string, unknown>> = {}): void {
    checkArgument(type, name, 'The type of an event');
    checkArgument(fields, map, 'The fields of an event');
    this.#host.sendEvent?.(type, { uuid: this.request.id, ...fields });
  }

  /**
   * Wait for `result`, that of another task. The worker hears of it when that takes long, as
   * this task keeps its place meanwhile.
   */
  async waitFor<R>(taskId: string, result: Promise<R>): Promise<R> {
    if (this.#host.caller) return this.#host.caller.waitFor(taskId, result);
    let isLong = false;
    const note = () => {
      isLong = true;
      this.#awaited ??= [];
      if (this.#awaited.push(taskId) === 1) this.#host.waits?.(taskId);
    };
    // by the real clock: this is about what really stands still
    const timer = systemClock.after(LONG_WAIT, note, { unref: true });
    try {
      return await result;
    } finally {
      timer.cancel();
      if (isLong) this.#received(taskId);
    }
  }

  #received(taskId: string): void {
    const awaited = this.#awaited!;
    const place = awaited.indexOf(taskId);
    awaited.splice(place, 1);
    if (place === 0) this.#host.waits?.(awaited[0]);
  }

  /**
   * Decide to run again later: `throw self.retry({exc, countdown})`.
   *
   * @returns the outcome to throw; the message is published by the worker after that
   * @throws TypeError for an option that does not exist or is of the wrong kind, RangeError for a time
   *   that no message can carry; `exc` when no try is left, or MaxRetriesExceededError without `exc`;
   *   called without a worker: `exc`, or the Retry itself
   */
  retry(options: RetryOptions = {}): Retry {
    checkRetryOptions(options);
    const { exc, countdown, eta, args, kwargs, maxRetries, expires, ...publish } = options;
    if (maxRetries !== undefined) this.#maxRetries = maxRetries;
    const delay = countdown ?? this.#host.defaultRetryDelay;
    const due = this.#due(eta, delay);
    const plan = { eta: due, expires: this.#deadline(expires), args, kwargs, options: publish };
    const when = eta == null ? delay : new Date(due! * 1000);
    const retry = new Retry(exc, when, plan);
    if (this.request.calledDirectly) throw exc ?? retry;

    const limit = maxRetries === undefined ? this.#host.maxRetries : maxRetries;
    if (limit !== null && this.request.retries + 1 > limit) {
      throw exc ?? this.#maxRetriesExceeded();
    }
    this.#lastRetry = retry;
    return retry;
  }

  /** Seconds since 1970; null is at once. */
  #due(eta: RetryOptions['eta'], delay: number): number | null {
    const { clock, zone } = this.#host;
    if (eta !== undefined && eta !== null) return momentOf(eta, 'eta of retry', zone);
    const due = momentAfter(delay, 'countdown of retry', clock.now());
    return delay > 0 ? due : null;
  }

  #deadline(expires: RetryOptions['expires']): number | undefined {
    if (expires === undefined || expires === null) return undefined;
    const { clock, zone } = this.#host;
    return deadlineOf(expires, 'expires of retry', clock.now(), zone);
  }

  #maxRetriesExceeded() {
    const { id, task, args, kwargs } = this.request;
    return new MaxRetriesExceededError(
      `Can't retry ${task}[${id}] args:${argsRepr(args, true)} kwargs:${saferepr(kwargs)}`,
      { id, args, kwargs },
    );
  }
}
