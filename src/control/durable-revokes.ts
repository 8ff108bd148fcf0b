import type { ResultBackend } from '../backends/contract.ts';
import { keepsForEverybody } from '../backends/keeps-for-everybody.ts';
import { ImproperlyConfigured } from '../base/errors.ts';

/** Somebody may revoke a million tasks in one command. */
const MOST_AT_ONCE = 1000;
/** In errors, before its name. */
const WHAT = 'the durable revoke';

/**
 * Revokes that outlive every worker (`task_durable_revokes`): kept beside the results, as empty
 * groups, which every store keeps and expires, and which Python reads without harm. The results
 * themselves stay as they are, as a task that runs already may still succeed.
 */
export class DurableRevokes {
  readonly #backend: ResultBackend;

  /** @throws ImproperlyConfigured for a store that others cannot read */
  constructor(backend: ResultBackend) {
    if (!keepsForEverybody(backend)) {
      throw new ImproperlyConfigured(
        `task_durable_revokes needs a result_backend that every node can read; ${backend.url} is none.`,
      );
    }
    this.#backend = backend;
  }

  /** Resolves when the store has them all. @throws BackendStoreError */
  async keep(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
      await Promise.all(ids.slice(at, at + MOST_AT_ONCE).map(id => this.#keep(nameOf(id))));
    }
  }

  /** @throws BackendGetMetaError */
  async has(id: string): Promise<boolean> {
    return (await this.#backend.fetchGroup(nameOf(id), WHAT)) !== undefined;
  }

  async #keep(name: string): Promise<void> {
    await this.#backend.storeGroup(name, [[name, null], []], WHAT);
  }
}

function nameOf(id: string): string {
  return `revoked-${id}`;
}
