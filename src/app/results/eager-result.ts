import { inspect } from 'node:util';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import { type AsyncResult, childIds } from './async-result.ts';
import {
  checkBounds,
  checkGetOptions,
  checkOnReady,
  checkRevokeOptions,
  type GetOptions,
  type ResultBounds,
} from './result-options.ts';

export interface EagerOutcome {
  readonly id: string;
  readonly state: string;
  readonly value: unknown;
  /** The document that a worker would have stored. */
  readonly meta: ResultMeta;
}

type ResultMethods<R> = { readonly [Name in keyof AsyncResult<R>]: AsyncResult<R>[Name] };

/**
 * The result of a task that ran here, and so is ready. Has what AsyncResult has. Celery:
 * `EagerResult`.
 */
export class EagerResult<R = unknown> implements ResultMethods<R> {
  readonly id: string;
  readonly name: string;
  readonly ignored = false;
  readonly #outcome: EagerOutcome;
  readonly #result: (id: string) => AsyncResult;

  constructor(name: string, outcome: EagerOutcome, result: (id: string) => AsyncResult) {
    this.id = outcome.id;
    this.name = name;
    this.#outcome = outcome;
    this.#result = result;
  }

  async get(options: GetOptions = {}): Promise<R> {
    checkGetOptions(options);
    const { state, value } = this.#outcome;
    if (!states.PROPAGATE_STATES.has(state) || options.propagate === false) return value as R;
    throw value;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ResultMeta, void, undefined> {
    yield* this.updates();
  }

  async *updates(options: ResultBounds = {}): AsyncGenerator<ResultMeta, void, undefined> {
    checkBounds(options, 'updates');
    yield this.#outcome.meta;
  }

  onReady(callback: (meta: ResultMeta) => void | Promise<void>, options: ResultBounds = {}): void {
    checkOnReady(callback, options);
    Promise.resolve(this.#outcome.meta)
      .then(callback)
      .catch(error => process.emitWarning(error as Error));
  }

  async state(options: ResultBounds = {}): Promise<string> {
    checkBounds(options, 'a result');
    return this.#outcome.state;
  }

  async ready(options: ResultBounds = {}): Promise<boolean> {
    checkBounds(options, 'a result');
    return true;
  }

  async successful(options: ResultBounds = {}): Promise<boolean> {
    checkBounds(options, 'a result');
    return this.#outcome.state === states.SUCCESS;
  }

  async failed(options: ResultBounds = {}): Promise<boolean> {
    checkBounds(options, 'a result');
    return this.#outcome.state === states.FAILURE;
  }

  async info(options: ResultBounds = {}): Promise<unknown> {
    checkBounds(options, 'a result');
    return this.#outcome.value;
  }

  async traceback(options: ResultBounds = {}): Promise<string | null> {
    checkBounds(options, 'a result');
    return this.#outcome.meta.traceback ?? null;
  }

  /** Handles of the tasks that this one published. */
  async children(options: ResultBounds = {}): Promise<AsyncResult[]> {
    checkBounds(options, 'a result');
    return childIds(this.#outcome.meta.children).map(this.#result);
  }

  async meta(options: ResultBounds = {}): Promise<ResultMeta> {
    checkBounds(options, 'a result');
    return this.#outcome.meta;
  }

  /** It is over: there is nothing to stop. */
  async revoke(options: object = {}): Promise<void> {
    checkRevokeOptions(options);
  }

  async forget(options: ResultBounds = {}): Promise<void> {
    checkBounds(options, 'forget');
  }

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
