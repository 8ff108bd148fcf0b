import type { Clock, Timer } from '../base/time/clock.ts';

/** Times on the clock's monotonic scale; Infinity is none. */
export interface Limited {
  softAt: number;
  hardAt: number;
}

/**
 * Watches the time limits of running jobs with one timer for all of them. A job that ends
 * leaves the timer alone: when it fires it looks at what still runs, which is never much.
 */
export class Deadlines<T extends Limited> {
  readonly #clock: Clock;
  readonly #onSoft: (entry: T) => void;
  readonly #onHard: (entry: T) => void;
  readonly #entries = new Set<T>();
  #timer: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, on: { soft: (entry: T) => void; hard: (entry: T) => void }) {
    this.#clock = clock;
    this.#onSoft = on.soft;
    this.#onHard = on.hard;
  }

  watch(entry: T): void {
    const due = Math.min(entry.softAt, entry.hardAt);
    if (due === Number.POSITIVE_INFINITY) return;
    this.#entries.add(entry);
    if (due < this.#dueAt) this.#arm(due);
  }

  forget(entry: T): void {
    this.#entries.delete(entry);
  }

  clear(): void {
    this.#entries.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #arm(due: number): void {
    this.#timer?.cancel();
    this.#dueAt = due;
    this.#timer = this.#clock.after(due - this.#clock.monotonic(), () => this.#fire(), {
      unref: true,
    });
  }

  #fire(): void {
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    for (const entry of [...this.#entries]) this.#check(entry, now);
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) next = Math.min(next, entry.softAt, entry.hardAt);
    if (next < this.#dueAt) this.#arm(next);
  }

  #check(entry: T, now: number): void {
    if (now >= entry.hardAt) {
      this.#entries.delete(entry);
      this.#onHard(entry);
    } else if (now >= entry.softAt) {
      entry.softAt = Number.POSITIVE_INFINITY;
      if (entry.hardAt === Number.POSITIVE_INFINITY) this.#entries.delete(entry);
      this.#onSoft(entry);
    }
  }
}
