/**
 * Runs jobs in the order they came, `places` at once, in this process: the inside of a
 * prefork child and of the solo pool. It gives the event loop its turn between jobs.
 */

import { AsyncResource } from 'node:async_hooks';
import type { JobControl, JobRunner } from '../contract.ts';
import { SoftTimeLimitExceeded } from '../errors.ts';

export interface LoopPorts {
  /** Last word before a job runs; false leaves it out. */
  claim(job: QueuedJob): boolean;
  onStarted(job: RunningJob): void;
  onReleased(job: RunningJob): void;
  onDone(job: RunningJob, reply: unknown): void;
  /** The runner rejected, which it must not. */
  onThrown(job: RunningJob, error: unknown): void;
}

export interface QueuedJob {
  readonly ticket: number;
  readonly payload: unknown;
  /** What was answered so far has to leave the process before this one starts. */
  readonly careful: boolean;
}

/** Jobs whose place is free again although they have no reply yet. */
const MOST_RELEASED = 64;
/** Jobs are started within one turn for this long; then I/O has its turn. */
const TURN_MS = 1;

export class RunningJob implements JobControl {
  readonly ticket: number;
  readonly #onRelease: (job: RunningJob) => void;
  #controller: AbortController | undefined;
  #reason: SoftTimeLimitExceeded | undefined;
  released = false;
  ended = false;

  constructor(ticket: number, onRelease: (job: RunningJob) => void) {
    this.ticket = ticket;
    this.#onRelease = onRelease;
  }

  // made on demand: most jobs never ask, and a controller costs more than a job's round
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  release(): void {
    if (this.released || this.ended) return;
    this.released = true;
    this.#onRelease(this);
  }

  expire(seconds: number): void {
    this.#reason = new SoftTimeLimitExceeded(seconds);
    this.#controller?.abort(this.#reason);
  }
}

export class JobLoop {
  readonly #runner: JobRunner;
  readonly #places: number;
  readonly #ports: LoopPorts;
  /** Also those released. */
  readonly #running = new Map<number, RunningJob>();
  #waiting: QueuedJob[] = [];
  /** Index of the first in `#waiting`. */
  #next = 0;
  #inUse = 0;
  #turnStart = 0;
  #pumpIsDue = false;
  #closed = false;
  #onIdle: (() => void) | undefined;
  // release() is called from inside a job: the next one must not inherit its async context
  readonly #pumpOutside: () => void;

  constructor(runner: JobRunner, places: number, ports: LoopPorts) {
    this.#runner = runner;
    this.#places = places;
    this.#ports = ports;
    this.#pumpOutside = AsyncResource.bind(() => {
      this.#pumpIsDue = false;
      this.#pump();
    });
  }

  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  add(job: QueuedJob): void {
    this.#waiting.push(job);
  }

  /** Start what can be started. Call after `add`, from the event loop. */
  run(): void {
    this.#turnStart = performance.now();
    this.#pump();
  }

  expire(ticket: number, seconds: number): void {
    const job = this.#running.get(ticket);
    if (job && !job.released) job.expire(seconds);
  }

  takeBack(): QueuedJob[] {
    const jobs = this.#waiting.slice(this.#next);
    this.#waiting = [];
    this.#next = 0;
    return jobs;
  }

  /** Start nothing more; calls `onIdle` when what runs has ended. */
  close(onIdle: () => void): void {
    this.#closed = true;
    this.#onIdle = onIdle;
    this.#checkIdle();
  }

  #pump(): void {
    while (this.#canStart()) this.#start(this.#waiting[this.#next++]!);
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }

  #canStart(): boolean {
    if (this.#closed || this.waiting === 0) return false;
    if (this.#inUse >= this.#places) return false;
    if (this.#running.size - this.#inUse >= MOST_RELEASED) return false;
    if (performance.now() - this.#turnStart < TURN_MS) return true;
    this.#pumpNextTurn();
    return false;
  }

  #pumpNextTurn(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    setImmediate(() => {
      this.#turnStart = performance.now();
      this.#pumpOutside();
    });
  }

  #start(queued: QueuedJob): void {
    const { ticket, payload } = queued;
    if (!this.#ports.claim(queued)) return;
    const job = new RunningJob(ticket, this.#onRelease);
    this.#running.set(ticket, job);
    this.#inUse++;
    this.#ports.onStarted(job);
    let reply: Promise<unknown>;
    try {
      reply = this.#runner.run(payload, job);
    } catch (error) {
      reply = Promise.reject(error);
    }
    reply.then(
      value => this.#end(job, () => this.#ports.onDone(job, value)),
      error => this.#end(job, () => this.#ports.onThrown(job, error)),
    );
  }

  readonly #onRelease = (job: RunningJob): void => {
    this.#inUse--;
    this.#ports.onReleased(job);
    if (this.waiting === 0 || this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    queueMicrotask(this.#pumpOutside);
  };

  #end(job: RunningJob, report: () => void): void {
    job.ended = true;
    this.#running.delete(job.ticket);
    if (!job.released) this.#inUse--;
    report();
    this.#pump();
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (!this.#closed || this.#running.size > 0) return;
    const onIdle = this.#onIdle;
    this.#onIdle = undefined;
    onIdle?.();
  }
}
