import type { ResultMeta } from '../wire/result-meta.ts';
import type { MetaListener } from './contract.ts';

/** Who waits for which task. */
export class Listeners {
  readonly #byTask = new Map<string, Set<MetaListener>>();

  /** Number of tasks with at least one listener. */
  get size(): number {
    return this.#byTask.size;
  }

  has(taskId: string): boolean {
    return this.#byTask.has(taskId);
  }

  taskIds(): string[] {
    return [...this.#byTask.keys()];
  }

  /** @returns a function that removes it again; true when nobody is left for that task. Idempotent. */
  add(taskId: string, listener: MetaListener): () => boolean {
    // a wrapper of its own, so that one function may listen twice
    const entry: MetaListener = meta => listener(meta);
    let listening = this.#byTask.get(taskId);
    if (!listening) {
      listening = new Set();
      this.#byTask.set(taskId, listening);
    }
    listening.add(entry);
    return () => this.#remove(taskId, entry);
  }

  #remove(taskId: string, entry: MetaListener): boolean {
    const listening = this.#byTask.get(taskId);
    if (!listening?.delete(entry) || listening.size > 0) return false;
    this.#byTask.delete(taskId);
    return true;
  }

  notify(meta: ResultMeta): void {
    const listening = this.#byTask.get(meta.task_id);
    if (!listening) return;
    for (const listener of [...listening]) listener(meta);
  }

  clear(): void {
    this.#byTask.clear();
  }
}
