/**
 * Tasks: functions with a name and options, that can be called here or somewhere else.
 */

import type { RunnableTask } from '../execute/ports.ts';
import type { TaskContext } from '../execute/task-context.ts';
import type { AsyncResult } from './async-result.ts';
import { TASK_BRAND } from './brand.ts';
import {
  bindArguments,
  checkArguments,
  type Parameters as ParameterList,
  readParameters,
} from './parameters.ts';
import type { Settings } from './settings.ts';
import type { ApplyOptions, ErrorClass, TaskOptions } from './task-options.ts';
import { RETRY_DEFAULTS } from './task-options.ts';

export type Args = readonly unknown[];

/** A registered task with the types of its arguments and of its result. */
export interface Task<A extends Args = Args, R = unknown> {
  readonly name: string;
  /** Run the task's function here and now, without a message. */
  (...args: A): Promise<R>;
  /** Publish a call with these arguments. Celery: `delay`. */
  delay(...args: A): Promise<AsyncResult<R>>;
  /**
   * Publish a call with options.
   *
   * @throws TypeError when the arguments do not fit the task's parameters,
   *   OperationalError when the broker cannot be reached
   */
  applyAsync(args: A, options?: ApplyOptions): Promise<AsyncResult<R>>;
  /** With keyword arguments: those not given by position. */
  applyAsync(
    args: Args | undefined,
    options: ApplyOptions & { kwargs: Readonly<Record<string, unknown>> },
  ): Promise<AsyncResult<R>>;
  readonly [TASK_BRAND]: true;
  readonly definition: TaskDefinition;
}

// biome-ignore lint/suspicious/noExplicitAny: any task, whatever its types
export type AnyTask = Task<any, any>;

/** What a task's function looks like; bound tasks get their context first. */
export type TaskFunction = (...args: never[]) => unknown;

/** Options of a task with the settings filled in. */
export interface ResolvedTaskOptions {
  readonly acksLate: boolean;
  readonly acksOnFailure: boolean;
  readonly acksOnTimeout: boolean;
  readonly rejectOnWorkerLost: boolean;
  readonly ignoreResult: boolean;
  readonly storeErrorsEvenIfIgnored: boolean;
  readonly trackStarted: boolean;
  readonly timeLimit: number | null;
  readonly softTimeLimit: number | null;
  readonly serializer: string;
  readonly compression: string | null;
  readonly priority: number | null;
}

/** The data of a task: its function, its parameters and its options. */
export class TaskDefinition implements RunnableTask {
  readonly name: string;
  readonly options: TaskOptions;
  readonly #run: TaskFunction | undefined;
  readonly #parameters: ParameterList | undefined;
  readonly #settings: () => Settings;
  #resolved: ResolvedTaskOptions | undefined;
  #resolvedFor: number | undefined;

  /** @param run undefined for a task whose code is elsewhere (`remoteTask`) */
  constructor(
    name: string,
    options: TaskOptions,
    run: TaskFunction | undefined,
    settings: () => Settings,
  ) {
    this.name = name;
    this.options = options;
    this.#run = run;
    this.#settings = settings;
    this.#parameters =
      run &&
      readParameters(run, {
        name: shortName(name),
        bind: options.bind ?? false,
        params: options.params,
      });
  }

  get isRemote(): boolean {
    return this.#run === undefined;
  }

  get maxRetries(): number | null {
    return this.options.maxRetries === undefined
      ? RETRY_DEFAULTS.maxRetries
      : this.options.maxRetries;
  }

  get defaultRetryDelay(): number {
    return this.options.defaultRetryDelay ?? RETRY_DEFAULTS.defaultRetryDelay;
  }

  get ignoreResult(): boolean {
    return this.resolved.ignoreResult;
  }

  get trackStarted(): boolean {
    return this.resolved.trackStarted;
  }

  get storeErrorsEvenIfIgnored(): boolean {
    return this.resolved.storeErrorsEvenIfIgnored;
  }

