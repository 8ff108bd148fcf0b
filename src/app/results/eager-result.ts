import { inspect } from 'node:util';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import type { AsyncResult } from './async-result.ts';
import { checkPlace, follows, throwOfParents } from './awaiting.ts';
import type { GroupResult } from './group-result.ts';
import { LEAF, type Leaf, type ResultHandle } from './handle.ts';
import { hasFailed } from './leaf.ts';
import { ResultBase } from './result-base.ts';
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

type ResultMethods<R> = {
  readonly [Name in Exclude<keyof AsyncResult<R>, typeof LEAF>]: AsyncResult<R>[Name];
};

/**
 * The result of a task that ran here, and so is ready. Has what AsyncResult has. Celery:
 * `EagerResult`.
 */
export class EagerResult<R = unknown> extends ResultBase<R> implements ResultMethods<R> {
  readonly id: string;
  readonly name: string;
  readonly ignored = false;
  readonly parent: ResultHandle | undefined;
  /** @internal */
  readonly [LEAF]: Leaf;
  readonly #outcome: EagerOutcome;
  readonly #fromTuple: (tuple: unknown) => ResultHandle;

  constructor(
    name: string,
    outcome: EagerOutcome,
    fromTuple: (tuple: unknown) => ResultHandle,
    parent?: ResultHandle,
  ) {
    super();
    this.parent = parent;
    this[LEAF] = new EagerLeaf(outcome);
    this.id = outcome.id;
    this.name = name;
    this.#outcome = outcome;
    this.#fromTuple = fromTuple;
  }

  async get(options: GetOptions = {}): Promise<R> {
    checkGetOptions(options);
    checkPlace(options);
    const hasParent = this.parent !== undefined && follows(options);
    if (hasParent && hasFailed(this.#outcome.meta)) await throwOfParents(this, options);
    return this[LEAF].value(options.propagate !== false) as R;
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

  async maybeThrow(options: ResultBounds = {}): Promise<void> {
    checkBounds(options, 'a result');
    this[LEAF].value(true);
  }

  /** Handles of what this task published. */
  async children(options: ResultBounds = {}): Promise<(AsyncResult | GroupResult)[]> {
    checkBounds(options, 'a result');
    const tuples = this.#outcome.meta.children ?? [];
    return tuples.map(tuple => this.#fromTuple(tuple) as AsyncResult | GroupResult);
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

  [inspect.custom](): string {
    return `<EagerResult: ${this.id}>`;
  }
}

class EagerLeaf implements Leaf {
  readonly ignored = false;
  readonly host = undefined;
  readonly #outcome: EagerOutcome;

  constructor(outcome: EagerOutcome) {
    this.#outcome = outcome;
  }

  get id(): string {
    return this.#outcome.id;
  }

  get final(): ResultMeta {
    return this.#outcome.meta;
  }

  learn(): void {}

  unlearn(): void {}

  value(propagate: boolean): unknown {
    const { state, value } = this.#outcome;
    if (propagate && states.PROPAGATE_STATES.has(state)) throw value;
    return value;
  }
}
