/** How long and how often tasks run lately, and what that allows: work ahead only while they are short. */
import type { Clock } from '../base/clock.ts';

/** Work that a child may have waiting behind the job it runs, in seconds. */
const AHEAD_SECONDS = 0.004;
export const MOST_AHEAD_PER_CHILD = 200;
/** A run this long (seconds) ends the time of handing out jobs ahead at once. */
const SLOW_RUN = 0.02;
/** Below this mean run time (seconds) tasks count as short, until it is above `AHEAD_SECONDS`. */
const SHORT_RUN = 0.0005;
/** Mean seconds between answers: few enough to begin to count as short, and too many for that. */
const BUSY_INTERVAL = 0.005;
const IDLE_INTERVAL = 0.02;
/** A pause counts as no more than this many seconds. */
const LONGEST_INTERVAL = 0.2;

export class Pace {
  readonly #clock: Clock;
  /** Moving mean of run times in seconds; undefined until the first job is done. */
  #mean: number | undefined;
  /** Moving mean of the seconds between answers: rate limits make it long, and having nothing to do. */
  #interval = LONGEST_INTERVAL;
  #isShort = false;
  /** When a job was answered, by the monotonic clock. */
  #lastAnswer = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether many tasks run, each shorter than its message is on the way from the broker. */
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
    const now = this.#clock.monotonic();
    const interval = Math.min(now - this.#lastAnswer, LONGEST_INTERVAL);
    this.#lastAnswer = now;
    this.#interval = this.#interval * 0.9 + interval * 0.1;
    this.#mean =
      this.#mean === undefined || runtime >= SLOW_RUN ? runtime : this.#mean * 0.9 + runtime * 0.1;
    const was = this.#isShort;
    const [mostRun, mostInterval] = was
      ? [AHEAD_SECONDS, IDLE_INTERVAL]
      : [SHORT_RUN, BUSY_INTERVAL];
    this.#isShort = this.#mean < mostRun && this.#interval < mostInterval;
    return this.#isShort !== was;
  }
}
