import type { ResultBackend } from '../backends/contract.ts';
import { waitForResult } from '../backends/wait.ts';
import { deferred } from '../base/deferred.ts';
import type { Control, RevokeOptions } from '../control/control.ts';
import { currentTask } from '../execute/task-context.ts';
import type { ResultMeta } from '../wire/result-meta.ts';
import * as states from '../wire/states.ts';

export interface GetOptions {
  /** Seconds to wait; default for ever. */
  readonly timeout?: number;
  /** Throw the task's error (default). `false` returns the error instead. */
  readonly propagate?: boolean;
  /** Called with each stored state while waiting, also those that are not final. */
  readonly onMessage?: (meta: ResultMeta) => void;
  /** Called every `interval` seconds while waiting; what it throws ends the wait. */
  readonly onInterval?: () => void | Promise<void>;
  /** Seconds, default 0.5. */
  readonly interval?: number;
  /** Gives up waiting when it aborts. */
  readonly signal?: AbortSignal;
}

/** What a result needs from its app. */
export interface ResultHost {
  backend(): Promise<ResultBackend>;
  decodeError(data: unknown, traceback: string | null): Error;
  readonly control: Control;
  /** The handle of another task. */
  result(id: string): AsyncResult;
}

/**
 * The handle of a published task. No property does I/O: everything that asks the backend
 * is a method. Celery: `AsyncResult`.
 */
export class AsyncResult<R = unknown> {
  readonly id: string;
  /** The task was sent with `ignoreResult`: `get` gives undefined at once. */
  readonly ignored: boolean;
  readonly #host: ResultHost;
  #final: ResultMeta | undefined;

  constructor(id: string, host: ResultHost, options: { ignored?: boolean } = {}) {
    if (!id) throw new TypeError(`AsyncResult needs a task id, got ${JSON.stringify(id)}`);
    this.id = id;
    this.ignored = options.ignored ?? false;
    this.#host = host;
  }

  /**
   * Wait for the task and return what it returned.
   *
   * @throws the task's error (see `propagate`), TimeoutError after `timeout` seconds,
   *   TaskRevokedError for a revoked or expired task
   */
  async get(options: GetOptions = {}): Promise<R> {
    if (this.ignored) return undefined as R;
    if (this.#final === undefined) await noted(this.id, this.#wait(options));
    return this.#outcome(options);
  }

  async #wait(options: GetOptions): Promise<ResultMeta> {
    const backend = await this.#host.backend();
    this.#final = await waitForResult(backend, this.id, options);
    backend.release?.(this.id);
    return this.#final;
  }

  #outcome(options: GetOptions): R {
    const { status, result, traceback } = this.#final!;
    if (!states.PROPAGATE_STATES.has(status)) return result as R;
    const error = this.#host.decodeError(result, traceback);
    if (options.propagate === false) return error as R;
    throw error;
  }

  /**
   * Every state that is stored from now on, the final one last:
   * `for await (const meta of result) …`. Does not throw when the task fails.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ResultMeta, void, undefined> {
    const backend = await this.#host.backend();
    const seen: ResultMeta[] = [];
    let wake = deferred();
    const hear = (meta: ResultMeta) => {
      seen.push(meta);
      wake.resolve();
    };
    const unsubscribe = await backend.subscribe(this.id, hear);
    try {
      const stored = await backend.fetch(this.id);
      if (stored && seen.length === 0) hear(stored);
      for (;;) {
        await noted(this.id, wake.promise);
        wake = deferred();
        for (const meta of seen.splice(0)) {
          const isFinal = states.READY_STATES.has(meta.status);
          if (isFinal) backend.release?.(this.id);
          yield meta;
          if (isFinal) return;
        }
      }
    } finally {
      await unsubscribe();
    }
  }

  /** Call `callback` with the final state as soon as there is one; what it throws is reported. */
  onReady(callback: (meta: ResultMeta) => void | Promise<void>): void {
    if (this.ignored) return;
    Promise.resolve(this.#final ?? this.#wait({}))
      .then(callback)
      .catch(error => process.emitWarning(error as Error));
  }

  /** The state now; PENDING also for ids that nobody knows. */
  async state(): Promise<string> {
    return (await this.#meta())?.status ?? states.PENDING;
  }

  /** Whether the state is final. */
  async ready(): Promise<boolean> {
    return states.READY_STATES.has(await this.state());
  }

  async successful(): Promise<boolean> {
    return (await this.state()) === states.SUCCESS;
  }

  async failed(): Promise<boolean> {
    return (await this.state()) === states.FAILURE;
  }

  /** Return value, error, or the meta of a custom state; undefined while nothing is stored. */
  async info(): Promise<unknown> {
    const meta = await this.#meta();
    if (!meta) return undefined;
    return states.EXCEPTION_STATES.has(meta.status) && meta.result !== null
      ? this.#host.decodeError(meta.result, meta.traceback)
      : meta.result;
  }

  /** Text of the remote stack, or null. */
  async traceback(): Promise<string | null> {
    return (await this.#meta())?.traceback ?? null;
  }

  /** Handles of the tasks that this one published, once it is over. */
  async children(): Promise<AsyncResult[]> {
    return childIds((await this.#meta())?.children).map(id => this.#host.result(id));
  }

  /** The whole stored document; undefined while nothing is stored. */
  meta(): Promise<ResultMeta | undefined> {
    return this.#meta();
  }

  /**
   * Tell every worker not to run the task; with `terminate`, also to kill what runs it. Resolves
   * when the broker has the request: workers act on it on their own time.
   */
  revoke(options?: RevokeOptions): Promise<void> {
    return this.#host.control.revoke(this.id, options);
  }

  /** Delete the stored result. */
  async forget(): Promise<void> {
    this.#final = undefined;
    await (await this.#host.backend()).forget(this.id);
  }

  /** `[[id, null], null]`: how results of other tasks name this one. */
  toJSON(): unknown {
    return [[this.id, null], null];
  }

  async #meta(): Promise<ResultMeta | undefined> {
    if (this.#final) return this.#final;
    const backend = await this.#host.backend();
    const meta = await backend.fetch(this.id);
    if (meta && states.READY_STATES.has(meta.status)) {
      this.#final = meta;
      backend.release?.(this.id);
    }
    return meta;
  }
}

/** A task that waits long is known to its worker. */
function noted<T>(taskId: string, waiting: Promise<T>): Promise<T> {
  return currentTask()?.waitFor(taskId, waiting) ?? waiting;
}

/** Ids of the tasks that a stored document names as its children. */
export function childIds(children: readonly unknown[] | null | undefined): string[] {
  return (children ?? []).flatMap(idOfTuple);
}

/** Ids of a result tuple: `[[id, parent], null]`, or the members of a group. */
function idOfTuple(tuple: unknown): string[] {
  if (!Array.isArray(tuple)) return typeof tuple === 'string' ? [tuple] : [];
  const [[id] = [], members] = tuple as [unknown[]?, unknown[]?];
  if (Array.isArray(members)) return members.flatMap(idOfTuple);
  return typeof id === 'string' ? [id] : [];
}
