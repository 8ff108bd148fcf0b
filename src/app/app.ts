/**
 * The app: where tasks, settings and connections meet. Always explicit; there is no
 * current app.
 */
import { inspect } from 'node:util';
import { ImproperlyConfigured } from '../base/errors.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import type { Control } from '../control/control.ts';
import type { TaskContext } from '../execute/task-context.ts';
import { AppInternals, INTERNALS, warn } from './app-internals.ts';
import {
  checkClose,
  checkConfigFromCmdline,
  checkConfigFromEnvvar,
  checkConfigFromObject,
  checkDefaults,
  checkDiscovery,
  checkErrorClass,
  checkFunction,
  checkLoadOptions,
  checkModules,
  checkSecurityOptions,
  checkTaskName,
} from './app-options.ts';
import type { Events } from './events.ts';
import { discoverTasks } from './loading/autodiscover.ts';
import { APP_BRAND } from './loading/brand.ts';
import { loadModule } from './loading/load-module.ts';
import type { EntrySchedule } from './options/beat-schedule.ts';
import {
  type CommandArguments,
  type CommandWords,
  type ControlState,
  type NoWords,
  type OwnCommandOptions,
  readOwnCommand,
} from './options/own-commands.ts';
import type {
  ApplyOptions,
  ErrorClass,
  TaskBaseClass,
  TaskOptions,
} from './options/task-options.ts';
import type { AsyncResult } from './results/async-result.ts';
import type { GroupResults } from './results/handles.ts';
import type { Queues } from './routing/queues.ts';
import type { OptionsOfPeriodic } from './schedules/periodic-types.ts';
import type { Schedules } from './schedules/schedules.ts';
import type { LoadOptions } from './settings/configuration.ts';
import type { SecurityOptions } from './settings/security.ts';
import type { Settings } from './settings/settings.ts';
import type { CeleryConfig } from './settings/tables/table.ts';
import type { Signals } from './signals/signals.ts';
import type { Args, Tail } from './signatures/part-types.ts';
import { readAnySignature, type SignatureSource } from './signatures/read.ts';
import type { AnySignature, Signature } from './signatures/signature.ts';
import type { ClassTask } from './tasks/base-class.ts';
import { checkAppArguments, readDeclaration } from './tasks/declaration.ts';
import type { TaskFunction } from './tasks/definition.ts';
import { type AnyTask, surplus, type Task } from './tasks/task.ts';
import { AppWorker } from './workers/app-worker.ts';
import type { WorkerOptions } from './workers/worker-options.ts';

/** Settings by name, and Celery's short words for three of them. */
export interface CeleryOptions extends CeleryConfig {
  /** `broker_url` */
  readonly broker?: string;
  /** `result_backend` */
  readonly backend?: string;
  /** Base class of all tasks that name no other `base`. Celery: `task_cls` */
  readonly taskBase?: TaskBaseClass;
}

type Awaitable<T> = T | Promise<T>;

/** Augment to give names that are known elsewhere (tasks of Python workers) a type. */
// biome-ignore lint/suspicious/noEmptyInterface: users add to it by declaration merging
export interface TaskRegistry {}

type Known = keyof TaskRegistry;
// biome-ignore lint/suspicious/noExplicitAny: matches every function
type AnyFunction = (...args: any[]) => any;
type FunctionOf<N> = N extends Known
  ? TaskRegistry[N] extends AnyFunction
    ? TaskRegistry[N]
    : never
  : never;

export class Celery {
  readonly [APP_BRAND] = true;
  readonly main: string;
  /** Hooks into the life of tasks and workers. */
  readonly signals: Signals;
  readonly conf: Settings;
  /** The time for ETAs, expiry, retries and workers; `tscelery/testing` puts its own in place. */
  clock: Clock = systemClock;
  /** Commands to running workers and to queues. */
  readonly control: Control;
  /** What workers and clients tell about themselves and their tasks. */
  readonly events: Events;
  /** @internal */
  readonly [INTERNALS]: AppInternals;
  readonly #discoveries: (() => Promise<void>)[] = [];

  /**
   * @param main name of the app; first part of derived task names
   * @param options broker, backend and any setting
   * @throws ImproperlyConfigured for an unknown setting or a wrong value
   */
  constructor(main?: string, options?: CeleryOptions);
  /** @internal */
  constructor(main: string, options: CeleryOptions, origin: Celery);
  constructor(main = '', options: CeleryOptions = {}, origin?: Celery) {
    checkAppArguments(main, options);
    const { broker, backend, taskBase, ...given } = options;
    const settings = {
      ...given,
      ...(broker === undefined ? {} : { broker_url: broker }),
      ...(backend === undefined ? {} : { result_backend: backend }),
    };
    this.main = main;
    if (origin) this.clock = origin.clock;
    const internals = new AppInternals({
      main,
      settings,
      taskBase,
      clock: () => this.clock,
      origin: origin?.[INTERNALS],
    });
    this[INTERNALS] = internals;
    this.conf = internals.conf;
    this.signals = internals.signals;
    this.control = internals.control;
    this.events = internals.events;
  }

