/** How long and how often tasks run lately, and what that allows: work ahead only while they are short. */
import type { Clock } from '../../base/time/clock.ts';

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
/** Seconds without messages on the way after one came that may be long: more like it may follow. */
const WARY_SECONDS = 10;

export class RunTimes {
  readonly #clock: Clock;
  /** Moving mean of run times in seconds; undefined until the first job is done. */
  #mean: number | undefined;
  /** The same by task. */
  readonly #means = new Map<string, number>();
  /** Moving mean of the seconds between answers: rate limits make it long, and having nothing to do. */
  #interval = LONGEST_INTERVAL;
  #onTheWay = 0;
  #waryUntil = Number.NEGATIVE_INFINITY;
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

  /** A task came not long ago that may be long, and ended `onTheWay`. */
  get isCautious(): boolean {
    return this.#clock.monotonic() < this.#waryUntil;
  }

  /** Jobs of a task that may wait in each child behind those that run: none before it proved to be short. */
  ahead(task: string): number {
    const mean = this.#means.get(task);
    if (mean === undefined) return 0;
    // nothing was answered lately: what runs is long, and what is behind it would be stuck
    if (this.#clock.monotonic() - this.#lastAnswer > SLOW_RUN) return 0;
    return fitting(mean);
  }

  isShort(task: string): boolean {
    const mean = this.#means.get(task);
    return mean !== undefined && mean < AHEAD_SECONDS;
  }

  /** A message of a task came. Returns whether `onTheWay` has changed: it ends unless the task is short. */
  noteMessage(task: string): boolean {
    if (this.#onTheWay === 0 || this.isShort(task)) return false;
    this.#onTheWay = 0;
    this.#waryUntil = this.#clock.monotonic() + WARY_SECONDS;
    return true;
  }

  /** A task ran for so many seconds. Returns whether `onTheWay` has changed. */
  noteRun(task: string, runtime: number): boolean {
    const now = this.#clock.monotonic();
    const interval = Math.min(now - this.#lastAnswer, LONGEST_INTERVAL);
    this.#lastAnswer = now;
    this.#interval = this.#interval * 0.9 + interval * 0.1;
    this.#mean = moved(this.#mean, runtime);
    this.#means.set(task, moved(this.#means.get(task), runtime));
    return this.#adjustOnTheWay(this.#mean);
  }

  /** By factors of two or more: brokers have to be told each time. */
  #adjustOnTheWay(mean: number): boolean {
    const now = this.#onTheWay;
    const [mostRun, mostInterval] =
      now > 0 ? [AHEAD_SECONDS, IDLE_INTERVAL] : [SHORT_RUN, BUSY_INTERVAL];
    const isShort = mean < mostRun && this.#interval < mostInterval && !this.isCautious;
    const wanted = isShort ? fitting(mean) : 0;
    if (wanted > 0 && wanted > now / 2 && wanted < now * 2) return false;
    this.#onTheWay = wanted;
    return wanted !== now;
  }
}

function moved(mean: number | undefined, runtime: number): number {
  return mean === undefined || runtime >= SLOW_RUN ? runtime : mean * 0.9 + runtime * 0.1;
}

/** How many jobs are done in `AHEAD_SECONDS`. */
function fitting(mean: number): number {
  return Math.min(MOST_AHEAD_PER_CHILD, Math.floor(AHEAD_SECONDS / Math.max(mean, 1e-6)));
}
