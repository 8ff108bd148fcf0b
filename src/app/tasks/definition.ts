/**
 * The data of a task: its function, its parameters, and its options with annotations and
 * settings filled in.
 */
import { isInstanceOf } from '../../base/kind-of.ts';
import type { TaskHandlers } from '../../execute/handlers.ts';
import type { RunnableTask } from '../../execute/ports.ts';
import type { AutoRetry } from '../../execute/retry-policy.ts';
import type { TaskContext } from '../../execute/task-context.ts';
import type { Priority } from '../options/priority-names.ts';
import { type ErrorClass, RETRY_DEFAULTS, type TaskOptions } from '../options/task-options.ts';
import type { Settings } from '../settings/settings.ts';
import { annotated } from './annotations.ts';
import { validated } from './argument-schema.ts';
import {
  bindArguments,
  checkArguments,
  type Parameters as ParameterList,
  parameterTexts,
  readParameters,
} from './parameters.ts';
import { autoRetryOf } from './retry-declaration.ts';

type Args = readonly unknown[];
type Kwargs = Readonly<Record<string, unknown>>;

/** What a task's function looks like; bound tasks get their context first. */
export type TaskFunction = (...args: never[]) => unknown;

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
  readonly priority: Priority | null;
  /** Text such as `10/m`; null is no limit. */
  readonly rateLimit: string | number | null;
  /** The worker's class for messages of the task, when it has one of its own. */
  readonly Request: TaskOptions['Request'];
}

interface Derived {
  readonly revision: number;
  readonly options: TaskOptions;
  readonly resolved: ResolvedTaskOptions;
  readonly handlers: TaskHandlers | undefined;
  readonly autoRetry: AutoRetry | undefined;
}

/** What the program says of a task, once: workers may have it under settings of their own. */
export interface Declaration {
  readonly name: string;
  readonly options: TaskOptions;
  /** Undefined for a task whose code is elsewhere (`remoteTask`). */
  readonly run: TaskFunction | undefined;
  /** The function whose source shows the parameters, when `run` does not, as of class tasks. */
  readonly declaredAs?: TaskFunction | undefined;
}

export class TaskDefinition implements RunnableTask {
  readonly name: string;
  readonly #declaration: Declaration;
  readonly #declared: TaskOptions;
  readonly #run: TaskFunction | undefined;
  readonly #parameters: ParameterList | undefined;
  readonly #settings: () => Settings;
  #derived: Derived | undefined;
  /**
   * What `time_limit` said: kept apart, since what is derived is made anew when a setting changes.
   */
  #limits: Partial<Pick<ResolvedTaskOptions, 'timeLimit' | 'softTimeLimit'>> = {};

  constructor(declaration: Declaration, settings: () => Settings) {
    const { name, options, run, declaredAs = run } = declaration;
    this.name = name;
    this.#declaration = declaration;
    this.#declared = options;
    this.#run = run;
    this.#settings = settings;
    this.#parameters =
      declaredAs &&
      readParameters(declaredAs, {
        name: name.slice(name.lastIndexOf('.') + 1),
        bind: options.bind ?? false,
        params: options.params,
      });
  }

  /** The same task under other settings, as a worker in a program has them. */
  under(settings: () => Settings): TaskDefinition {
    return new TaskDefinition(this.#declaration, settings);
  }

  /** Other time limits from now on; null is none. Celery: control command `time_limit`. */
  limitTime({ soft, hard }: { soft: number | null; hard: number | null }): void {
    this.#limits = { softTimeLimit: soft, timeLimit: hard };
    this.#derived = undefined;
  }

  get options(): TaskOptions {
    return this.#current.options;
  }

  get resolved(): ResolvedTaskOptions {
    return this.#current.resolved;
  }

  get handlers(): TaskHandlers | undefined {
    return this.#current.handlers;
  }

  get autoRetry(): AutoRetry | undefined {
    return this.#current.autoRetry;
  }

  get isRemote(): boolean {
    return this.#run === undefined;
  }

  /**
   * Whether the task can be an errback that gets `(request, error, traceback)`: it is not bound
   * and takes more than one argument. Others get the id of the failed task, in a message.
   */
  get takesError(): boolean {
    if (!this.#parameters || this.#declared.bind) return false;
    return this.#parameters.rest || this.#parameters.positional.length > 1;
  }

  /**
   * Its parameters as `params` would name them, with `{ a, b? }` for an object of keyword arguments;
   * undefined when they are not known.
   */
  get parameterTexts(): readonly string[] | undefined {
    return this.#parameters?.known ? parameterTexts(this.#parameters) : undefined;
  }

  /** Whether a keyword argument of that name would reach the task. */
  hasParameter(name: string): boolean {
    const { positional = [], keywords } = this.#parameters ?? {};
    return positional.some(each => each.name === name) || keywords?.names.has(name) === true;
  }

  get maxRetries(): number | null {
    const { maxRetries } = this.options;
    return maxRetries === undefined ? RETRY_DEFAULTS.maxRetries : maxRetries;
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

  get acksLate(): boolean {
    return this.resolved.acksLate;
  }

  get storeErrorsEvenIfIgnored(): boolean {
    return this.resolved.storeErrorsEvenIfIgnored;
  }

  get trail(): boolean {
    return this.options.trail ?? true;
  }

  get sendsEvents(): boolean {
    return this.options.sendEvents ?? true;
  }

  get resultReprMaxsize(): number {
    return this.options.resultReprMaxsize ?? 1024;
  }

  get excModule(): string {
    const dot = this.name.lastIndexOf('.');
    return dot < 0 ? this.name : this.name.slice(0, dot);
  }

  isExpected(error: Error): boolean {
    return (this.options.throws ?? []).some((expected: ErrorClass) =>
      isInstanceOf(error, expected),
    );
  }

  /** @throws TypeError worded as Python does, or listing what the schema says */
  checkArguments(args: Args, kwargs: Kwargs): undefined | Promise<unknown> {
    if (!this.#parameters || this.options.typing === false) return undefined;
    checkArguments(this.#parameters, args, kwargs);
    const { schema } = this.options;
    if (!schema) return undefined;
    const checked = validated(schema, bindArguments(this.#parameters, args, kwargs), this.name);
    return checked instanceof Promise ? checked : undefined;
  }

  invoke(context: TaskContext, args: Args, kwargs: Kwargs): unknown {
    if (!this.#run || !this.#parameters) {
      throw new TypeError(`The code of task ${this.name} is not here: it was declared remote`);
    }
    const bound = bindArguments(this.#parameters, args, kwargs);
    const { schema } = this.options;
    if (!schema) return this.#call(context, bound);
    const checked = validated(schema, bound, this.name);
    return checked instanceof Promise
      ? checked.then(values => this.#call(context, values))
      : this.#call(context, checked);
  }

  #call(context: TaskContext, args: Args): unknown {
    const run = this.#run as (...all: readonly unknown[]) => unknown;
    return this.#declared.bind ? run(context, ...args) : run(...args);
  }

  get #current(): Derived {
    const conf = this.#settings();
    if (this.#derived?.revision !== conf.revision) this.#derived = this.#derive(conf);
    return this.#derived!;
  }

  #derive(conf: Settings): Derived {
    const options = annotated(this.name, this.#declared, conf.get('task_annotations'));
    return {
      revision: conf.revision,
      options,
      resolved: { ...resolveOptions(options, conf), ...this.#limits },
      handlers: options.handlers,
      autoRetry: autoRetryOf(options),
    };
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
    rateLimit: options.rateLimit ?? conf.get('task_default_rate_limit'),
    Request: options.Request,
  };
}
