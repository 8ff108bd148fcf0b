import { Fifo } from '../../base/collections/fifo.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';

/**
 * Lets things through at a steady rate, in the order in which they came: a token bucket that
 * holds one token and starts full, as Celery's.
 */
export class RateBucket<T> {
  readonly #clock: Clock;
  readonly #release: (item: T, isLate: boolean) => void;
  #rate: number;
  readonly #waiting = new Fifo<T>();
  #tokens = 1;
  #filledAt: number;
  #timer: Timer | undefined;

  /**
   * @param rate per second; more than 0
   * @param release gets each item when its time has come; `isLate` when it had to wait
   */
  constructor(rate: number, clock: Clock, release: (item: T, isLate: boolean) => void) {
    this.#rate = rate;
    this.#clock = clock;
    this.#release = release;
    this.#filledAt = clock.monotonic();
  }

  get waiting(): readonly T[] {
    return [...this.#waiting];
  }

  /** Another rate from now on; what waits goes on waiting at that rate. */
  setRate(rate: number): void {
    this.#fill();
    this.#rate = rate;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#drain(true);
  }

  add(item: T, isLate = false): void {
    this.#waiting.push(item);
    if (!this.#timer) this.#drain(isLate);
  }

  /** Forget what is meant of what waits; returns it. */
  withdraw(isMeant: (item: T) => boolean): T[] {
    return this.#waiting.extract(isMeant);
  }

  clear(): T[] {
    this.#timer?.cancel();
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }

  #drain(isLate: boolean): void {
    this.#fill();
    while (this.#waiting.length > 0 && this.#tokens >= 1) {
      this.#tokens -= 1;
      this.#release(this.#waiting.shift()!, isLate);
    }
    if (this.#waiting.length === 0) return;
    this.#timer = this.#clock.after((1 - this.#tokens) / this.#rate, () => {
      this.#timer = undefined;
      // whole by now, whatever rounding says
      this.#tokens = 1;
      this.#filledAt = this.#clock.monotonic();
      this.#drain(true);
    });
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(1, this.#tokens + (now - this.#filledAt) * this.#rate);
    this.#filledAt = now;
  }
}
