/** Makes the handles of one app's results. */
import { bounded } from '../../backends/bounded.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { AsyncResult, type ResultOptions } from './async-result.ts';
import { GroupResult } from './group-result.ts';
import type { ResultHandle, ResultHost } from './handle.ts';
import { checkBounds, type ResultBounds } from './result-options.ts';
import type { Handles } from './result-set.ts';

/** Makes handles of groups. */
export interface GroupResults {
  /** The handle of a group with these results. */
  <R extends readonly unknown[]>(
    id: string,
    results: Handles<R>,
    options?: { readonly parent?: ResultHandle },
  ): GroupResult<R>;
  /**
   * The group that was saved under this id, by Python too; undefined when there is none.
   *
   * @throws what other methods of results throw that ask the backend
   */
  restore<R extends readonly unknown[] = unknown[]>(
    id: string,
    options?: ResultBounds,
  ): Promise<GroupResult<R> | undefined>;
}

export class ResultHandles {
  readonly groups: GroupResults;
  readonly #host: ResultHost;

  constructor(host: Omit<ResultHost, 'fromTuple'>) {
    this.#host = { ...host, fromTuple: tuple => this.fromTuple(tuple) };
    const group: GroupResults = (id, results, options) => this.group(id, results, options);
    group.restore = (id, options = {}) => this.#restore(id, options);
    this.groups = group;
  }

  result<R>(id: string, options: ResultOptions = {}): AsyncResult<R> {
    return new AsyncResult<R>(id, this.#host, options);
  }

  group<R extends readonly unknown[]>(
    id: string,
    results: Handles<R>,
    options: { readonly parent?: ResultHandle | undefined } = {},
  ): GroupResult<R> {
    return new GroupResult<R>(id, results, this.#host, options);
  }

  /** @throws TypeError for what is no result tuple */
  fromTuple(tuple: unknown): AsyncResult | GroupResult {
    const [head, members]: unknown[] = Array.isArray(tuple) ? tuple : [tuple];
    const [id, parent]: unknown[] = Array.isArray(head) ? head : [head];
    if (typeof id !== 'string' || !(members == null || Array.isArray(members))) {
      throw new TypeError(`[[id, parent], members] names a result, got ${saferepr(tuple)}`);
    }
    const options = { parent: parent == null ? undefined : this.fromTuple(parent) };
    if (members == null) return this.result(id, options);
    return this.group(
      id,
      members.map(member => this.fromTuple(member)),
      options,
    );
  }

  async #restore<R extends readonly unknown[]>(
    id: string,
    options: ResultBounds,
  ): Promise<GroupResult<R> | undefined> {
    checkBounds(options, 'restore');
    const ask = async () => (await this.#host.backend()).fetchGroup(id);
    const tuple = await bounded(ask, options, this.#host.closing());
    if (tuple === undefined) return undefined;
    const found = this.fromTuple(tuple);
    if (found instanceof GroupResult) return found as unknown as GroupResult<R>;
    throw new TypeError(`What is saved as ${id} is no group, but ${saferepr(tuple)}`);
  }
}
