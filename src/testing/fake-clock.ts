/**
 * A clock that stands still until somebody moves it: for ETAs, retries, expiry and limits in
 * tests. Time is kept in whole milliseconds, so that moments survive the way through a message.
 */
import type { Clock, Timer } from '../base/time/clock.ts';
import { currentTask } from '../execute/task-context.ts';

interface FakeTimer {
  /** Milliseconds since the epoch. */
  due: number;
  readonly fn: () => void;
  /** Milliseconds; undefined for a timer that fires once. */
  readonly period: number | undefined;
  /** The task that waits for it, if one does. */
  readonly taskId: string | undefined;
}

export class FakeClock implements Clock {
  readonly #start: number;
  #now: number;
  #timers: FakeTimer[] = [];

  /** @param start a Date, ISO 8601 text or seconds since the epoch; default: the present */
  constructor(start: Date | string | number = new Date()) {
    this.#start = Math.round(typeof start === 'number' ? start * 1000 : new Date(start).getTime());
    if (Number.isNaN(this.#start)) throw new TypeError(`Not a date: ${String(start)}`);
    this.#now = this.#start;
  }

  now(): number {
    return this.#now / 1000;
  }

  /** The same as a Date. */
  date(): Date {
    return new Date(this.#now);
  }

  monotonic(): number {
    return (this.#now - this.#start) / 1000;
  }

  after(seconds: number, fn: () => void): Timer {
    return this.#add(seconds, fn, undefined);
  }

  every(seconds: number, fn: () => void): Timer {
    return this.#add(seconds, fn, Math.max(1, Math.round(seconds * 1000)));
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Whether the code of this task waits for the clock (`self.sleep`). */
  holds(taskId: string): boolean {
    return this.#timers.some(timer => timer.taskId === taskId);
  }

  /**
   * Move on. What falls due on the way fires in order, each with the clock at its time. Work
   * that this starts goes on after the call; `TestWorker.advance` waits for it.
   */
  advance(seconds: number): void {
    const target = this.#now + milliseconds(seconds);
    while (this.fireNext(target));
    this.#now = target;
  }

  /**
   * Move to the next moment at which something falls due, and fire that.
   *
   * @param latest milliseconds since the epoch
   * @returns false when nothing falls due until then
   */
  fireNext(latest: number): boolean {
    const due = Math.min(...this.#timers.map(timer => timer.due));
    if (due > latest) return false;
    this.#now = Math.max(this.#now, due);
    this.#fireDue();
    return true;
  }

  #add(seconds: number, fn: () => void, period: number | undefined): Timer {
    const due = this.#now + Math.max(0, Math.round(seconds * 1000));
    const timer = { due, fn, period, taskId: currentTask()?.request.id };
    this.#timers.push(timer);
    // what is due at once waits for nobody who moves the clock
    if (due <= this.#now) setImmediate(() => this.#fireDue());
    return { cancel: () => this.#remove(timer) };
  }

  #fireDue(): void {
    const due = this.#timers.filter(timer => timer.due <= this.#now);
    for (const timer of due.toSorted((a, b) => a.due - b.due)) {
      if (!this.#timers.includes(timer)) continue; // cancelled by one that fired before
      if (timer.period === undefined) this.#remove(timer);
      else timer.due += timer.period;
      timer.fn();
    }
  }

  #remove(timer: FakeTimer): void {
    this.#timers = this.#timers.filter(other => other !== timer);
  }
}

/** @throws RangeError for a time that does not go forward */
export function milliseconds(seconds: number): number {
  if (Number.isFinite(seconds) && seconds >= 0) return Math.round(seconds * 1000);
  throw new RangeError(`A clock moves forward by seconds, got ${seconds}`);
}
