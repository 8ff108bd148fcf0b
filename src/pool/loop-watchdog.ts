/**
 * Notices that the event loop it lives in was blocked; that can only be seen afterwards.
 * In real time, whatever clock the jobs go by.
 */

import { systemClock, type Timer } from '../base/time/clock.ts';

/** Seconds. */
const DEFAULT_LIMIT = 1;
/** Ticks within the limit: the seconds reported are too many by one tick at most. */
const TICKS = 4;

export interface WatchdogPorts {
  /** When not, it sleeps until the next `start`: an idle worker is not to wake up for it. */
  isNeeded(): boolean;
  suspects(): number[];
  onBlocked(seconds: number, jobs: number[]): void;
}

export class LoopWatchdog {
  readonly #limit: number;
  readonly #ports: WatchdogPorts;
  readonly #tick: () => void;
  #timer: Timer | undefined;
  #seenAt = 0;

  constructor(ports: WatchdogPorts, limit: number = DEFAULT_LIMIT) {
    this.#limit = limit;
    this.#ports = ports;
    this.#tick = () => {
      this.look(ports.suspects);
      this.#seenAt = systemClock.monotonic();
      if (!ports.isNeeded()) this.stop();
    };
  }

  /** Called for each job: cheap when it runs already. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#seenAt = systemClock.monotonic();
    this.#timer = systemClock.every(this.#limit / TICKS, this.#tick, { unref: true });
  }

  /** Look now instead of at the next tick, because more is known about who did it. */
  look(suspects: () => number[]): void {
    const now = systemClock.monotonic();
    const seconds = now - this.#seenAt;
    if (seconds < this.#limit * (1 + 1 / TICKS)) return;
    this.#seenAt = now;
    this.#ports.onBlocked(seconds, suspects());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
