import { ImproperlyConfigured } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { checkTaskOptions } from '../options/option-checks.ts';
import type { TaskBaseClass, TaskOptions } from '../options/task-options.ts';
import type { Settings } from '../settings/settings.ts';
import type { ClassTask } from './base-class.ts';
import { combinedHandlers } from './combined-handlers.ts';
import { TaskDefinition, type TaskFunction } from './definition.ts';
import { AlreadyRegistered, NotRegistered } from './errors.ts';
import { type AnyTask, createTask, type TaskHost } from './task.ts';
import { checkHandlerNames, mergedOptions, optionsOf } from './task-members.ts';

export class Registry {
  readonly tasks = new Map<string, AnyTask>();
  readonly #host: TaskHost;
  readonly #conf: Settings;
  readonly #base: TaskBaseClass | undefined;
  readonly #derived = new Set<Registry>();

  constructor(conf: Settings, host: TaskHost, base?: TaskBaseClass) {
    this.#conf = conf;
    this.#host = host;
    this.#base = base;
  }

  /** @throws AlreadyRegistered when the name is taken, ImproperlyConfigured for no name, TypeError for an option */
  add(name: string, options: TaskOptions, run: TaskFunction | undefined): AnyTask {
    checkTaskOptions(options);
    if (options.handlers) checkHandlerNames(options.handlers, name);
    return this.#add(name, options, run, run);
  }

  #add(
    name: string,
    options: TaskOptions,
    run: TaskFunction | undefined,
    declaredAs: TaskFunction | undefined,
  ): AnyTask {
    if (name === '') throw new ImproperlyConfigured('A task needs a name, got ""');
    if (this.tasks.has(name)) {
      throw new AlreadyRegistered(`A task named ${JSON.stringify(name)} is registered already`);
    }
    const declared = { name, options: this.#complete(options), run, declaredAs };
    const definition = new TaskDefinition(declared, () => this.#conf);
    const task = createTask(definition, this.#host);
    this.tasks.set(name, task);
    for (const each of this.#derived) each.#adopt(definition);
    return task;
  }

  /** With what the base class says, of which one instance is made. */
  #complete({ base, handlers: own, ...options }: TaskOptions): TaskOptions {
    const Base = base ?? this.#base;
    const inherited = Base && new Base();
    const handlers = combinedHandlers(own, inherited);
    const declared = inherited ? mergedOptions(optionsOf(inherited, false), options) : options;
    return handlers ? { ...declared, handlers } : declared;
  }

  /**
   * The same tasks, also those declared later, for a worker with settings of its own; until
   * `forget`.
   */
  derive(conf: Settings, host: TaskHost): Registry {
    const derived = new Registry(conf, host, this.#base);
    for (const { definition } of this.tasks.values()) derived.#adopt(definition);
    this.#derived.add(derived);
    return derived;
  }

  forget(derived: Registry): void {
    this.#derived.delete(derived);
  }

  #adopt(definition: TaskDefinition): void {
    const own = definition.under(() => this.#conf);
    this.tasks.set(own.name, createTask(own, this.#host));
  }

  /** A task written as a class: its handlers are its methods. */
  addClass(Class: ClassTask | (new () => ClassTask)): AnyTask {
    const isMade = typeof Class !== 'function' || Class.prototype === undefined;
    const instance = isMade ? (Class as ClassTask) : new Class();
    checkClassTask(instance, Class);
    const run = (...args: unknown[]) => instance.run(...args);
    const options = mergedOptions(optionsOf(instance, true), instance.options ?? {});
    checkTaskOptions(options);
    return this.#add(instance.name, { ...options, handlers: instance }, run, instance.run);
  }

  remove(name: string): void {
    if (!this.tasks.delete(name)) throw this.missing(name);
  }

  /** The error for a name that nobody registered; its cause names the nearest task. */
  missing(name: string): NotRegistered {
    const hint = didYouMean(name, this.tasks.keys()).trim();
    return new NotRegistered(name, hint === '' ? {} : { cause: new Error(hint) });
  }
}

/** @throws TypeError for what is no task */
function checkClassTask(instance: ClassTask, given: unknown): void {
  const whose = typeof given === 'function' ? `the class ${given.name}` : saferepr(given);
  if (typeof instance !== 'object' || instance === null || typeof instance.run !== 'function') {
    throw new TypeError(`app.registerTask needs a task with a method run, got ${whose}.`);
  }
  if (typeof instance.name !== 'string') {
    throw new TypeError(
      `The task that ${whose} makes needs a name: readonly name = "proj.add"; got ${saferepr(instance.name)}.`,
    );
  }
}
