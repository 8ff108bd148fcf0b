/**
 * One job at a time, inside the worker's own process. Nothing here can be killed: hard
 * time limits and `terminate` of a running job are for prefork.
 */

import { type Clock, systemClock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { JobLoop, type RunningJob } from './child/job-loop.ts';
import type { Job, JobRunner, Pool, PoolEvents, RunnerFactory } from './contract.ts';
import { Deadlines } from './deadlines.ts';
import { PoolFailure, Terminated, WorkerLostError } from './errors.ts';
import { checkOptions, type PoolOptions } from './options.ts';

const DEFAULT_PREFETCH = 8;

class SoloJob {
  readonly job: Job;
  softAt = Number.POSITIVE_INFINITY;
  readonly hardAt = Number.POSITIVE_INFINITY;
  isReleased = false;

  constructor(job: Job) {
    this.job = job;
  }
}

export class SoloPool implements Pool {
  readonly name = 'solo';
  readonly size = 1;
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #clock: Clock;
  readonly #room: number;
  readonly #deadlines: Deadlines<SoloJob>;
  /** By ticket. */
  readonly #held = new Map<number, SoloJob>();
  #lastTicket = 0;
  #load = 0;
  #wasFull = false;
  #runIsDue = false;
  #runner: JobRunner | undefined;
  #loop: JobLoop | undefined;
  #isOpen = false;
  #isStopped = false;
  #idle: Deferred<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    checkOptions(options);
    this.#options = options;
    this.#events = options.events;
    this.#clock = options.clock ?? systemClock;
    this.#room = 1 + (options.prefetchPerChild ?? DEFAULT_PREFETCH);
    this.#deadlines = new Deadlines(this.#clock, {
      soft: held => this.#onSoftLimit(held),
      hard: () => {},
    });
  }

  get free(): number {
    return this.#isOpen ? Math.max(0, this.#room - this.#load) : 0;
  }

  get pids(): readonly number[] {
    return [process.pid];
  }

  async start(): Promise<void> {
    if (this.#loop || this.#isStopped) throw new Error('A pool can be started only once');
    const { runnerUrl, runnerConfig, timeLimit } = this.#options;
    if (timeLimit) {
      this.#events.onLog('warning', 'The solo pool cannot enforce hard time limits; use prefork.');
    }
    try {
      const { createRunner = await factoryAt(runnerUrl) } = this.#options;
      this.#runner = await createRunner(runnerConfig, { slot: 0, index: 0 });
    } catch (error) {
      throw new PoolFailure(`Could not load ${runnerUrl.href}: ${error}`, { cause: error });
    }
    if (this.#isStopped) return this.#runner.stop();
    this.#loop = new JobLoop(this.#runner, 1, {
      claim: () => true,
      onStarted: job => this.#onStarted(job),
      onReleased: job => this.#onReleased(job),
      onDone: (job, reply) => this.#onDone(job, reply),
      onThrown: (job, error) => this.#onThrown(job, error),
    });
    this.#isOpen = true;
  }

  submit(job: Job): void {
    if (this.free === 0) throw new RangeError(`The pool has no room for job ${job.id}`);
    const ticket = ++this.#lastTicket;
    this.#held.set(ticket, new SoloJob(job));
    this.#load++;
    if (this.free === 0) this.#wasFull = true;
    this.#loop!.add({ ticket, payload: job.payload, careful: false });
    this.#runSoon();
  }

  terminate(jobId: number, signal: NodeJS.Signals = 'SIGTERM'): boolean {
    let isThere = false;
    for (const queued of this.#loop?.takeBack() ?? []) {
      if (this.#held.get(queued.ticket)?.job.id === jobId) {
        isThere = true;
        setImmediate(() => this.#fail(queued.ticket, new Terminated(signal)));
      } else {
        this.#loop!.add(queued);
      }
    }
    this.#runSoon();
    return isThere;
  }

  async recall(): Promise<number[]> {
    const jobs: number[] = [];
    for (const { ticket } of this.#loop?.takeBack() ?? []) {
      jobs.push(this.#close(ticket)!.job.id);
    }
    this.#afterNews();
    return jobs;
  }

  async grow(): Promise<void> {
    throw new RangeError('The solo pool has one place and cannot grow.');
  }

  async shrink(): Promise<void> {
    throw new RangeError('The solo pool has one place and cannot shrink.');
  }

  async drain(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#idle = deferred();
      this.#afterNews();
    }
    await this.#idle?.promise;
    await this.stop();
  }

  /** A running job cannot be killed: it goes on, nobody hears of it. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  info(): Record<string, unknown> {
    return {
      implementation: 'tscelery.pool.solo:SoloPool',
      'max-concurrency': 1,
      processes: this.pids,
      'max-tasks-per-child': null,
      'put-guarded-by-semaphore': true,
      timeouts: [this.#options.softTimeLimit ?? 0, 0],
    };
  }

  async #stop(): Promise<void> {
    this.#isOpen = false;
    this.#isStopped = true;
    this.#deadlines.clear();
    this.#held.clear();
    this.#loop?.takeBack();
    this.#idle?.resolve();
    await this.#runner?.stop();
  }

  #runSoon(): void {
    if (this.#runIsDue) return;
    this.#runIsDue = true;
    setImmediate(() => {
      this.#runIsDue = false;
      this.#loop!.run();
    });
  }

  #onStarted({ ticket }: RunningJob): void {
    const held = this.#held.get(ticket);
    if (held === undefined) return;
    this.#events.onStarted(held.job.id, process.pid);
    const soft = this.#softLimit(held);
    if (soft > 0) {
      held.softAt = this.#clock.monotonic() + soft;
      this.#deadlines.watch(held);
    }
  }

  #onReleased({ ticket }: RunningJob): void {
    const held = this.#held.get(ticket);
    if (held === undefined) return;
    this.#deadlines.forget(held);
    held.isReleased = true;
    this.#load--;
    this.#afterNews();
  }

  #onDone({ ticket }: RunningJob, reply: unknown): void {
    const held = this.#close(ticket);
    if (held === undefined) return;
    this.#events.onDone(held.job.id, reply);
    this.#afterNews();
  }

  #onThrown({ ticket }: RunningJob, error: unknown): void {
    const message = `runner failed: ${error}`;
    this.#events.onLog('error', `solo: ${message}, job ${this.#held.get(ticket)?.job.id}`);
    this.#fail(ticket, new WorkerLostError(message, { exitCode: null, signal: null }));
  }

  #onSoftLimit(held: SoloJob): void {
    const seconds = this.#softLimit(held);
    for (const [ticket, other] of this.#held) {
      if (other === held) this.#loop!.expire(ticket, seconds);
    }
    this.#events.onSoftTimeout(held.job.id, seconds);
  }

  #softLimit(held: SoloJob): number {
    return held.job.softTimeLimit ?? this.#options.softTimeLimit ?? 0;
  }

  #fail(ticket: number, error: Terminated | WorkerLostError): void {
    const held = this.#close(ticket);
    if (held === undefined) return;
    this.#events.onFailed(held.job.id, error);
    this.#afterNews();
  }

  #close(ticket: number): SoloJob | undefined {
    const held = this.#held.get(ticket);
    if (held === undefined) return undefined;
    this.#held.delete(ticket);
    this.#deadlines.forget(held);
    if (!held.isReleased) this.#load--;
    return held;
  }

  #afterNews(): void {
    if (this.#wasFull && this.free > 0) {
      this.#wasFull = false;
      this.#events.onRoom();
    }
    if (this.#held.size === 0) this.#idle?.resolve();
  }
}

async function factoryAt(url: URL): Promise<RunnerFactory> {
  const module: { createRunner: RunnerFactory } = await import(url.href);
  return module.createRunner;
}
