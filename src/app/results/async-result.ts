import { inspect } from 'node:util';
import { arm, bounded } from '../../backends/bounded.ts';
import type { ResultBackend } from '../../backends/contract.ts';
import { waitForResult } from '../../backends/wait.ts';
import { deferred } from '../../base/deferred.ts';
import { News } from '../../base/news.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { RevokeTarget } from '../../control/control-options.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import { awaitAll, checkPlace, follows, forgetAll, throwOfParents } from './awaiting.ts';
import type { GroupResult } from './group-result.ts';
import { LEAF, noted, type ResultHandle, type ResultHost } from './handle.ts';
import { hasFailed, StoredLeaf } from './leaf.ts';
import { ResultBase } from './result-base.ts';
import {
  checkBounds,
  checkGetOptions,
  checkOnReady,
  checkRevokeOptions,
  type GetOptions,
  type ResultBounds,
} from './result-options.ts';

export interface ResultOptions {
  readonly ignored?: boolean;
  readonly parent?: ResultHandle | undefined;
}

/**
 * The handle of a published task. No property does I/O: everything that asks the backend
 * is a method, which takes `timeout` and `signal`: it rejects with TimeoutError or the signal's
 * reason, with TypeError for options that do not exist or are of the wrong kind, with
 * BackendGetMetaError when the backend cannot be read, and with ConnectionClosed
 * when the app is closed meanwhile. Celery: `AsyncResult`.
 */
export class AsyncResult<R = unknown> extends ResultBase<R> {
  readonly id: string;
  /** The result of what had to be done before, where whoever made the handle knew it. */
  readonly parent: ResultHandle | undefined;
  /**
   * The task was sent with `ignoreResult`: `get` gives undefined at once, as no result will come.
   */
  readonly ignored: boolean;
  /** @internal */
  readonly [LEAF]: StoredLeaf;
  readonly #host: ResultHost;

  constructor(id: string, host: ResultHost, options: ResultOptions = {}) {
    super();
    if (typeof id !== 'string' || id === '') {
      throw new TypeError(`AsyncResult needs a task id, got ${id === '' ? '""' : saferepr(id)}`);
    }
    this.id = id;
    this.parent = options.parent;
    this.ignored = options.ignored ?? false;
    this.#host = host;
    this[LEAF] = new StoredLeaf(id, host, this.ignored);
  }

  /**
   * Wait for the task and return what it returned.
   *
   * @throws the task's error (see `propagate`), that of a task before it (see `followParents`),
   *   TimeoutError after `timeout` seconds, TaskRevokedError for a revoked or expired task,
   *   ConnectionClosed when the app is closed meanwhile
   */
  async get(options: GetOptions = {}): Promise<R> {
    checkGetOptions(options);
    if (this.ignored) return undefined as R;
    checkPlace(options);
    const leaf = this[LEAF];
    if (leaf.final === undefined) await noted(this.id, this.#end(options));
    else if (hasFailed(leaf.final) && this.#follows(options)) await throwOfParents(this, options);
    return leaf.value(options.propagate !== false) as R;
  }

  #follows(options: GetOptions): boolean {
    return this.parent !== undefined && follows(options);
  }

  async #end(options: GetOptions): Promise<void> {
    if (this.#follows(options)) await awaitAll(this, options, () => {});
    else await this.#wait(options);
  }

  async #wait(options: GetOptions): Promise<ResultMeta> {
    const closing = this.#host.closing();
    const backend = await this.#host.backend();
    const final = await waitForResult(backend, this.id, { ...options, closing });
    this[LEAF].learn(final);
    backend.release?.(this.id);
    return final;
  }

  /**
   * Every state that is stored from now on, the final one last:
   * `for await (const meta of result) …`. Does not throw when the task fails.
   */
  [Symbol.asyncIterator](): AsyncGenerator<ResultMeta, void, undefined> {
    return this.updates();
  }

  /** The same within bounds: `for await (const meta of result.updates({ signal })) …`. */
  async *updates(options: ResultBounds = {}): AsyncGenerator<ResultMeta, void, undefined> {
    checkBounds(options, 'updates');
    const closing = this.#host.closing();
    const backend = await this.#host.backend();
    const news = new News<ResultMeta>();
    const hear = (meta: ResultMeta) => news.add(meta);
    const over = deferred<never>();
    over.promise.catch(error => news.end(error));
    const disarm = arm({ ...options, closing }, over.reject);
    const subscribing = backend.subscribe(this.id, hear, over.reject);
    const unsubscribe = () => subscribing.then(end => end()).catch(() => {});
    try {
      options.signal?.throwIfAborted();
      closing.throwIfClosed();
      await Promise.race([subscribing, over.promise]);
      const stored = await Promise.race([backend.fetch(this.id), over.promise]);
      if (stored && news.isEmpty) hear(stored);
      for (;;) {
        for (const meta of await noted(this.id, news.take())) {
          const isFinal = states.READY_STATES.has(meta.status);
          if (isFinal) {
            this[LEAF].learn(meta);
            backend.release?.(this.id);
          }
          yield meta;
          if (isFinal) return;
        }
      }
    } finally {
      disarm();
      void unsubscribe();
    }
  }

