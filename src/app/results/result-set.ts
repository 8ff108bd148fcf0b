import { inspect } from 'node:util';
import { bounded } from '../../backends/bounded.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { RevokeTarget } from '../../control/control-options.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import {
  awaitAll,
  checkPlace,
  endings,
  forgetAll,
  hostOf,
  learnAll,
  updatesOf,
} from './awaiting.ts';
import {
  LEAF,
  type Leaf,
  leavesOf,
  noted,
  notedEach,
  type ResultHandle,
  type ResultHost,
} from './handle.ts';
import { hasFailed } from './leaf.ts';
import {
  checkBounds,
  checkJoinOptions,
  checkRevokeOptions,
  type JoinOptions,
  type ResultBounds,
} from './result-options.ts';

/** The handles of results with these values. */
export type Handles<R extends readonly unknown[]> = {
  readonly [I in keyof R]: ResultHandle<R[I]>;
};

/** Ids for one message; what a broker takes is limited. */
const MOST_REVOKED_AT_ONCE = 1000;

/**
 * Several results that are looked at and waited for together, over one path to the backend. Results of
 * groups in it count as one each, and their values are lists. Every method that asks the backend takes
 * `timeout` and `signal` as those of AsyncResult do. Celery: `ResultSet`.
 *
 * @throws TypeError for what is no result, or one of another app
 */
export class ResultSet<R extends readonly unknown[] = unknown[]> {
  readonly #results = new Map<string, ResultHandle>();
  /** The same as a list, until something changes. */
  #list: readonly ResultHandle[] | undefined;
  #host: ResultHost | undefined;

  constructor(results?: Handles<R>) {
    for (const result of (results ?? []) as Iterable<ResultHandle>) this.add(result);
  }

  get results(): Handles<R> {
    this.#list ??= [...this.#results.values()];
    return this.#list as unknown as Handles<R>;
  }

  get length(): number {
    return this.#results.size;
  }

  /** The results, in their order. */
  [Symbol.iterator](): IterableIterator<ResultHandle> {
    return this.#results.values();
  }

  has(result: ResultHandle | string): boolean {
    return this.#results.has(idOf(result));
  }

