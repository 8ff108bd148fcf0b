/**
 * Jobs run in the worker's own event loop: one at a time (`solo`) or many at once (`async`).
 * Nothing here can be killed. What `async` can do is to abandon a job: its signal aborts, it is
 * reported as failed, its place goes to the next one, and what it answers later is ignored.
 */

import { type Deferred, deferred } from '../base/deferred.ts';
import { signalNamed } from '../base/process/signal-names.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import { JobLoop, LoopJob } from './child/job-loop.ts';
import type {
  ChildReport,
  Job,
  JobRunner,
  Pool,
  PoolEvents,
  PoolVitals,
  RunnerFactory,
} from './contract.ts';
import {
  type PoolError,
  PoolFailure,
  Terminated,
  TimeLimitExceeded,
  WorkerLostError,
} from './errors.ts';
import { LoopWatchdog } from './loop-watchdog.ts';
import { checkOptions, type PoolOptions } from './options.ts';
import { type LimitedJob, TimeLimits } from './time-limits.ts';

const DEFAULT_PREFETCH = 8;

class InProcessJob extends LoopJob implements LimitedJob {
  readonly job: Job;
  softAt = Number.POSITIVE_INFINITY;
  hardAt = Number.POSITIVE_INFINITY;
  takesRoom = true;
  isClosed = false;

  constructor(ticket: number, job: Job) {
    super(ticket, job.payload, false);
    this.job = job;
  }
}

export class InProcessPool implements Pool {
  readonly name: 'solo' | 'async';
  readonly size: number;
  readonly isInProcess = true;
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #clock: Clock;
  readonly #room: number;
  readonly #limits: TimeLimits<InProcessJob>;
  #lastTicket = 0;
  /** Jobs not answered, also those released. */
  #held = 0;
  /** Those of them that take up room. */
  #load = 0;
  #wasFull = false;
  #runIsDue = false;
  #runner: JobRunner | undefined;
  #loop: JobLoop<InProcessJob> | undefined;
  #isOpen = false;
  #isStopped = false;
  #idle: Deferred<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #watchdog: LoopWatchdog;

  constructor(name: 'solo' | 'async', options: PoolOptions) {
    checkOptions(options);
    this.name = name;
    this.size = name === 'solo' ? 1 : options.concurrency;
    this.#options = options;
    this.#events = options.events;
    this.#clock = options.clock ?? systemClock;
    this.#room = this.size + (options.prefetchPerChild ?? DEFAULT_PREFETCH);
    const { softTimeLimit, timeLimit } = options;
    this.#limits = new TimeLimits(
      { clock: this.#clock, softTimeLimit, timeLimit, enforcesHard: this.#abandons },
      {
        onSoft: (held, seconds) => this.#onSoftLimit(held, seconds),
        onHard: (held, seconds) => this.#abandon(held, new TimeLimitExceeded(seconds)),
      },
    );
    const watch = {
      isNeeded: () => this.#held > 0,
      suspects: () => this.#runningIds(),
      onBlocked: (seconds: number, jobs: number[]) =>
        this.#events.onBlocked({ where: 'MainProcess', seconds, isOver: true, jobs }),
    };
    this.#watchdog = new LoopWatchdog(watch, options.blockedAfter);
  }

  get free(): number {
    return this.#isOpen ? Math.max(0, this.#room - this.#load) : 0;
  }

  get pids(): readonly number[] {
    return [process.pid];
  }