  /**
   * Call `callback` with the final state as soon as there is one. What it throws is reported as a
   * warning of the process, and so is what ends the wait.
   */
  onReady(callback: (meta: ResultMeta) => void | Promise<void>, options: ResultBounds = {}): void {
    checkOnReady(callback, options);
    if (this.ignored) return;
    Promise.resolve(this[LEAF].final ?? this.#wait(options))
      .then(callback)
      .catch(error => process.emitWarning(error as Error));
  }

  /** The state now; PENDING also for ids that nobody knows, since nothing is stored of either. */
  async state(options: ResultBounds = {}): Promise<string> {
    return (await this.#meta(options))?.status ?? states.PENDING;
  }

  /** Whether the state is final. */
  async ready(options: ResultBounds = {}): Promise<boolean> {
    return states.READY_STATES.has(await this.state(options));
  }

  async successful(options: ResultBounds = {}): Promise<boolean> {
    return (await this.state(options)) === states.SUCCESS;
  }

  async failed(options: ResultBounds = {}): Promise<boolean> {
    return (await this.state(options)) === states.FAILURE;
  }

  /** Return value, error, or the meta of a custom state; undefined while nothing is stored. */
  async info(options: ResultBounds = {}): Promise<unknown> {
    const meta = await this.#meta(options);
    if (!meta) return undefined;
    return states.EXCEPTION_STATES.has(meta.status) && meta.result !== null
      ? this.#host.decodeError(meta.result, meta.traceback)
      : meta.result;
  }

  /** Text of the remote stack, or null. */
  async traceback(options: ResultBounds = {}): Promise<string | null> {
    return (await this.#meta(options))?.traceback ?? null;
  }

  /** Throw the error of the task when it has failed by now. */
  async maybeThrow(options: ResultBounds = {}): Promise<void> {
    const meta = await this.#meta(options);
    if (meta && hasFailed(meta)) throw this.#host.decodeError(meta.result, meta.traceback);
  }

  /** Handles of what this task published, once it is over: of a group as one. */
  async children(options: ResultBounds = {}): Promise<(AsyncResult | GroupResult)[]> {
    const tuples = (await this.#meta(options))?.children ?? [];
    return tuples.map(tuple => this.#host.fromTuple(tuple) as AsyncResult | GroupResult);
  }

  /** The whole stored document; undefined while nothing is stored. */
  meta(options: ResultBounds = {}): Promise<ResultMeta | undefined> {
    return this.#meta(options);
  }

  /**
   * Tell every worker not to run the task; with `terminate`, also to kill what runs it. Resolves
   * when the broker has the request, or rejects after `timeout` seconds: workers act on it on their
   * own time.
   */
  async revoke(options: RevokeTarget & { readonly timeout?: number } = {}): Promise<void> {
    checkRevokeOptions(options);
    const { timeout, ...request } = options;
    const revoke = () => this.#host.control.revoke(this.id, request);
    await bounded(revoke, { timeout }, this.#host.closing());
  }

  /** Delete the stored result, and before it those of all `parent`s. */
  async forget(options: ResultBounds = {}): Promise<void> {
    checkBounds(options, 'forget');
    await forgetAll(this, options);
  }

  [inspect.custom](): string {
    return `<AsyncResult: ${this.id}>`;
  }

  async #meta(options: ResultBounds): Promise<ResultMeta | undefined> {
    checkBounds(options, 'a result');
    const { final } = this[LEAF];
    if (final) return final;
    return this.#ask(async backend => {
      const meta = await backend.fetch(this.id);
      if (meta) this[LEAF].learn(meta);
      if (this[LEAF].final) backend.release?.(this.id);
      return meta;
    }, options);
  }

  #ask<T>(question: (backend: ResultBackend) => Promise<T>, bounds: ResultBounds): Promise<T> {
    const ask = async () => question(await this.#host.backend());
    return bounded(ask, bounds, this.#host.closing());
  }
}
