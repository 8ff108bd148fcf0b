/** Notices that somebody has set the clock, or that the machine slept. */
import type { Clock } from '../base/time/clock.ts';

/** Seconds that the clock may be set by without a word, as it is by NTP. */
const TOLERANCE = 2;

export class ClockWatch {
  readonly #clock: Clock;
  #wall: number;
  #monotonic: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wall = clock.now();
    this.#monotonic = clock.monotonic();
  }

  /** Seconds by which the clock was set since the last look: negative when it was set back. */
  look(): number {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const jump = wall - this.#wall - (monotonic - this.#monotonic);
    this.#wall = wall;
    this.#monotonic = monotonic;
    return Math.abs(jump) > TOLERANCE ? jump : 0;
  }
}
