import { inspect } from 'node:util';
import { bounded } from '../../backends/bounded.ts';
import type { ResultBackend } from '../../backends/contract.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { ResultTuple } from '../../wire/result-shapes.ts';
import { type ResultHandle, type ResultHost, tupleOf } from './handle.ts';
import { checkBounds, type ResultBounds } from './result-options.ts';
import { type Handles, ResultSet } from './result-set.ts';

/**
 * The results of a group's tasks, in their order. Saved under its id they can be had again anywhere:
 * `await app.GroupResult.restore(id)`. Celery: `GroupResult`.
 */
export class GroupResult<R extends readonly unknown[] = unknown[]>
  extends ResultSet<R>
  implements ResultHandle<R>
{
  readonly id: string;
  /** The result of what had to be done before the group, where whoever made the handle knew it. */
  readonly parent: ResultHandle | undefined;
  readonly #host: ResultHost;

  constructor(
    id: string,
    results: Handles<R>,
    host: ResultHost,
    options: { readonly parent?: ResultHandle | undefined } = {},
  ) {
    super(results);
    if (typeof id !== 'string' || id === '') {
      throw new TypeError(`GroupResult needs an id, got ${id === '' ? '""' : saferepr(id)}`);
    }
    this.id = id;
    this.parent = options.parent;
    this.#host = host;
  }

  /** Its results. */
  async children(options: ResultBounds = {}): Promise<Handles<R>> {
    checkBounds(options, 'a result');
    return this.results;
  }

  /** Keep the ids of its tasks in the backend, for `restore`, as long as results are kept. */
  async save(options: ResultBounds = {}): Promise<void> {
    checkBounds(options, 'save');
    const tuple = this.asTuple();
    await this.#ask(backend => backend.storeGroup(this.id, tuple), options);
  }

  /** Undo `save`; the results stay. */
  async delete(options: ResultBounds = {}): Promise<void> {
    checkBounds(options, 'delete');
    await this.#ask(backend => backend.forgetGroup(this.id), options);
  }

  /** `[[id, parent], [members]]`: how results of other tasks name this one. */
  asTuple(): ResultTuple {
    return tupleOf(this);
  }

  /** Whether `other` is the result of the same group: the same id, results and parent. */
  override equals(other: unknown): boolean {
    return (
      other instanceof GroupResult &&
      other.id === this.id &&
      other.parent?.id === this.parent?.id &&
      super.equals(other)
    );
  }

  /** The id, as in Celery. */
  override toString(): string {
    return this.id;
  }

  toJSON(): unknown {
    return this.asTuple();
  }

  override [inspect.custom](): string {
    return `<GroupResult: ${this.id} [${[...this].map(({ id }) => id).join(', ')}]>`;
  }

  #ask<T>(question: (backend: ResultBackend) => Promise<T>, bounds: ResultBounds): Promise<T> {
    const ask = async () => question(await this.#host.backend());
    return bounded(ask, bounds, this.#host.closing());
  }
}
