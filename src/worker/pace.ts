/** How long tasks run lately, and what that allows: work ahead only while they are short. */
import type { Clock } from '../base/clock.ts';

/** Work that a child may have waiting behind the job it runs, in seconds. */
const AHEAD_SECONDS = 0.004;
export const MOST_AHEAD_PER_CHILD = 200;
/** A run this long (seconds) ends the time of handing out jobs ahead at once. */
const SLOW_RUN = 0.02;
/** Below this mean run time (seconds) tasks count as short, until it is above `AHEAD_SECONDS`. */
const SHORT_RUN = 0.0005;

export class Pace {
  readonly #clock: Clock;
  /** Moving mean of run times in seconds; undefined until the first job is done. */
  #mean: number | undefined;
  #isShort = false;
  /** When a job was answered, by the monotonic clock. */
  #lastAnswer = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a message takes longer from the broker to here than its task runs. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Jobs that may wait in each child behind those that run: none before tasks proved to be short. */
  get ahead(): number {
    if (this.#mean === undefined) return 0;
    // nothing was answered lately: what runs is long, and what is behind it would be stuck
    if (this.#clock.monotonic() - this.#lastAnswer > SLOW_RUN) return 0;
    return Math.min(MOST_AHEAD_PER_CHILD, Math.floor(AHEAD_SECONDS / Math.max(this.#mean, 1e-6)));
  }

  /** A task ran for so many seconds. Returns whether `isShort` has changed. */
  learn(runtime: number): boolean {
    this.#lastAnswer = this.#clock.monotonic();
    this.#mean =
      this.#mean === undefined || runtime >= SLOW_RUN ? runtime : this.#mean * 0.9 + runtime * 0.1;
    const was = this.#isShort;
    this.#isShort = this.#mean < (was ? AHEAD_SECONDS : SHORT_RUN);
    return this.#isShort !== was;
  }
}
