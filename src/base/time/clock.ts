/** Time as the rest of the code sees it, so that tests can hold the hands of the clock. */
import { LONGEST_TIMER_MS } from './seconds.ts';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Seconds since the epoch, with fraction. */
  now(): number;
  /** Seconds from an arbitrary start; never goes back, as `now` does when somebody sets the clock. */
  monotonic(): number;
  /**
   * Call `fn` once after `seconds`. Any length is allowed, although Node's timers end at 24.8 days;
   * the timer keeps the process alive unless `unref` is set.
   */
  after(seconds: number, fn: () => void, options?: { unref?: boolean }): Timer;
  /** Call `fn` every `seconds`, of any length, until cancelled. */
  every(seconds: number, fn: () => void, options?: { unref?: boolean }): Timer;
}

class SystemClock implements Clock {
  now(): number {
    return Date.now() / 1000;
  }

  monotonic(): number {
    return performance.now() / 1000;
  }

  after(seconds: number, fn: () => void, options: { unref?: boolean } = {}): Timer {
    const due = performance.now() + Math.max(0, seconds * 1000);
    let handle: NodeJS.Timeout;
    const arm = () => {
      const left = due - performance.now();
      handle =
        left > LONGEST_TIMER_MS
          ? setTimeout(arm, LONGEST_TIMER_MS)
          : setTimeout(fn, Math.max(0, left));
      if (options.unref) handle.unref();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }

  every(seconds: number, fn: () => void, options: { unref?: boolean } = {}): Timer {
    if (seconds * 1000 > LONGEST_TIMER_MS) return this.#seldom(seconds, fn, options);
    const handle = setInterval(fn, seconds * 1000);
    if (options.unref) handle.unref();
    return { cancel: () => clearInterval(handle) };
  }

  /** As `every`, for a period that no interval of Node's can have. */
  #seldom(seconds: number, fn: () => void, options: { unref?: boolean }): Timer {
    let timer: Timer;
    const arm = () => {
      timer = this.after(seconds, next, options);
    };
    const next = () => {
      arm();
      fn();
    };
    arm();
    return { cancel: () => timer.cancel() };
  }
}

export const systemClock: Clock = new SystemClock();
