/**
 * Knows which tasks have succeeded already, so that a redelivered message does not run one
 * again (`worker_deduplicate_successful_tasks`). Asks its memory first, then the result backend.
 */
import type { ResultBackend } from '../../backends/contract.ts';
import type { Clock } from '../../base/time/clock.ts';
import * as states from '../../wire/results/states.ts';

/** Ids remembered and seconds each is, as in Celery; the environment may say otherwise. */
const MOST = Number(process.env.CELERY_WORKER_SUCCESSFUL_MAX || 1000);
const KEPT_SECONDS = Number(process.env.CELERY_WORKER_SUCCESSFUL_EXPIRES || 10_800);

export class SuccessfulTasks {
  readonly #backend: ResultBackend;
  readonly #clock: Clock;
  /** Oldest first: a map keeps the order of insertion. */
  readonly #since = new Map<string, number>();

  constructor(backend: ResultBackend, clock: Clock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  add(id: string): void {
    this.#since.delete(id);
    this.#since.set(id, this.#clock.monotonic());
    for (const oldest of this.#since.keys()) {
      if (this.#since.size <= MOST) return;
      this.#since.delete(oldest);
    }
  }

  /** False when the backend cannot be asked: running twice is better than not at all. */
  async has(id: string): Promise<boolean> {
    const since = this.#since.get(id);
    if (since !== undefined && this.#clock.monotonic() - since < KEPT_SECONDS) return true;
    try {
      return (await this.#backend.fetch(id))?.status === states.SUCCESS;
    } catch {
      return false;
    }
  }
}
