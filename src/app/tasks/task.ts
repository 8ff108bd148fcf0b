/**
 * Tasks: functions with a name and options, that can be called here or somewhere else.
 */

import { inspect } from 'node:util';
import { saferepr } from '../../base/text/saferepr.ts';
import { taskSignature } from '../../canvas/shapes.ts';
import { TASK_BRAND } from '../loading/brand.ts';
import type { ApplyOptions, EagerOptions } from '../options/task-options.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { EagerResult } from '../results/eager-result.ts';
import { keptOptions } from '../signatures/call-options.ts';
import type { Chunks } from '../signatures/chunks-signature.ts';
import { taskChunks, taskMap, taskStarmap } from '../signatures/maps.ts';
import type { Missing, Tail } from '../signatures/part-types.ts';
import { Signature, type SignatureHost } from '../signatures/signature.ts';
import type { Call } from './call.ts';
import type { TaskDefinition } from './definition.ts';

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
  /**
   * Run the task here with everything a worker does around it: request, retries, handlers.
   * Nothing is published. Celery: `apply`.
   */
  apply(args: A, options?: EagerOptions): Promise<EagerResult<R>>;
  /**
   * A call as a value, with the last arguments given: those before them come with the call, or from
   * the step before it in a chain. Celery: `s`.
   */
  s<T extends Tail<A>>(...tail: T): Signature<Missing<A, T>, R, 'partial'>;
  /** A call as a value that takes no more arguments. Celery: `si`. */
  si(...args: A): Signature<[], R, 'immutable'>;
  /** A call as a value, with options. @throws TypeError for an option that is none */
  signature<T extends Tail<A>>(
    tail: T,
    options?: ApplyOptions,
  ): Signature<Missing<A, T>, R, 'partial'>;
  /**
   * One message that calls the task with each item after the other; its result is the list of theirs.
   * Celery: `map`.
   */
  map(it: Iterable<A[0]>): Signature<[], R[], 'immutable'>;
  /** The same with items that are lists of arguments. Celery: `starmap`. */
  starmap(it: Iterable<A>): Signature<[], R[], 'immutable'>;
  /**
   * A group of `starmap`s with `n` items in each; its results are lists. Celery: `chunks`.
   *
   * @throws TypeError when `n` is no whole number above 0
   */
  chunks(it: Iterable<A>, n: number): Chunks<R>;
  readonly [TASK_BRAND]: true;
  readonly definition: TaskDefinition;
}

// biome-ignore lint/suspicious/noExplicitAny: any task, whatever its types
export type AnyTask = Task<any, any>;

export type KnownCall = Call & { readonly definition: TaskDefinition };

export interface TaskHost extends SignatureHost {
  applyHere(
    definition: TaskDefinition,
    args: Args,
    options: EagerOptions,
  ): Promise<EagerResult<unknown>>;
  callDirectly(definition: TaskDefinition, args: Args): Promise<unknown>;
  apply(call: KnownCall): Promise<AsyncResult<unknown>>;
}

export function createTask(definition: TaskDefinition, host: TaskHost): AnyTask {
  const callable = (...args: unknown[]) => host.callDirectly(definition, args);
  const text = `<@task: ${definition.name}>`;
  const fixed = { name: definition.name, definition, [TASK_BRAND]: true };
  const task = definition.name;
  const methods = {
    delay: (...args: unknown[]) =>
      host.apply({ task, args, options: {}, definition, argsAsTuple: true }),
    applyAsync: (args: Args = [], options: ApplyOptions = {}, more?: unknown) =>
      more === undefined
        ? host.apply({ task, args, options, definition, argsAsTuple: false })
        : Promise.reject(surplus('applyAsync', options, more)),
    apply: (args: Args = [], options: EagerOptions = {}, more?: unknown) =>
      more === undefined
        ? host.applyHere(definition, args, options)
        : Promise.reject(surplus('apply', options, more)),
  };
  const signature = (args: Args = [], { kwargs, ...options }: ApplyOptions = {}) => {
    const parts = { args, kwargs: kwargs ?? {}, options: keptOptions(options) };
    return new Signature(taskSignature(task, parts), host);
  };
  const values = {
    s: (...args: unknown[]) => signature(args),
    si: (...args: unknown[]) => signature(args).asImmutable(),
    signature,
    map: (it: Iterable<unknown>) => taskMap(signature([]), it),
    starmap: (it: Iterable<Args>) => taskStarmap(signature([]), it),
    chunks: (it: Iterable<Args>, n: number) => taskChunks(signature([]), it, n),
  };
  const shown = { toString: () => text, [inspect.custom]: () => text };
  for (const [key, value] of entriesOf(fixed)) {
    Object.defineProperty(callable, key, { value, enumerable: true });
  }
  // tests put their own in the place of `delay`
  const replaceable = { writable: true, configurable: true };
  for (const [key, value] of entriesOf({ ...methods, ...values })) {
    Object.defineProperty(callable, key, { value, enumerable: true, ...replaceable });
  }
  for (const [key, value] of entriesOf(shown)) {
    Object.defineProperty(callable, key, { value, ...replaceable });
  }
  return callable as unknown as AnyTask;
}

function entriesOf(members: object): [PropertyKey, unknown][] {
  return Reflect.ownKeys(members).map(key => [key, (members as Record<PropertyKey, unknown>)[key]]);
}

/** The error for a third argument: Python has keyword arguments there, and options after them. */
export function surplus(method: string, kwargs: unknown, more: unknown): TypeError {
  return new TypeError(
    `${method} takes the list of arguments and the options, got ${saferepr(more)} after ${saferepr(kwargs)}. Keyword arguments go into the options: ${method}([…], { kwargs: { … } }).`,
  );
}
