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
  #onTheWay = 0;
  /** When a job was answered, by the monotonic clock. */
  #lastAnswer = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Messages for each place of the pool that may be on their way from the broker beyond the
   * prefetch count: none unless many tasks run, each shorter than that way.
   */
  get onTheWay(): number {
    return this.#onTheWay;
  }

  /** Jobs that may wait in each child behind those that run: none before tasks proved to be short. */
  get ahead(): number {
    if (this.#mean === undefined) return 0;
    // nothing was answered lately: what runs is long, and what is behind it would be stuck
    if (this.#clock.monotonic() - this.#lastAnswer > SLOW_RUN) return 0;
    return this.#fitting(this.#mean);
  }

  /** A task ran for so many seconds. Returns whether `onTheWay` has changed. */
  learn(runtime: number): boolean {
    const now = this.#clock.monotonic();
    const interval = Math.min(now - this.#lastAnswer, LONGEST_INTERVAL);
    this.#lastAnswer = now;
    this.#interval = this.#interval * 0.9 + interval * 0.1;
    this.#mean =
      this.#mean === undefined || runtime >= SLOW_RUN ? runtime : this.#mean * 0.9 + runtime * 0.1;
    return this.#adjustOnTheWay(this.#mean);
  }

  /** By factors of two or more: brokers have to be told each time. */
  #adjustOnTheWay(mean: number): boolean {
    const now = this.#onTheWay;
    const [mostRun, mostInterval] =
      now > 0 ? [AHEAD_SECONDS, IDLE_INTERVAL] : [SHORT_RUN, BUSY_INTERVAL];
    const isShort = mean < mostRun && this.#interval < mostInterval;
    const wanted = isShort ? this.#fitting(mean) : 0;
    if (wanted > 0 && wanted > now / 2 && wanted < now * 2) return false;
    this.#onTheWay = wanted;
    return wanted !== now;
  }

  #fitting(mean: number): number {
    return Math.min(MOST_AHEAD_PER_CHILD, Math.floor(AHEAD_SECONDS / Math.max(mean, 1e-6)));
  }
}
