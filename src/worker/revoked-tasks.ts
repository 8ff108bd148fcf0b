import type { Clock } from '../base/time/clock.ts';

/** Ids kept at most, and seconds each is kept, as in Celery; the environment may say otherwise. */
const MOST = Number(process.env.CELERY_WORKER_REVOKES_MAX || 50_000);
const KEPT_SECONDS = Number(process.env.CELERY_WORKER_REVOKE_EXPIRES || 10_800);

/** Tasks that are not to run. Bounded in number and time. */
export class RevokedTasks {
  readonly #clock: Clock;
  /** Oldest first: a map keeps the order of insertion. */
  readonly #since = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#since.size;
  }

  add(id: string): void {
    this.#since.delete(id);
    this.#since.set(id, this.#clock.monotonic());
    this.#purge();
  }

  has(id: string): boolean {
    const since = this.#since.get(id);
    return since !== undefined && this.#clock.monotonic() - since < KEPT_SECONDS;
  }

  ids(): string[] {
    this.#purge();
    return [...this.#since.keys()];
  }

  #purge(): void {
    const oldest = this.#clock.monotonic() - KEPT_SECONDS;
    for (const [id, since] of this.#since) {
      if (this.#since.size <= MOST && since > oldest) return;
      this.#since.delete(id);
    }
  }
}
