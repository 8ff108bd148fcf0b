import * as states from '../wire/states.ts';
import type { AsyncResult, GetOptions } from './async-result.ts';

/** The result of a task that ran here. Has what AsyncResult has, and is ready. Celery: `EagerResult`. */
export class EagerResult<R = unknown> {
  readonly id: string;
  readonly name: string;
  readonly #state: string;
  readonly #value: unknown;
  readonly #traceback: string | null;

  constructor(outcome: {
    id: string;
    name: string;
    state: string;
    value: unknown;
    traceback?: string | null;
  }) {
    this.id = outcome.id;
    this.name = outcome.name;
    this.#state = outcome.state;
    this.#value = outcome.value;
    this.#traceback = outcome.traceback ?? null;
  }

  async get(options: Pick<GetOptions, 'propagate'> = {}): Promise<R> {
    if (!states.PROPAGATE_STATES.has(this.#state) || options.propagate === false) {
      return this.#value as R;
    }
    throw this.#value;
  }

  async state(): Promise<string> {
    return this.#state;
  }

  async ready(): Promise<boolean> {
    return true;
  }

  async successful(): Promise<boolean> {
    return this.#state === states.SUCCESS;
  }

  async failed(): Promise<boolean> {
    return this.#state === states.FAILURE;
  }

  async info(): Promise<unknown> {
    return this.#value;
  }

  async traceback(): Promise<string | null> {
    return this.#traceback;
  }

  async forget(): Promise<void> {}

  toJSON(): ReturnType<AsyncResult['toJSON']> {
    return [[this.id, null], null];
  }
}
