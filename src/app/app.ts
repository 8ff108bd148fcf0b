/**
 * The app: where tasks, settings and connections meet. Always explicit; there is no
 * current app.
 */
import { randomUUID } from 'node:crypto';
import type { ResultBackend } from '../backends/contract.ts';
import { openBackend } from '../backends/open.ts';
import { systemClock } from '../base/clock.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { didYouMean } from '../base/nearest.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { directRequest } from '../execute/request.ts';
import { currentTask, runInContext, TaskContext } from '../execute/task-context.ts';
import type { Transport } from '../messaging/contract.ts';
import { openTransport } from '../messaging/open.ts';
import { acceptedContentTypes } from '../wire/content.ts';
import { decodeException } from '../wire/exception.ts';
import { AsyncResult } from './async-result.ts';
import { APP_BRAND } from './brand.ts';
import { loadConfig, readConfig } from './config-source.ts';
import { AlreadyRegistered, NotRegistered } from './errors.ts';
import { type ErrorMaker, knownErrors } from './known-errors.ts';
import { loadModule } from './load-module.ts';
import { Publisher } from './publisher.ts';
import { Queues } from './queues.ts';
import { Settings } from './settings.ts';
import type { SettingsSource } from './settings-names.ts';
import type { CeleryConfig } from './settings-table.ts';
import { type AnyTask, createTask, type Task, TaskDefinition, type TaskFunction } from './task.ts';
import type { ApplyOptions, ErrorClass, TaskOptions } from './task-options.ts';

/** Settings by name, and Celery's short words for three of them. */
export interface CeleryOptions extends CeleryConfig {
  /** `broker_url` */
  readonly broker?: string;
  /** `result_backend` */
  readonly backend?: string;
}

export interface LoadOptions {
  /** A config file or module; without it the environment and then the working directory decide. */
  readonly config?: string;
  readonly cwd?: string;
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
  readonly conf: Settings;
  readonly #tasks = new Map<string, AnyTask>();
  readonly #publisher: Publisher;
  readonly #errors = knownErrors();
  #loading: Promise<void> | undefined;
  #loaded = false;
  #queues: Queues | undefined;
  #transport: Promise<Transport> | undefined;
  #backend: Promise<ResultBackend> | undefined;

