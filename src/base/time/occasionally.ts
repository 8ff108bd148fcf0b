import type { Clock } from './clock.ts';

/** Seconds between two times that something is told. */
const TELL_EVERY = 60;

/** For what may happen without end and is told now and then: the first time, then once a minute. */
export class Occasionally {
  readonly #clock: Clock;
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It happened so often again. @returns how often since it was told, when it is to be told now; else 0 */
  count(times: number): number {
    this.#untold += times;
    const now = this.#clock.monotonic();
    if (now - this.#toldAt < TELL_EVERY) return 0;
    const untold = this.#untold;
    this.#toldAt = now;
    this.#untold = 0;
    return untold;
  }
}