  get resultReprMaxsize(): number {
    return this.options.resultReprMaxsize ?? 1024;
  }

  get excModule(): string {
    const dot = this.name.lastIndexOf('.');
    return dot < 0 ? this.name : this.name.slice(0, dot);
  }

  isExpected(error: Error): boolean {
    // by name too: the class may come from another copy of its module
    return (this.options.throws ?? []).some(
      (expected: ErrorClass) => expected.name === error.name || error instanceof expected,
    );
  }

  /** @throws TypeError worded as Python does */
  checkArguments(args: Args, kwargs: Readonly<Record<string, unknown>>): void {
    if (this.#parameters && this.options.typing !== false) {
      checkArguments(this.#parameters, args, kwargs);
    }
  }

  invoke(context: TaskContext, args: Args, kwargs: Readonly<Record<string, unknown>>): unknown {
    if (!this.#run || !this.#parameters) {
      throw new TypeError(`The code of task ${this.name} is not here: it was declared remote`);
    }
    const bound = bindArguments(this.#parameters, args, kwargs) as never[];
    return this.options.bind ? this.#run(context as never, ...bound) : this.#run(...bound);
  }

  /** Options with the settings filled in; computed again when the settings change. */
  get resolved(): ResolvedTaskOptions {
    const conf = this.#settings();
    if (this.#resolved === undefined || this.#resolvedFor !== conf.revision) {
      this.#resolved = resolveOptions(this.options, conf);
      this.#resolvedFor = conf.revision;
    }
    return this.#resolved;
  }
}

function resolveOptions(options: TaskOptions, conf: Settings): ResolvedTaskOptions {
  const both = options.acksOnFailureOrTimeout;
  return {
    acksLate: options.acksLate ?? conf.get('task_acks_late'),
    acksOnFailure:
      options.acksOnFailure ??
      both ??
      conf.get('task_acks_on_failure') ??
      conf.get('task_acks_on_failure_or_timeout'),
    acksOnTimeout:
      options.acksOnTimeout ??
      both ??
      conf.get('task_acks_on_timeout') ??
      conf.get('task_acks_on_failure_or_timeout'),
    rejectOnWorkerLost:
      options.rejectOnWorkerLost ?? conf.get('task_reject_on_worker_lost') ?? false,
    ignoreResult: options.ignoreResult ?? conf.get('task_ignore_result'),
    storeErrorsEvenIfIgnored:
      options.storeErrorsEvenIfIgnored ?? conf.get('task_store_errors_even_if_ignored'),
    trackStarted: options.trackStarted ?? conf.get('task_track_started'),
    timeLimit: options.timeLimit ?? conf.get('task_time_limit'),
    softTimeLimit: options.softTimeLimit ?? conf.get('task_soft_time_limit'),
    serializer: options.serializer ?? conf.get('task_serializer'),
    compression: options.compression ?? conf.get('task_compression'),
    priority: options.priority ?? conf.get('task_default_priority'),
  };
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** How a task object reaches its app. */
export interface TaskHost {
  callDirectly(definition: TaskDefinition, args: Args): Promise<unknown>;
  apply(
    definition: TaskDefinition,
    args: Args,
    options: ApplyOptions,
    argsAsTuple: boolean,
  ): Promise<AsyncResult<unknown>>;
}

/** The callable object that users get from `app.task`. */
export function createTask(definition: TaskDefinition, host: TaskHost): AnyTask {
  const callable = (...args: unknown[]) => host.callDirectly(definition, args);
  const members = {
    name: definition.name,
    definition,
    [TASK_BRAND]: true,
    delay: (...args: unknown[]) => host.apply(definition, args, {}, true),
    applyAsync: (args: Args = [], options: ApplyOptions = {}) =>
      host.apply(definition, args, options, false),
  };
  for (const key of Reflect.ownKeys(members)) {
    const value = members[key as keyof typeof members];
    Object.defineProperty(callable, key, { value, enumerable: true });
  }
  return callable as unknown as AnyTask;
}
