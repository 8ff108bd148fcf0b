/**
 * The line of jobs in front of the children: who gets the next one, and what comes back
 * from a child that does not get round to it.
 */

import type { Clock } from '../../base/time/clock.ts';
import { type Child, SLOWEST_PACE_MS } from './child.ts';
import type { HeldJob } from './held-job.ts';

/**
 * A child is given no more work ahead than it does in about this time, or else priorities and other
 * workers would not get their turn.
 */
const HORIZON_MS = 50;
/** Seconds after which a job that its child has not started is taken back, for any child that is free. */
export const PATIENCE = 0.05;
/** Bytes of a payload that take no time worth mentioning. */
const LIGHT = 4096;
/** Bytes that a child may have of jobs it has not started: the others stay free for any child. */
const MOST_BYTES_AHEAD = 512 * 1024;
/** Released jobs without a reply at which a child gets nothing more, as it would not start it. */
const MOST_RELEASED = 64;

export interface JobLinePorts {
  children(): readonly Child[];
  hasHardLimit(held: HeldJob<Child>): boolean;
  onStarted(held: HeldJob<Child>, child: Child): void;
}

export class JobLine {
  readonly #clock: Clock;
  readonly #slots: number;
  readonly #prefetch: number;
  readonly #ports: JobLinePorts;
  /** Jobs that no child has; in order. */
  #line: HeldJob<Child>[] = [];
  #isDue = false;

  constructor(limits: { clock: Clock; slots: number; prefetch: number }, ports: JobLinePorts) {
    this.#clock = limits.clock;
    this.#slots = limits.slots;
    this.#prefetch = limits.prefetch;
    this.#ports = ports;
  }

  get waiting(): readonly HeldJob<Child>[] {
    return this.#line;
  }

  add(held: HeldJob<Child>): void {
    this.#line.push(held);
    this.dispatchSoon();
  }

  remove(held: HeldJob<Child>): void {
    const place = this.#line.indexOf(held);
    if (place >= 0) this.#line.splice(place, 1);
  }

  clear(): HeldJob<Child>[] {
    const line = this.#line;
    this.#line = [];
    return line;
  }

  /** To the head of the line: these have waited longest. */
  putBack(jobs: readonly HeldJob<Child>[]): void {
    for (const held of jobs) {
      held.state = 'pending';
      held.child = undefined;
      held.softAt = Number.POSITIVE_INFINITY;
      held.hardAt = Number.POSITIVE_INFINITY;
    }
    this.#line.unshift(...jobs);
    if (jobs.length > 0) this.dispatchSoon();
  }

  takeBack(child: Child): number {
    const back = child.takeBack(held => this.#ports.onStarted(held, child));
    this.putBack(back);
    return back.length;
  }

  /** The same for a child that holds a job it should have started long ago; it gets no other before it is heard of. */
  takeBackOverdue(child: Child, now: number): void {
    if (!child.isOverdue(now, PATIENCE)) return;
    if (this.takeBack(child) === 0) return;
    child.paceMs = SLOWEST_PACE_MS;
    child.suspect();
  }

  /** Jobs of one turn go out together, as one message costs less than many. */
  dispatchSoon(): void {
    if (this.#isDue || this.#line.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const now = this.#clock.monotonic();
    const children = this.#ports.children().filter(child => this.#wantsMore(child));
    let sent = 0;
    for (const held of this.#line) {
      const child = this.#leastBusy(children, held);
      if (child === undefined) break;
      child.assign(held, now, this.#ports.hasHardLimit(held));
      sent++;
    }
    this.#line.splice(0, sent);
    for (const child of children) child.flush();
  }

  /** Filling up each gap as it comes would lead to ever smaller messages. */
  #wantsMore(child: Child): boolean {
    if (!child.canTakeJobs()) return false;
    return child.load < this.#slots || child.load <= this.#window(child) / 2;
  }

  #leastBusy(children: readonly Child[], held: HeldJob<Child>): Child | undefined {
    let best: Child | undefined;
    for (const child of children) {
      if (best !== undefined && child.load >= best.load) continue;
      if (child.load >= this.#window(child)) continue;
      if (held.size <= LIGHT || this.#hasRoomFor(child, held)) best = child;
    }
    return best;
  }

  /**
   * What takes time to get there is sent only where it can start, and not all at once: it would be
   * taken back on its way.
   */
  #hasRoomFor(child: Child, held: HeldJob<Child>): boolean {
    if (held.isLarge) return child.load < this.#slots && child.expected === undefined;
    const bytes = child.unstartedBytes;
    return bytes === 0 || bytes + held.size <= MOST_BYTES_AHEAD;
  }

  /**
   * How many jobs the child may hold: more than it runs only when they will not wait long there.
   */
  #window(child: Child): number {
    if (child.releasedCount >= MOST_RELEASED) return 0;
    // what is sent now would overtake a payload that is on its way
    if (child.expected !== undefined) return this.#slots;
    const ahead = child.paceMs > 0 ? Math.floor(HORIZON_MS / child.paceMs) : this.#prefetch;
    return Math.min(this.#slots + Math.min(this.#prefetch, ahead), child.load + child.quota);
  }
}
