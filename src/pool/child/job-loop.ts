/**
 * Runs jobs in the order they came, `places` at once, in this process or thread: the inside
 * of a child and of the pools without children. It gives the event loop its turn between jobs.
 */

import { AsyncResource } from 'node:async_hooks';
import { Fifo } from '../../base/collections/fifo.ts';
import { SequenceMap } from '../../base/collections/sequence-map.ts';
import type { JobControl, JobRunner } from '../contract.ts';
import { SoftTimeLimitExceeded } from '../errors.ts';
import { queueMicrotask, setImmediate } from './own-timers.ts';

export interface LoopPorts<J extends LoopJob> {
  /** Last word before a job runs; false leaves it out, since the parent has taken it back. */
  claim(job: J): boolean;
  onStarted(job: J): void;
  /**
   * The job's code has paused for the first time, or ended: whether it blocked the loop is known.
   */
  onPaused?(job: J): void;
  onReleased(job: J): void;
  onWaits?(job: J, what: string | undefined): void;
  onDone(job: J, reply: unknown): void;
  /** The runner rejected, which it must not. */
  onThrown(job: J, error: unknown): void;
  /** The end of an abandoned job; nothing else is called for it any more. */
  onLate?(job: J): void;
}

/**
 * Jobs whose place is free again although they have no reply yet: a result store that is slow would
 * gather more and more.
 */
const MOST_RELEASED = 64;
/** Jobs are started within one turn for this long; then I/O has its turn. */
const TURN_MS = 1;

interface LoopEars {
  release(job: LoopJob): void;
  waits(job: LoopJob, what: string | undefined): void;
}

export class LoopJob implements JobControl {
  readonly ticket: number;
  readonly payload: unknown;
  /** What was answered so far has to leave before this one starts, which may be killed with it. */
  readonly careful: boolean;
  state: 'waiting' | 'running' | 'released' | 'abandoned' | 'ended' = 'waiting';
  #loop: LoopEars | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(ticket: number, payload: unknown, careful: boolean) {
    this.ticket = ticket;
    this.payload = payload;
    this.careful = careful;
  }

  // made on demand: most jobs never ask, and a controller costs more than a job's round
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get isAbandoned(): boolean {
    return this.state === 'abandoned';
  }

  start(loop: LoopEars): void {
    this.state = 'running';
    this.#loop = loop;
  }

  release(): void {
    if (this.state !== 'running') return;
    this.state = 'released';
    this.#loop?.release(this);
  }

  waits(what: string | undefined): void {
    if (this.state === 'running') this.#loop?.waits(this, what);
  }

  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }
}

export class JobLoop<J extends LoopJob = LoopJob> {
  readonly #runner: JobRunner;
  readonly #places: number;
  readonly #ports: LoopPorts<J>;
  /** Also those released: their replies are still to come, and are waited for. */
  readonly #running = new SequenceMap<J>(MOST_RELEASED);
  readonly #waiting = new Fifo<J>();
  #inUse = 0;
  #turnStart = 0;
  #pumpIsDue = false;
  #closed = false;
  #onIdle: (() => void) | undefined;
  // release() is called from inside a job: the next one must not inherit its async context
  readonly #pumpOutside: () => void;

  constructor(runner: JobRunner, places: number, ports: LoopPorts<J>) {
    this.#runner = runner;
    this.#places = places;
    this.#ports = ports;
    this.#pumpOutside = AsyncResource.bind(() => {
      this.#pumpIsDue = false;
      this.#pump();
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Those that have started and not ended; not abandoned ones, since nobody waits for them. */
  get running(): Iterable<J> {
    return this.#running.values();
  }

  get runs(): boolean {
    return this.#running.size > 0;
  }

  add(job: J): void {
    this.#waiting.push(job);
  }

  /** Start what can be started. Call after `add`, from the event loop. */
  run(): void {
    this.#turnStart = performance.now();
    this.#pump();
  }

  /** Tell a running job that its soft limit has passed. */
  expire(ticket: number, seconds: number): void {
    const job = this.#running.get(ticket);
    if (job?.state === 'running') job.abort(new SoftTimeLimitExceeded(seconds));
  }

  /**
   * Give the place of a running job to another one although its code still runs, since nothing here
   * can kill it.
   */
  abandon(job: J, reason: Error): void {
    if (job.state !== 'running') return;
    job.state = 'abandoned';
    this.#running.delete(job.ticket);
    this.#inUse--;
    job.abort(reason);
    this.#pumpNextTurn();
  }

  takeBack(): J[] {
    const jobs = [...this.#waiting];
    this.#waiting.clear();
    return jobs;
  }

  /** Start nothing more; calls `onIdle` when what runs has ended. */
  close(onIdle: () => void): void {
    this.#closed = true;
    this.#onIdle = onIdle;
    this.#checkIdle();
  }

  #pump(): void {
    while (this.#canStart()) this.#start(this.#waiting.shift()!);
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

  #start(job: J): void {
    if (!this.#ports.claim(job)) return;
    job.start(this.#ears);
    this.#running.set(job.ticket, job);
    this.#inUse++;
    this.#ports.onStarted(job);
    let reply: Promise<unknown>;
    try {
      reply = this.#runner.run(job.payload, job);
    } catch (error) {
      reply = Promise.reject(error);
    }
    this.#ports.onPaused?.(job);
    reply.then(
      value => {
        if (this.#end(job)) this.#ports.onDone(job, value);
        this.#afterEnd();
      },
      error => {
        if (this.#end(job)) this.#ports.onThrown(job, error);
        this.#afterEnd();
      },
    );
  }

  readonly #ears: LoopEars = {
    release: job => {
      this.#inUse--;
      this.#ports.onReleased(job as J);
      if (this.waiting === 0 || this.#pumpIsDue) return;
      this.#pumpIsDue = true;
      queueMicrotask(this.#pumpOutside);
    },
    waits: (job, what) => this.#ports.onWaits?.(job as J, what),
  };

  /** False when nobody wants to know, since it was abandoned. */
  #end(job: J): boolean {
    if (job.state === 'abandoned') {
      this.#ports.onLate?.(job);
      return false;
    }
    if (job.state === 'running') this.#inUse--;
    job.state = 'ended';
    this.#running.delete(job.ticket);
    return true;
  }

  #afterEnd(): void {
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
