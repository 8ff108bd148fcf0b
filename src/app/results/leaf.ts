/** Results of single tasks that are kept in a backend. */
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import type { Leaf, ResultHost } from './handle.ts';

/** A final document of one that is waited for. */
export function hasFailed({ status }: Pick<ResultMeta, 'status'>): boolean {
  return states.PROPAGATE_STATES.has(status);
}

export class StoredLeaf implements Leaf {
  readonly id: string;
  readonly host: ResultHost;
  readonly ignored: boolean;
  #final: ResultMeta | undefined;

  constructor(id: string, host: ResultHost, ignored: boolean) {
    this.id = id;
    this.host = host;
    this.ignored = ignored;
  }

  get final(): ResultMeta | undefined {
    return this.#final;
  }

  learn(meta: ResultMeta): void {
    if (states.READY_STATES.has(meta.status)) this.#final = meta;
  }

  unlearn(): void {
    this.#final = undefined;
  }

  value(propagate: boolean): unknown {
    if (this.#final === undefined) return undefined;
    const { result, traceback } = this.#final;
    if (!hasFailed(this.#final)) return result;
    const error = this.host.decodeError(result, traceback);
    if (!propagate) return error;
    throw error;
  }
}
