import type { ResultMeta } from '../wire/results/result-meta.ts';
import type { MetaListener, ProblemListener } from './contract.ts';

interface Listening {
  readonly onMeta: MetaListener;
  readonly onProblem: ProblemListener | undefined;
}

export class Listeners {
  readonly #byTask = new Map<string, Set<Listening>>();

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
  add(taskId: string, onMeta: MetaListener, onProblem?: ProblemListener): () => boolean {
    const entry: Listening = { onMeta, onProblem };
    let listening = this.#byTask.get(taskId);
    if (!listening) {
      listening = new Set();
      this.#byTask.set(taskId, listening);
    }
    listening.add(entry);
    return () => this.#remove(taskId, entry);
  }

  #remove(taskId: string, entry: Listening): boolean {
    const listening = this.#byTask.get(taskId);
    if (!listening?.delete(entry) || listening.size > 0) return false;
    this.#byTask.delete(taskId);
    return true;
  }

  notify(meta: ResultMeta): void {
    const listening = this.#byTask.get(meta.task_id);
    if (!listening) return;
    for (const { onMeta } of [...listening]) onMeta(meta);
  }

  report(taskId: string, error: Error): void {
    const listening = this.#byTask.get(taskId);
    if (!listening) return;
    for (const { onProblem } of [...listening]) onProblem?.(error);
  }

  /** Nothing more will be heard: whoever still listens is told so. */
  close(error: Error): void {
    const open = [...this.#byTask.values()].flatMap(listening => [...listening]);
    this.#byTask.clear();
    for (const { onProblem } of open) onProblem?.(error);
  }
}