  /**
   * @param main name of the app; first part of derived task names
   * @param options broker, backend and any setting
   * @throws ImproperlyConfigured for an unknown setting or a wrong value
   */
  constructor(main = '', options: CeleryOptions = {}) {
    const { broker, backend, ...settings } = options;
    this.main = main;
    this.conf = new Settings({
      ...settings,
      ...(broker === undefined ? {} : { broker_url: broker }),
      ...(backend === undefined ? {} : { result_backend: backend }),
    });
    this.#publisher = new Publisher({
      conf: this.conf,
      main,
      queues: () => this.queues,
      transport: () => this.transport(),
      warn: message => process.emitWarning(message, 'TsceleryWarning'),
    });
  }

  /** Tasks declared so far, by name. */
  get tasks(): ReadonlyMap<string, AnyTask> {
    return this.#tasks;
  }

  /** The queues of the app; made from the settings when first asked for. */
  get queues(): Queues {
    this.#queues ??= new Queues(this.conf);
    return this.#queues;
  }

  /**
   * Declare a task.
   *
   * @param name as other nodes know it; left out, it is `<main>.<function name>`
   * @param run may be async; with `bind: true` it gets the task's context first
   * @throws AlreadyRegistered when another function has the name, ImproperlyConfigured when
   *   no name can be derived
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
  task(
    nameOrRun: string | TaskFunction,
    optionsOrRun: TaskOptions | TaskFunction = {},
    run?: TaskFunction,
  ): AnyTask {
    if (typeof nameOrRun === 'function') {
      return this.#register(this.#derivedName(nameOrRun), {}, nameOrRun);
    }
    if (typeof optionsOrRun === 'function') return this.#register(nameOrRun, {}, optionsOrRun);
    if (typeof run !== 'function') {
      throw new TypeError(`app.task(${JSON.stringify(nameOrRun)}, …) needs the task's function`);
    }
    return this.#register(nameOrRun, optionsOrRun, run);
  }

  /** A task whose code is elsewhere, for example in a Python worker; typed by its function type. */
  remoteTask<F extends AnyFunction>(
    name: string,
    options: TaskOptions = {},
  ): Task<Parameters<F>, Awaited<ReturnType<F>>> {
    return this.#register(name, options, undefined);
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
  ): Promise<AsyncResult<unknown>> {
    return this.#publish(name, args, options, this.#tasks.get(name)?.definition, false);
  }

  /** The handle of a task that was sent before. */
  AsyncResult<R = unknown>(id: string): AsyncResult<R> {
    return this.#result(id, false);
  }

  /** Teach the app to make errors of this class again when a result holds one. */
  registerError(Class: ErrorClass & { readonly excModule?: string }): void {
    const make: ErrorMaker = args =>
      new (Class as unknown as new (...args: readonly unknown[]) => Error)(...args);
    const key = Class.excModule === undefined ? Class.name : `${Class.excModule}.${Class.name}`;
    this.#errors.set(key, make);
  }

  /**
   * Take settings from an object, a module (`./celeryconfig.js`) or `module:attribute`,
   * instead of looking for a config file. Celery: `config_from_object`.
   */
  async configFromObject(source: CeleryConfig | string, cwd = process.cwd()): Promise<void> {
    const settings: SettingsSource =
      typeof source === 'string'
        ? await readConfig(source, cwd)
        : { values: source, origin: 'configFromObject' };
    this.conf.setSource(settings);
    this.#loaded = true;
  }

  /** Read the config file, once. `delay` and the commands do it by themselves. */
  async load(options: LoadOptions = {}): Promise<void> {
    if (this.#loaded) return;
    this.#loading ??= this.#load(options);
    try {
      await this.#loading;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }

  /** Import the modules of `imports`, `include` and `extra`, in this order. */
  async importModules(extra: readonly string[] = [], cwd = process.cwd()): Promise<void> {
    const modules = [...this.conf.get('imports'), ...this.conf.get('include'), ...extra];
    for (const module of modules) await loadModule(module, cwd);
  }

  /** The app's connection for publishing; opened when first asked for. */
  transport(): Promise<Transport> {
    this.#transport ??= this.openTransport('write');
    this.#transport.catch(() => {
      this.#transport = undefined;
    });
    return this.#transport;
  }

  /** A connection of its own, for example for a consumer. Not connected yet. */
  async openTransport(use: 'read' | 'write'): Promise<Transport> {
    await this.load();
    const { conf } = this;
    const url = conf.get(use === 'read' ? 'broker_read_url' : 'broker_write_url');
    return openTransport(url, {
      transportOptions: conf.get('broker_transport_options'),
      connectTimeout: conf.get('broker_connection_timeout'),
      useSsl: conf.get('broker_use_ssl'),
    });
  }

  /** The app's result backend; opened when first asked for. */
  backend(): Promise<ResultBackend> {
    this.#backend ??= this.#openBackend();
    this.#backend.catch(() => {
      this.#backend = undefined;
    });
    return this.#backend;
  }

  /** Close every connection of the app. It can be used again afterwards. */
  async close(): Promise<void> {
    const [transport, backend] = [this.#transport, this.#backend];
    this.#transport = undefined;
    this.#backend = undefined;
    await Promise.all([
      transport?.then(opened => opened.close()).catch(() => {}),
      backend?.then(opened => opened.stop()).catch(() => {}),
    ]);
  }

  /** What running tasks needs of this app. */
  async executionPorts(node: { hostname: string; logger: Logger }): Promise<ExecutionPorts> {
    const backend = await this.backend();
    return {
      ...node,
      store: meta => backend.store(meta),
      publish: (call, route) => this.#publisher.publishCall(call, route),
      newId: randomUUID,
      clock: systemClock,
      storesResults: backend.name !== 'disabled',
      extended: this.conf.get('result_extended'),
      accept: acceptedContentTypes(this.conf.get('accept_content')),
    };
  }

  async #load({ config, cwd = process.cwd() }: LoadOptions): Promise<void> {
    const source = await loadConfig({ cwd, config });
    if (source !== undefined && !this.#loaded) this.conf.setSource(source);
    this.#loaded = true;
  }

  async #openBackend(): Promise<ResultBackend> {
    await this.load();
    const { conf } = this;
    const backend = await openBackend(conf.get('result_backend') ?? 'disabled://', {
      expires: conf.get('result_expires'),
      transportOptions: conf.get('result_backend_transport_options'),
      extended: conf.get('result_extended'),
      settings: conf.table({ withDefaults: true, censored: false }),
    });
    return backend;
  }

  #derivedName(run: TaskFunction): string {
    if (this.main !== '' && run.name !== '') return `${this.main}.${run.name}`;
    throw new ImproperlyConfigured(
      run.name === ''
        ? 'A task made from a function without a name needs one: app.task("proj.add", (x, y) => x + y)'
        : `app.task(${run.name}) derives the name from the app's, which has none: new Celery("proj"), or app.task("proj.${run.name}", ${run.name})`,
    );
  }

  #register(name: string, options: TaskOptions, run: TaskFunction | undefined): AnyTask {
    if (name === '') throw new ImproperlyConfigured('A task needs a name, got ""');
    const existing = this.#tasks.get(name);
    if (existing) {
      throw new AlreadyRegistered(`A task named ${JSON.stringify(name)} is registered already`);
    }
    const definition = new TaskDefinition(name, options, run, () => this.conf);
    const task = createTask(definition, {
      callDirectly: (called, args) => this.#callDirectly(called, args),
      apply: (called, args, call, asTuple) => this.#publish(name, args, call, called, asTuple),
    });
    this.#tasks.set(name, task);
    return task;
  }

  async #publish(
    name: string,
    args: readonly unknown[],
    options: ApplyOptions,
    definition: TaskDefinition | undefined,
    argsAsTuple: boolean,
  ): Promise<AsyncResult<unknown>> {
    definition?.checkArguments(args, options.kwargs ?? {});
    if (!this.#loaded) await this.load();
    const sent = await this.#publisher.publish(name, args, options, definition, argsAsTuple);
    return this.#result(sent.id, sent.ignoreResult);
  }

  #result<R>(id: string, ignored: boolean): AsyncResult<R> {
    const host = {
      backend: () => this.backend(),
      decodeError: (data: unknown, traceback: string | null) =>
        withRemoteStack(decodeException(data, this.#errors), traceback),
    };
    return new AsyncResult<R>(id, host, { ignored });
  }

  async #callDirectly(definition: TaskDefinition, args: readonly unknown[]): Promise<unknown> {
    const request = directRequest(definition.name, randomUUID(), args, currentTask()?.request);
    const context = new TaskContext(request, {
      clock: systemClock,
      signal: currentTask()?.signal ?? new AbortController().signal,
      maxRetries: definition.maxRetries,
      defaultRetryDelay: definition.defaultRetryDelay,
      updateState: async () => {},
    });
    return runInContext(context, () => definition.invoke(context, args, {}));
  }

  /** @throws NotRegistered naming the nearest task */
  requireTask(name: string): AnyTask {
    const task = this.#tasks.get(name);
    if (task) return task;
    throw new NotRegistered(name, { cause: didYouMean(name, this.#tasks.keys()) });
  }
}

/** The stack says where `get` was called and where the task failed. */
function withRemoteStack(error: Error, traceback: string | null): Error {
  if (!traceback) return error;
  error.stack = `${error.stack ?? String(error)}\n\nThe task failed with:\n${traceback}`;
  return error;
}
