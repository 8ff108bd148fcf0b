/** Time as the rest of the code sees it, so that tests can hold the hands of the clock. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Seconds since the epoch, with fraction. */
  now(): number;
  /** Seconds from an arbitrary start; never goes back. */
  monotonic(): number;
  /**
   * Call `fn` once after `seconds`. Any length is allowed; the timer keeps the
   * process alive unless `unref` is set.
   */
  after(seconds: number, fn: () => void, options?: { unref?: boolean }): Timer;
  /** Call `fn` every `seconds` until cancelled. */
  every(seconds: number, fn: () => void, options?: { unref?: boolean }): Timer;
}

/** setTimeout fires at once for anything longer than this (2^31 - 1 ms). */
const LONGEST_TIMEOUT_MS = 2_147_483_647;

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
        left > LONGEST_TIMEOUT_MS
          ? setTimeout(arm, LONGEST_TIMEOUT_MS)
          : setTimeout(fn, Math.max(0, left));
      if (options.unref) handle.unref();
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }

  every(seconds: number, fn: () => void, options: { unref?: boolean } = {}): Timer {
    const handle = setInterval(fn, seconds * 1000);
    if (options.unref) handle.unref();
    return { cancel: () => clearInterval(handle) };
  }
}

export const systemClock: Clock = new SystemClock();