  /** Add a result, unless it is there already. */
  add(result: ResultHandle): void {
    if (!isHandle(result)) {
      throw new TypeError(`A ResultSet holds results, got ${saferepr(result)}`);
    }
    const host = hostOf(leavesOf(result));
    if (host && this.#host && host !== this.#host) {
      throw new TypeError(`The result ${result.id} is of another app than those of the ResultSet.`);
    }
    this.#host ??= host;
    if (this.#results.has(result.id)) return;
    this.#results.set(result.id, result);
    this.#list = undefined;
  }

  /** @throws RangeError when it is not there */
  remove(result: ResultHandle | string): void {
    if (this.has(result)) this.discard(result);
    else throw new RangeError(`The ResultSet has no result ${saferepr(idOf(result))}`);
  }

  /** Remove a result that may be there. */
  discard(result: ResultHandle | string): void {
    this.#results.delete(idOf(result));
    this.#list = undefined;
  }

  /** Add each that is not there. */
  update(results: Iterable<ResultHandle>): void {
    for (const result of results) this.add(result);
  }

  clear(): void {
    this.#results.clear();
    this.#list = undefined;
  }

  /** Whether all are over. */
  async ready(options: ResultBounds = {}): Promise<boolean> {
    return (await this.#states(options)).every(state => states.READY_STATES.has(state));
  }

  /** Whether any is not over. */
  async waiting(options: ResultBounds = {}): Promise<boolean> {
    return !(await this.ready(options));
  }

  /** Whether all have succeeded. */
  async successful(options: ResultBounds = {}): Promise<boolean> {
    return (await this.#states(options)).every(state => state === states.SUCCESS);
  }

  /** Whether any has failed. */
  async failed(options: ResultBounds = {}): Promise<boolean> {
    return (await this.#states(options)).includes(states.FAILURE);
  }

  /** How many have succeeded. Celery: `completed_count`. */
  async completedCount(options: ResultBounds = {}): Promise<number> {
    await this.#states(options);
    const isDone = (leaf: Leaf) => leaf.final?.status === states.SUCCESS;
    return [...this].filter(result => leavesOf(result).every(isDone)).length;
  }

  /** Throw the error of the first one that has failed by now. */
  async maybeThrow(options: ResultBounds = {}): Promise<void> {
    await this.#states(options);
    for (const leaf of leavesOf(this)) if (leaf.final && hasFailed(leaf.final)) leaf.value(true);
  }

  /**
   * Wait for all, and return what they returned in their order.
   *
   * @throws the error of the first task that fails (see `propagate`), also of one before them (see
   *   `followParents`), TimeoutError after `timeout` seconds, ConnectionClosed when the app is closed
   *   meanwhile
   */
  async get(options: JoinOptions = {}): Promise<R> {
    checkJoinOptions(options);
    checkPlace(options);
    const { callback, propagate } = options;
    const propagates = propagate !== false;
    const onEnd = (leaf: Leaf) => {
      if (callback) callback(leaf.id, leaf.value(propagates));
      else if (leaf.final && hasFailed(leaf.final)) leaf.value(propagates);
    };
    const first = leavesOf(this).find(leaf => !leaf.final);
    const waiting = awaitAll(this, options, onEnd);
    await (first ? noted(first.id, waiting) : waiting);
    return (callback ? [] : valuesOf(this, propagates)) as unknown as R;
  }

  /** The same as `get`. */
  join(options: JoinOptions = {}): Promise<R> {
    return this.get(options);
  }

  /** The same as `get`, which does in every backend what this does in some of Celery's. */
  joinNative(options: JoinOptions = {}): Promise<R> {
    return this.get(options);
  }

  /**
   * Each task's id and final document, in the order in which they end:
   * `for await (const [id, { status, result }] of results.iterNative()) …`. Does not throw when a task
   * fails.
   */
  async *iterNative(
    options: ResultBounds = {},
  ): AsyncGenerator<[string, ResultMeta], void, undefined> {
    checkBounds(options, 'iterNative');
    const ends = endings(this, { ...options, propagate: false });
    for await (const { id, final } of notedEach(firstId(this), ends)) if (final) yield [id, final];
  }

  /**
   * Every state of every task that is stored from now on, until all are over:
   * `for await (const meta of results) …`. Does not throw when a task fails.
   */
  [Symbol.asyncIterator](): AsyncGenerator<ResultMeta, void, undefined> {
    return this.updates();
  }

  /** The same within bounds. */
  async *updates(options: ResultBounds = {}): AsyncGenerator<ResultMeta, void, undefined> {
    checkBounds(options, 'updates');
    yield* notedEach(firstId(this), updatesOf(this, options));
  }

  /** Tell every worker not to run any of the tasks; see `AsyncResult.revoke`. */
  async revoke(options: RevokeTarget & { readonly timeout?: number } = {}): Promise<void> {
    checkRevokeOptions(options);
    const { timeout, ...request } = options;
    const host = this.#host;
    const ids = leavesOf(this).flatMap(leaf => (leaf.host ? [leaf.id] : []));
    if (!host || ids.length === 0) return;
    const revoke = async () => {
      for (let at = 0; at < ids.length; at += MOST_REVOKED_AT_ONCE) {
        await host.control.revoke(ids.slice(at, at + MOST_REVOKED_AT_ONCE), request);
      }
    };
    await bounded(revoke, { timeout }, host.closing());
  }

  /** Delete the stored results, and before them those of all their `parent`s. */
  async forget(options: ResultBounds = {}): Promise<void> {
    checkBounds(options, 'forget');
    await forgetAll(this, options);
  }

  /** Whether `other` holds the same results in the same order. */
  equals(other: unknown): boolean {
    if (!(other instanceof ResultSet) || other.length !== this.length) return false;
    const theirs = [...other];
    return [...this].every((result, i) => isSame(result, theirs[i]!));
  }

  [inspect.custom](): string {
    return `<${this.constructor.name}: [${[...this.#results.keys()].join(', ')}]>`;
  }

  async #states(options: ResultBounds): Promise<string[]> {
    checkBounds(options, 'a result');
    const metas = await learnAll(leavesOf(this), options);
    return metas.map(meta => meta?.status ?? states.PENDING);
  }
}

function isSame(one: ResultHandle, other: ResultHandle): boolean {
  if (one.results || other.results) return one instanceof ResultSet && one.equals(other);
  return one.id === other.id;
}

function valuesOf(results: Iterable<ResultHandle>, propagate: boolean): unknown[] {
  return [...results].map(result =>
    result[LEAF] ? result[LEAF].value(propagate) : valuesOf(result.results ?? [], propagate),
  );
}

function isHandle(value: unknown): value is ResultHandle {
  const { id, results, [LEAF]: leaf } = (value ?? {}) as Partial<ResultHandle>;
  return typeof id === 'string' && (leaf !== undefined || Array.isArray(results));
}

function idOf(result: ResultHandle | string): string {
  return typeof result === 'string' ? result : result.id;
}

/** As what a task is noted that waits for them. */
function firstId(set: ResultSet<readonly unknown[]>): string {
  return leavesOf(set)[0]?.id ?? '';
}
