import { inspect } from 'node:util';
import type { ResultMeta } from '../wire/result-meta.ts';
import * as states from '../wire/states.ts';
import { type AsyncResult, childIds, type GetOptions } from './async-result.ts';

/** How a run that is over ended. */
export interface EagerOutcome {
  readonly id: string;
  readonly state: string;
  /** What the task returned or threw. */
  readonly value: unknown;
  /** The document that a worker would have stored. */
  readonly meta: ResultMeta;
}

/** What AsyncResult can do, without its private parts. */
type ResultMethods<R> = { readonly [Name in keyof AsyncResult<R>]: AsyncResult<R>[Name] };

/** The result of a task that ran here. Has what AsyncResult has, and is ready. Celery: `EagerResult`. */
export class EagerResult<R = unknown> implements ResultMethods<R> {
  readonly id: string;
  readonly name: string;
  readonly ignored = false;
  readonly #outcome: EagerOutcome;
  readonly #result: (id: string) => AsyncResult;

  /** @param result gives the handle of another task */
  constructor(name: string, outcome: EagerOutcome, result: (id: string) => AsyncResult) {
    this.id = outcome.id;
    this.name = name;
    this.#outcome = outcome;
    this.#result = result;
  }

  async get(options: GetOptions = {}): Promise<R> {
    const { state, value } = this.#outcome;
    if (!states.PROPAGATE_STATES.has(state) || options.propagate === false) return value as R;
    throw value;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ResultMeta, void, undefined> {
    yield this.#outcome.meta;
  }

  updates(): AsyncGenerator<ResultMeta, void, undefined> {
    return this[Symbol.asyncIterator]();
  }

  onReady(callback: (meta: ResultMeta) => void | Promise<void>): void {
    Promise.resolve(this.#outcome.meta)
      .then(callback)
      .catch(error => process.emitWarning(error as Error));
  }

  async state(): Promise<string> {
    return this.#outcome.state;
  }

  async ready(): Promise<boolean> {
    return true;
  }

  async successful(): Promise<boolean> {
    return this.#outcome.state === states.SUCCESS;
  }

  async failed(): Promise<boolean> {
    return this.#outcome.state === states.FAILURE;
  }

  async info(): Promise<unknown> {
    return this.#outcome.value;
  }

  async traceback(): Promise<string | null> {
    return this.#outcome.meta.traceback ?? null;
  }

  /** Handles of the tasks that this one published. */
  async children(): Promise<AsyncResult[]> {
    return childIds(this.#outcome.meta.children).map(this.#result);
  }

  async meta(): Promise<ResultMeta> {
    return this.#outcome.meta;
  }

  /** It is over: there is nothing to stop. */
  async revoke(): Promise<void> {}

  async forget(): Promise<void> {}

  /** The id, as in Celery. */
  toString(): string {
    return this.id;
  }

  [inspect.custom](): string {
    return `<EagerResult: ${this.id}>`;
  }

  toJSON(): unknown {
    return [[this.id, null], null];
  }
}
