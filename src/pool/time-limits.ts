/**
 * The time limits of the jobs of one pool: those that a job brings, else the pool's own. They
 * count from the start of the job.
 */
import type { Clock } from '../base/time/clock.ts';
import type { Job } from './contract.ts';
import { Deadlines, type Limited } from './deadlines.ts';

export interface LimitedJob extends Limited {
  readonly job: Job;
}

export interface TimeLimitsOptions {
  readonly clock: Clock;
  /** Seconds; 0 is none (default). */
  readonly softTimeLimit?: number | undefined;
  readonly timeLimit?: number | undefined;
  /** False in a pool that cannot end what runs: there are no hard limits then. */
  readonly enforcesHard: boolean;
}

export interface TimeLimitsEvents<T> {
  onSoft(held: T, seconds: number): void;
  onHard(held: T, seconds: number): void;
}

export class TimeLimits<T extends LimitedJob> {
  readonly #options: TimeLimitsOptions;
  readonly #deadlines: Deadlines<T>;

  constructor(options: TimeLimitsOptions, events: TimeLimitsEvents<T>) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, {
      soft: held => events.onSoft(held, this.soft(held)),
      hard: held => events.onHard(held, this.hard(held)),
    });
  }

  /** Seconds; 0 is none. */
  soft(held: T): number {
    return held.job.softTimeLimit ?? this.#options.softTimeLimit ?? 0;
  }

  /** Seconds; 0 is none. */
  hard(held: T): number {
    if (!this.#options.enforcesHard) return 0;
    return held.job.timeLimit ?? this.#options.timeLimit ?? 0;
  }

  start(held: T): void {
    const soft = this.soft(held);
    const hard = this.hard(held);
    if (soft <= 0 && hard <= 0) return;
    const now = this.#options.clock.monotonic();
    if (soft > 0) held.softAt = now + soft;
    if (hard > 0) held.hardAt = now + hard;
    this.#deadlines.watch(held);
  }

  forget(held: T): void {
    this.#deadlines.forget(held);
  }

  clear(): void {
    this.#deadlines.clear();
  }
}