  get #abandons(): boolean {
    return this.name === 'async';
  }

  async start(): Promise<void> {
    if (this.#loop || this.#isStopped) throw new Error('A pool can be started only once');
    if (this.#options.timeLimit && !this.#abandons) {
      this.#events.onLog('warning', 'The solo pool cannot enforce hard time limits; use prefork.');
    }
    const runner = await this.#loadRunner();
    this.#runner = runner;
    if (this.#isStopped) return runner.stop();
    this.#loop = new JobLoop<InProcessJob>(runner, this.size, {
      claim: () => true,
      onStarted: held => this.#onStarted(held),
      onPaused: held => this.#watchdog.look(() => [held.job.id]),
      onReleased: held => this.#onReleased(held),
      onWaits: (held, what) => {
        if (!held.isClosed) this.#events.onWaits?.(held.job.id, what);
      },
      onDone: (held, reply) => this.#onDone(held, reply),
      onThrown: (held, error) => this.#onThrown(held, error),
      onLate: held => this.#onLate(held),
    });
    this.#isOpen = true;
  }

  submit(job: Job): void {
    if (this.free === 0) throw new RangeError(`The pool has no room for job ${job.id}`);
    this.#loop!.add(new InProcessJob(++this.#lastTicket, job));
    this.#held++;
    this.#load++;
    if (this.free === 0) this.#wasFull = true;
    this.#runSoon();
    this.#watchdog.start();
  }

  terminate(jobId: number, signal: NodeJS.Signals = 'SIGTERM'): boolean {
    signalNamed(signal);
    if (this.#loop === undefined) return false;
    return this.#takeOut(jobId, signal) || this.#terminateRunning(jobId, signal);
  }

  async recall(): Promise<number[]> {
    const taken = this.#loop?.takeBack() ?? [];
    for (const held of taken) this.#close(held);
    this.#afterNews();
    return taken.map(held => held.job.id);
  }

  async grow(): Promise<void> {
    throw new RangeError(`The ${this.name} pool has no children: it cannot grow.`);
  }

  async shrink(): Promise<void> {
    throw new RangeError(`The ${this.name} pool has no children: it cannot shrink.`);
  }

  letGo(): number {
    return 0;
  }

  async restart(): Promise<void> {
    throw new RangeError(
      `The ${this.name} pool runs tasks inside the worker, which cannot load code twice: restart the worker.`,
    );
  }

  hurry(): void {
    this.#runner?.hurry?.();
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

  /** A running job cannot be killed: its signal aborts, and nobody hears of it. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** There are none: the worker speaks for itself. */
  async reports(): Promise<readonly ChildReport[]> {
    return [];
  }

  vitals(): PoolVitals {
    return { wanted: 0, ready: 0, blocked: 0, launched: 0, lost: 0 };
  }

  info(): Record<string, unknown> {
    const { softTimeLimit = 0, timeLimit = 0 } = this.#options;
    return {
      implementation: `tscelery.pool.${this.name}:TaskPool`,
      'max-concurrency': this.size,
      processes: this.pids,
      'max-tasks-per-child': null,
      'put-guarded-by-semaphore': true,
      timeouts: [softTimeLimit, this.#abandons ? timeLimit : 0],
    };
  }

  async #loadRunner(): Promise<JobRunner> {
    const { runnerUrl, runnerConfig, createRunner } = this.#options;
    try {
      const create =
        createRunner ??
        ((await import(runnerUrl.href)) as { createRunner: RunnerFactory }).createRunner;
      return await create(runnerConfig, { slot: 0, index: 0, name: 'MainProcess' });
    } catch (error) {
      throw new PoolFailure(`Could not load ${runnerUrl.href}: ${error}`, { cause: error });
    }
  }

  async #stop(): Promise<void> {
    this.#isOpen = false;
    this.#isStopped = true;
    this.#watchdog.stop();
    this.#limits.clear();
    this.#loop?.takeBack();
    const reason = new Terminated('the worker was stopped');
    for (const held of this.#loop?.running ?? []) {
      held.isClosed = true;
      if (this.#abandons) this.#loop!.abandon(held, reason);
    }
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

  #takeOut(jobId: number, signal: NodeJS.Signals): boolean {
    let isThere = false;
    for (const held of this.#loop!.takeBack()) {
      if (held.job.id === jobId) {
        isThere = true;
        setImmediate(() => this.#fail(held, new Terminated(signal)));
      } else {
        this.#loop!.add(held);
      }
    }
    this.#runSoon();
    return isThere;
  }

  #terminateRunning(jobId: number, signal: NodeJS.Signals): boolean {
    if (!this.#abandons) return false;
    for (const held of this.#loop!.running) {
      if (held.job.id !== jobId || held.state !== 'running') continue;
      // the caller has to know first that it was there
      setImmediate(() => this.#abandon(held, new Terminated(signal)));
      return true;
    }
    return false;
  }

  #onStarted(held: InProcessJob): void {
    this.#events.onStarted(held.job.id, process.pid);
    this.#limits.start(held);
  }

  #onReleased(held: InProcessJob): void {
    if (held.isClosed) return;
    this.#limits.forget(held);
    held.takesRoom = false;
    this.#load--;
    this.#afterNews();
  }

  #onDone(held: InProcessJob, reply: unknown): void {
    // now, as long as the job is known
    this.#watchdog.look(() => [held.job.id, ...this.#runningIds()]);
    if (!this.#close(held)) return;
    this.#events.onDone(held.job.id, reply);
    this.#afterNews();
  }

  #onThrown(held: InProcessJob, error: unknown): void {
    if (held.isClosed) return;
    const message = `runner failed: ${error}`;
    this.#events.onLog('error', `${this.name}: ${message}, job ${held.job.id}`);
    this.#fail(held, new WorkerLostError(message, { exitCode: null, signal: null }));
  }

  #onLate(held: InProcessJob): void {
    if (this.#isStopped) return;
    this.#events.onLog(
      'warning',
      `${this.name}: job ${held.job.id} ended after it was given up; its answer is ignored`,
    );
  }

  #onSoftLimit(held: InProcessJob, seconds: number): void {
    this.#loop!.expire(held.ticket, seconds);
    this.#events.onSoftTimeout(held.job.id, seconds);
  }

  #abandon(held: InProcessJob, reason: PoolError): void {
    if (held.state !== 'running') return;
    this.#loop!.abandon(held, reason);
    this.#fail(held, reason);
  }

  #runningIds(): number[] {
    return [...this.#loop!.running].map(held => held.job.id);
  }

  #fail(held: InProcessJob, error: PoolError): void {
    // one that had not started may have been ended just before the pool was
    if (this.#isStopped || !this.#close(held)) return;
    this.#events.onFailed(held.job.id, error);
    this.#afterNews();
  }

  /** False when that was done before. */
  #close(held: InProcessJob): boolean {
    if (held.isClosed) return false;
    held.isClosed = true;
    this.#held--;
    this.#limits.forget(held);
    if (held.takesRoom) this.#load--;
    return true;
  }

  #afterNews(): void {
    if (this.#wasFull && this.free > 0) {
      this.#wasFull = false;
      this.#events.onRoom();
    }
    if (this.#held === 0) this.#idle?.resolve();
  }
}