  /**
   * The time zone of ETAs that name none, and in which times are written: setting `timezone`, else
   * `UTC`, or with `enable_utc` off that of the machine. Celery: `app.timezone`.
   */
  get timezone(): string {
    return this[INTERNALS].localTime.name;
  }

  /** The moment it is by the app's clock. Celery: `app.now`. */
  now(): Date {
    return new Date(Math.round(this.clock.now() * 1000));
  }

  toString(): string {
    return this.main === '' ? '<Celery>' : `<Celery ${this.main}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  /** Tasks declared so far, by name. */
  get tasks(): ReadonlyMap<string, AnyTask> {
    return this[INTERNALS].registry.tasks;
  }

  /** The queues of the app; made from the settings when first asked for. */
  get queues(): Queues {
    return this[INTERNALS].queues;
  }

  /**
   * Declare a task.
   *
   * @param name as other nodes know it; left out, also before options, it is `<main>.<function name>`
   * @param run may be async; with `bind: true` it gets the task's context first
   * @throws AlreadyRegistered when another function has the name, ImproperlyConfigured when
   *   no name can be derived, TypeError for arguments that declare no task
   */
  task<A extends unknown[], R>(name: string, run: (...args: A) => Awaitable<R>): Task<A, R>;
  task<A extends unknown[], R>(
    name: string,
    options: TaskOptions & { bind: true },
    run: (self: TaskContext, ...args: A) => Awaitable<R>,
  ): Task<A, R>;
  task<A extends unknown[], R>(
    name: string,
    options: TaskOptions & { bind?: false },
    run: (...args: A) => Awaitable<R>,
  ): Task<A, R>;
  task<A extends unknown[], R>(run: (...args: A) => Awaitable<R>): Task<A, R>;
  task<A extends unknown[], R>(
    options: TaskOptions & { bind: true },
    run: (self: TaskContext, ...args: A) => Awaitable<R>,
  ): Task<A, R>;
  task<A extends unknown[], R>(
    options: TaskOptions & { bind?: false },
    run: (...args: A) => Awaitable<R>,
  ): Task<A, R>;
  task(...given: unknown[]): AnyTask {
    const { name, options, run } = readDeclaration(given);
    return this[INTERNALS].registry.add(name ?? this.genTaskName(run), options, run);
  }

  /**
   * Register a task written as a class. Celery: `register_task`.
   *
   * @throws AlreadyRegistered when its name is taken
   */
  registerTask<A extends unknown[], R>(
    Class: ClassTask<A, R> | (new () => ClassTask<A, R>),
  ): Task<A, Awaited<R>> {
    return this[INTERNALS].registry.addClass(Class as ClassTask);
  }

  /** Forget a task. @throws NotRegistered */
  unregisterTask(name: string): void {
    checkTaskName(name, 'unregisterTask');
    this[INTERNALS].registry.remove(name);
  }

  /**
   * The name of a task that was declared without one; override it to name tasks otherwise.
   * Celery: `gen_task_name`.
   *
   * @throws ImproperlyConfigured when function or app have no name
   */
  genTaskName(run: TaskFunction): string {
    checkFunction(run, 'genTaskName');
    if (this.main !== '' && run.name !== '') return `${this.main}.${run.name}`;
    throw new ImproperlyConfigured(
      run.name === ''
        ? 'A task made from a function without a name needs one: app.task("proj.add", (x, y) => x + y)'
        : `app.task(${run.name}) derives the name from the app's, which has none: new Celery("proj"), or app.task("proj.${run.name}", ${run.name})`,
    );
  }

  /** A task whose code is elsewhere, for example in a Python worker; typed by its function type. */
  remoteTask<F extends AnyFunction>(
    name: string,
    options: TaskOptions = {},
  ): Task<Parameters<F>, Awaited<ReturnType<F>>> {
    checkTaskName(name, 'remoteTask');
    return this[INTERNALS].registry.add(name, options, undefined);
  }

  /**
   * Publish a call of a task by name. A task that is not registered here is sent as it is.
   *
   * @throws TypeError for arguments that do not fit, OperationalError when the broker cannot
   *   be reached
   */
  sendTask<N extends Known>(
    name: N,
    args: Parameters<FunctionOf<N>>,
    options?: ApplyOptions,
  ): Promise<AsyncResult<Awaited<ReturnType<FunctionOf<N>>>>>;
  sendTask<N extends string>(
    name: N extends Known ? never : N,
    args?: readonly unknown[],
    options?: ApplyOptions,
  ): Promise<AsyncResult<unknown>>;
  sendTask(
    name: string,
    args: readonly unknown[] = [],
    options: ApplyOptions = {},
    more?: unknown,
  ): Promise<AsyncResult<unknown>> {
    if (more !== undefined) return Promise.reject(surplus('sendTask', options, more));
    const definition = this.tasks.get(name)?.definition;
    if (definition && this.conf.get('task_always_eager')) {
      warn('task_always_eager has no effect on sendTask');
    }
    return this[INTERNALS].apply.send({
      task: name,
      args,
      options,
      definition,
      argsAsTuple: false,
    });
  }

  /**
   * A call as a value: of a task by its name, or of a signature as another program wrote it down, of
   * whatever kind, with further arguments before its own and options over its own. Celery:
   * `app.signature`.
   *
   * @throws TypeError for what is none, and for an option that is none; InvalidTaskError for a
   *   dictionary of a kind that nobody knows
   */
  signature<N extends Known>(
    name: N,
    args?: Tail<Parameters<FunctionOf<N>>>,
    options?: ApplyOptions,
  ): Signature<Args, Awaited<ReturnType<FunctionOf<N>>>, 'partial'>;
  signature<R = unknown>(
    source: SignatureSource,
    args?: Args,
    options?: ApplyOptions,
    // biome-ignore lint/suspicious/noExplicitAny: whatever its kind, its handle is known when it is sent
  ): Signature<any, R, 'partial', any>;
  signature(source: unknown, args?: Args, options: ApplyOptions = {}): AnySignature {
    return this[INTERNALS].apply.signature(readAnySignature(source, args, options));
  }

  /** Handles of groups, and `restore` for one that was saved. Celery: `app.GroupResult`. */
  get GroupResult(): GroupResults {
    return this[INTERNALS].apply.results.groups;
  }

  /** The handle of a task that was sent before. */
  AsyncResult<R = unknown>(id: string): AsyncResult<R> {
    return this[INTERNALS].apply.results.result(id);
  }

  /**
   * Have beat send a call at the times of a schedule. Celery: `add_periodic_task`; usual in a
   * receiver of `app.signals.onAfterFinalize`, or beside the task.
   *
   * @param schedule seconds between two runs, or what `crontab()` and its like return
   * @param task the task, or a signature of it with arguments and options
   * @param options `args` and `kwargs` instead of those of the signature, options of the call over its
   *   own, when and how it is sent, and `name` of the entry: without it the call as text
   * @returns the name of the entry; another one of that name takes its place
   * @throws TypeError for an option that does not exist, ImproperlyConfigured for a value that cannot be
   */
  addPeriodicTask<T extends AnyTask | AnySignature>(
    schedule: EntrySchedule,
    task: T,
    ...[options]: OptionsOfPeriodic<T>
  ): string {
    return this[INTERNALS].periodicTasks.add(schedule, task, options);
  }

  /**
   * The schedule of beat, as entries: look at them, change them while beat runs, send one now. Changes
   * need a schedule that is shared (`beat_scheduler = 'database'`). Celery: the tables of
   * django-celery-beat.
   */
  get schedules(): Schedules {
    return this[INTERNALS].schedules;
  }

  /**
   * Teach the app to make errors of this class again when a result holds one, which is a
   * RemoteTaskError otherwise.
   */
  registerError(Class: ErrorClass & { readonly excModule?: string }): void {
    checkErrorClass(Class);
    this[INTERNALS].errors.add(Class);
  }

  /**
   * Take settings from an object, a class with members, a module (`./celeryconfig.js`) or `module:attribute`,
   * instead of looking for a config file. Celery: `config_from_object`. It need not be waited for:
   * who needs the settings first, a worker that starts or a call, waits and gets the error.
   *
   * @param options.namespace prefix of the names, as in `CELERY_TASK_DEFAULT_QUEUE`
   */
  configFromObject(
    source: CeleryConfig | Readonly<Record<string, unknown>> | (abstract new () => object) | string,
    options: { namespace?: string; cwd?: string } = {},
  ): Promise<void> {
    checkConfigFromObject(source, options);
    return this[INTERNALS].configuration.fromObject(source, options);
  }

  /**
   * Take settings from the module that an environment variable names.
   *
   * @throws ImproperlyConfigured when it is not set, unless `silent`
   */
  configFromEnvvar(variable: string, options: { silent?: boolean } = {}): Promise<boolean> {
    checkConfigFromEnvvar(variable, options);
    return this[INTERNALS].configuration.fromEnvvar(variable, options.silent ?? false);
  }

  /** Change settings from words such as `worker.prefetch_multiplier=1`. Celery: `config_from_cmdline`. */
  configFromCmdline(words: readonly string[], namespace = 'celery'): void {
    checkConfigFromCmdline(words, namespace);
    this[INTERNALS].configuration.fromCommandLine(words, namespace);
  }

  /** Values for settings that nothing else sets. Celery: `add_defaults`. */
  addDefaults(defaults: CeleryConfig | (() => CeleryConfig)): void {
    checkDefaults(defaults);
    this.conf.addDefaults(defaults);
  }

  /**
   * Sign what this process sends and refuse what nobody trusted has signed; see
   * docs/content.md. Done once the config is loaded, which then fails with
   * ImproperlyConfigured or SecurityError, or at once when it is loaded already. Celery:
   * `setup_security`.
   */
  setupSecurity(options: SecurityOptions = {}): void {
    checkSecurityOptions(options);
    this[INTERNALS].configuration.setUpSecurity(options);
  }

  /**
   * Add a command of remote control, which workers with this app run. Celery: `control_command`.
   *
   * @param options the arguments by name with `String`, `Number` or `Boolean`; help for the command line
   * @param run gets what it may see of the worker, and the arguments as they came, which may be
   *   wrong or missing; what it returns is the reply, `undefined` is none
   * @throws TypeError for a name of Celery's and for options that do not exist
   */
  controlCommand<A extends CommandWords = NoWords, R extends string = never>(
    name: string,
    options: OwnCommandOptions<A, R>,
    run: (state: ControlState<Celery>, args: CommandArguments<A, R>) => unknown,
  ): void {
    this[INTERNALS].commands.add(readOwnCommand('control', name, options, run), run);
  }

  /** The same for a command that only looks (`tscelery inspect`). Celery: `inspect_command`. */
  inspectCommand<A extends CommandWords = NoWords, R extends string = never>(
    name: string,
    options: OwnCommandOptions<A, R>,
    run: (state: ControlState<Celery>, args: CommandArguments<A, R>) => unknown,
  ): void {
    this[INTERNALS].commands.add(readOwnCommand('inspect', name, options, run), run);
  }

  /** Read the config file, once. `delay` and the commands do it by themselves. */
  async load(options: LoadOptions = {}): Promise<void> {
    checkLoadOptions(options);
    await this[INTERNALS].configuration.load(options);
  }

  /**
   * Import `<package>/tasks` of each package when the tasks are needed: in a worker, and in
   * commands that show tasks. A package without that module is left out. Celery:
   * `autodiscover_tasks`.
   *
   * @param packages folders or packages, or a function that gives them
   */
  autodiscoverTasks(
    packages: readonly string[] | (() => readonly string[]),
    options: { relatedName?: string; cwd?: string } = {},
  ): void {
    checkDiscovery(packages, options);
    this.#discoveries.push(() => discoverTasks(packages, options));
  }

  /** Import the modules of `imports`, `include` and `extra`, in this order, and what was discovered. */
  async importModules(extra: readonly string[] = [], cwd = process.cwd()): Promise<void> {
    checkModules(extra);
    await this.signals.importModules.sendStrict(undefined, {});
    for (const discover of this.#discoveries) await discover();
    const modules = [...this.conf.get('imports'), ...this.conf.get('include'), ...extra];
    for (const module of modules) await loadModule(module, cwd);
    await this.signals.onAfterFinalize.send(undefined, {});
  }

  /**
   * Close every connection of the app. Whatever still waits (`get`, a call that is being sent)
   * rejects with ConnectionClosed. The app can be used again afterwards. Idempotent.
   *
   * @throws TypeError for options: there are none
   */
  close(): Promise<void>;
  async close(options?: unknown): Promise<void> {
    checkClose(options);
    return this[INTERNALS].close();
  }

  /** `await using app = new Celery(…)`: closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A worker that this program starts and stops itself; see docs/worker.md. Celery: `app.Worker`.
   *
   * @param options those of `tscelery worker` in camelCase
   * @throws TypeError for an option that does not exist
   */
  worker(options: WorkerOptions = {}): AppWorker {
    return new AppWorker(this, options);
  }

  /**
   * Find everything that the settings and the declarations of tasks name, as a worker does when
   * it starts.
   *
   * @throws ImproperlyConfigured naming the setting or the task
   */
  async checkNames(): Promise<void> {
    await this[INTERNALS].checkNames();
  }
}
