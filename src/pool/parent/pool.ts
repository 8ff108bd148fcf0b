/**
 * A pool of children, processes or threads: hands them jobs, watches their time limits and
 * says what became of the jobs.
 *
 * Knows nothing about tasks, brokers or acks: the worker decides what a lost job means.
 */

import { constants } from 'node:os';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { signalNamed } from '../../base/process/signal-names.ts';
import { type Clock, systemClock } from '../../base/time/clock.ts';
import type { Launcher } from '../carrier.ts';
import type { ChildReport, Job, Pool, PoolEvents, PoolVitals } from '../contract.ts';
import { type PoolError, Terminated, TimeLimitExceeded, WorkerLostError } from '../errors.ts';
import type { TurnMessage } from '../messages.ts';
import { checkChildren, checkOptions, MOST_CHILDREN, type PoolOptions } from '../options.ts';
import { TimeLimits } from '../time-limits.ts';
import { type Child, type ChildExit, exitText } from './child.ts';
import { ChildReports } from './child-reports.ts';
import { Children } from './children.ts';
import { HeldJob } from './held-job.ts';
import { JobLine } from './job-line.ts';
import { StuckCheck } from './stuck-check.ts';

const DEFAULT_PREFETCH = 32;
/** Seconds between the request to die and SIGKILL: for a hard limit, as in Celery. */
const KILL_AFTER = 0.1;
/** The same after a signal that somebody asked for: the task may catch it. */
const TERMINATE_AFTER = 1;

export class ChildrenPool implements Pool {
  readonly name: string;
  readonly isInProcess = false;
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #clock: Clock;
  readonly #slots: number;
  readonly #prefetch: number;
  readonly #limits: TimeLimits<HeldJob<Child>>;
  readonly #children: Children;
  readonly #line: JobLine;
  readonly #stuckCheck: StuckCheck;
  readonly #reports = new ChildReports();
  /** Jobs that take up room: those not released and not answered. */
  #load = 0;
  #wasFull = false;
  #jobsDone = 0;
  #state: 'new' | 'starting' | 'running' | 'draining' | 'stopped' = 'new';
  #isHurried = false;
  #idle: Deferred<void> | undefined;
  #draining: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #restarting: Promise<void> = Promise.resolve();

  constructor(name: 'prefork' | 'threads', launcher: Launcher, options: PoolOptions) {
    checkOptions(options);
    checkChildren('The concurrency (-c)', options.concurrency);
    this.name = name;
    this.#slots = options.slots ?? 1;
    this.#prefetch = options.prefetchPerChild ?? DEFAULT_PREFETCH;
    this.#options = { ...options, prefetchPerChild: this.#prefetch };
    this.#events = options.events;
    this.#clock = options.clock ?? systemClock;
    const { softTimeLimit, timeLimit } = options;
    this.#limits = new TimeLimits(
      { clock: this.#clock, softTimeLimit, timeLimit, enforcesHard: true },
      {
        onSoft: (held, seconds) => this.#onSoftLimit(held, seconds),
        onHard: held => this.#onHardLimit(held),
      },
    );
    this.#children = new Children(launcher, this.#options, {
      children: {
        onReady: child => this.#onReady(child),
        onTurn: (child, turn) => this.#onTurn(child, turn),
        onThrew: (child, ticket, error) => this.#onThrew(child, ticket, error),
        onWaits: (held, what) => this.#onWaits(held, what),
        onLeaving: (child, note) => this.#onLeaving(child, note),
        onAnswer: (child, report) => this.#onAnswer(child, report),
        onLog: (level, message) => this.#events.onLog(level, message),
        onGone: (child, exit) => this.#onGone(child, exit),
      },
      isNeeded: () => this.#isUp || (this.#state === 'draining' && this.#load > 0),
      onFatal: error => this.#events.onFatal(error),
    });
    this.#line = new JobLine(
      { clock: this.#clock, slots: this.#slots, prefetch: this.#prefetch },
      {
        children: () => this.#children.serving,
        hasHardLimit: held => this.#limits.hard(held) > 0,
        onStarted: (held, child) => this.#markStarted(held, child),
      },
    );
    this.#stuckCheck = new StuckCheck(this.#clock, this.#line, {
      children: () => this.#children.all,
      onBlocked: blockage => this.#events.onBlocked(blockage),
      onDeaf: (child, seconds) => this.#onDeaf(child, seconds),
    });
  }

  get size(): number {
    const children = this.#state === 'new' ? this.#options.concurrency : this.#children.size;
    return children * this.#slots;
  }

  get free(): number {
    if (!this.#isUp) return 0;
    return Math.max(0, this.size + this.#children.size * this.#prefetch - this.#load);
  }

  get pids(): readonly number[] {
    return [...new Set(this.#children.serving.flatMap(child => child.pid ?? []))];
  }

  get #isUp(): boolean {
    return this.#state === 'running' || this.#state === 'starting';
  }

  /** @throws PoolFailure with the child's own words when not one child gets ready */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error(`A pool that is ${this.#state} cannot be started`);
    this.#state = 'starting';
    try {
      await this.#children.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#state === 'starting') this.#state = 'running';
  }

  submit(job: Job): void {
    if (this.free === 0) throw new RangeError(`The pool has no room for job ${job.id}`);
    this.#line.add(new HeldJob<Child>(job));
    this.#load++;
    if (this.free === 0) this.#wasFull = true;
    this.#stuckCheck.begin();
  }

  terminate(jobId: number, signal: NodeJS.Signals = 'SIGTERM'): boolean {
    signalNamed(signal);
    const held = this.#find(jobId);
    const child = held?.child;
    if (held === undefined || held.state === 'released') return false;
    if (child !== undefined) this.#line.takeBack(child);
    if (held.state === 'pending') {
      this.#line.remove(held);
      const error = new Terminated(terminatedText(signal));
      setImmediate(() => {
        if (this.#state === 'stopped') return;
        this.#fail(held, error);
        this.#afterNews();
      });
    } else {
      child!.kill(signal, TERMINATE_AFTER);
      held.doom = 'request';
    }
    return true;
  }

  async recall(): Promise<number[]> {
    for (const child of this.#children.all) this.#line.takeBack(child);
    const jobs = this.#line.clear();
    this.#load -= jobs.length;
    this.#afterNews();
    return jobs.map(held => held.job.id);
  }

  async grow(n: number): Promise<void> {
    checkCount(n);
    if (!this.#isUp) throw new Error(`A pool that is ${this.#state} cannot grow`);
    this.#refuseTooMany(n);
    const grown = this.#children.grow(n);
    // whoever has work that waits does not look again by itself
    this.#wasFull = true;
    this.#afterNews();
    await grown;
  }

  #refuseTooMany(more: number): void {
    const { size } = this.#children;
    if (size + more <= MOST_CHILDREN) return;
    throw new RangeError(
      `A pool has at most ${MOST_CHILDREN} children: this one has ${size} and cannot get ${more} more.`,
    );
  }

  async shrink(n: number): Promise<void> {
    checkCount(n);
    if (n >= this.#children.size) {
      throw new RangeError(
        `a pool keeps one child at least, and this one has ${this.#children.size}`,
      );
    }
    const idle = this.#spare(n, false);
    if (idle.length < n) throw new RangeError("Can't shrink pool. All processes busy!");
    await this.#children.dismiss(idle);
  }

  letGo(n: number, busy = false): number {
    if (!this.#isUp) return 0;
    const spare = this.#spare(n, busy);
    // nobody waits for them here: a pool that stops does
    void this.#children.dismiss(spare);
    return spare.length;
  }

  /** At most `n`, idle ones and the youngest places first. What they have not started goes back to the line. */
  #spare(n: number, busyToo: boolean): Child[] {
    const idle: Child[] = [];
    const busy: Child[] = [];
    for (const child of [...this.#children.serving].reverse()) {
      if (idle.length === n) break;
      if (child.state !== 'ready') continue;
      this.#line.takeBack(child);
      (child.held.size === 0 ? idle : busy).push(child);
    }
    return busyToo ? [...idle, ...busy].slice(0, n) : idle;
  }

  restart(): Promise<void> {
    if (this.#state !== 'running') {
      return Promise.reject(new Error(`A pool that is ${this.#state} cannot be restarted`));
    }
    const renew = () => this.#children.renew(old => this.#line.takeBack(old));
    // one after the other, each for itself: the code may have changed since the first began
    this.#restarting = this.#restarting.then(renew, renew);
    this.#stuckCheck.begin();
    return this.#restarting;
  }

  hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    // one that is not ready can only be told to go
    for (const child of this.#children.all) if (child.wasReady) child.tell({ type: 'hurry' });
  }

  drain(): Promise<void> {
    if (!this.#isUp) return this.#draining ?? this.stop();
    this.#draining = this.#drain();
    return this.#draining;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  reports(): Promise<readonly ChildReport[]> {
    return this.#reports.of(this.#children.all, this.#clock);
  }

  vitals(): PoolVitals {
    return this.#children.vitals();
  }

  info(): Record<string, unknown> {
    return {
      implementation: `tscelery.pool.${this.name}:TaskPool`,
      'max-concurrency': this.size,
      processes: this.pids,
      'max-tasks-per-child': this.#options.maxTasksPerChild ?? 'N/A',
      'put-guarded-by-semaphore': false,
      timeouts: [this.#options.softTimeLimit ?? 0, this.#options.timeLimit ?? 0],
      slots: this.#slots,
      'jobs-done': this.#jobsDone,
    };
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    this.#idle = deferred();
    this.#afterNews();
    await this.#idle.promise;
    if (this.#stopping === undefined) await this.#children.finish();
    await this.stop();
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    this.#stuckCheck.end();
    this.#limits.clear();
    this.#line.clear();
    this.#load = 0;
    this.#idle?.resolve();
    await this.#children.kill();
  }

  #find(jobId: number): HeldJob<Child> | undefined {
    for (const held of this.#line.waiting) if (held.job.id === jobId) return held;
    for (const child of this.#children.all) {
      if (child.expected?.job.id === jobId) return child.expected;
      for (const held of child.held.values()) if (held.job.id === jobId) return held;
    }
    return undefined;
  }

  #onReady(child: Child): void {
    if (this.#isHurried) child.tell({ type: 'hurry' });
    this.#afterNews();
  }

  #onTurn(child: Child, turn: TurnMessage): void {
    if (this.#state === 'stopped') return;
    const before = child.load;
    for (const ticket of turn.started) {
      const held = child.held.get(ticket);
      if (held?.state === 'sent') this.#markStarted(held, child);
    }
    for (const ticket of turn.released) this.#onReleased(child, ticket);
    for (let i = 0; i < turn.done.length; i++) {
      this.#onDone(child, turn.done[i]!, turn.replies[i]);
    }
    child.measurePace(before - child.load, this.#clock.monotonic());
    if (turn.dropped.length > 0) this.#onDropped(child, turn.dropped);
    this.#afterNews();
  }

  #markStarted(held: HeldJob<Child>, child: Child): void {
    held.state = 'started';
    this.#announce(held, child);
    this.#limits.start(held);
  }

  #announce(held: HeldJob<Child>, child: Child): void {
    if (held.isAnnounced) return;
    held.isAnnounced = true;
    this.#events.onStarted(held.job.id, child.pid!);
  }

  #onReleased(child: Child, ticket: number): void {
    const held = child.held.get(ticket);
    if (held === undefined) return;
    this.#announce(held, child);
    this.#limits.forget(held);
    held.state = 'released';
    child.releasedCount++;
    this.#load--;
  }

  #onDone(child: Child, ticket: number, reply: unknown): void {
    const held = child.held.get(ticket);
    if (held === undefined) return;
    this.#announce(held, child);
    this.#close(held);
    this.#jobsDone++;
    this.#children.noteJobDone();
    this.#events.onDone(held.job.id, reply);
  }

  /** The ledger of these jobs says started, but the child saw in time that they had been taken. */
  #onDropped(child: Child, tickets: readonly number[]): void {
    const back: HeldJob<Child>[] = [];
    for (const ticket of tickets) {
      const held = child.held.get(ticket);
      if (held === undefined) continue;
      this.#limits.forget(held);
      child.forget(held);
      back.push(held);
    }
    this.#line.putBack(back);
  }

  #onThrew(child: Child, ticket: number, error: string): void {
    const held = child.held.get(ticket);
    if (held === undefined || this.#state === 'stopped') return;
    this.#announce(held, child);
    const message = `runner failed: ${error}`;
    this.#events.onLog('error', `${child.name}: ${message}, job ${held.job.id}`);
    this.#fail(held, new WorkerLostError(message, { exitCode: null, signal: null }));
    this.#afterNews();
  }

  #onWaits(held: HeldJob<Child>, what: string | undefined): void {
    if (this.#state !== 'stopped') this.#events.onWaits?.(held.job.id, what);
  }

  #onLeaving(child: Child, note: string | undefined): void {
    if (note !== undefined) this.#events.onLog('warning', note);
    this.#line.takeBack(child);
    this.#afterNews();
  }

  #onGone(child: Child, exit: ChildExit): void {
    if (this.#state === 'stopped') return;
    const jobs = [...child.held.values()];
    const started = jobs.length > 0 ? child.startedTickets() : undefined;
    const isDoomed = jobs.some(held => held.doom !== undefined);
    const back = child.takeBackExpected();
    for (const held of jobs) {
      const wasStarted = held.state !== 'sent' || started!.has(held.ticket);
      const isInnocent = isDoomed && held.doom === undefined && held.state !== 'released';
      // with one slot nothing else can have been running, it was done but for its reply
      if (!wasStarted || (isInnocent && this.#slots > 1)) {
        this.#limits.forget(held);
        child.forget(held);
        back.push(held);
      } else {
        this.#announce(held, child);
        this.#fail(held, this.#errorFor(held, exit));
      }
    }
    this.#line.putBack(back);
    this.#afterNews();
  }

  #onAnswer(child: Child, report: readonly string[] | undefined): void {
    if (report !== undefined) this.#reports.heard(child, report);
    this.#afterNews();
  }

  #onDeaf(child: Child, seconds: number): void {
    this.#events.onLog(
      'error',
      `${child.name} pid:${child.pid} is not blocked and has not answered for ${seconds.toFixed(1)}s; it is killed`,
    );
    child.kill('SIGKILL', 0);
  }

  #errorFor(held: HeldJob<Child>, exit: ChildExit): PoolError {
    if (held.doom === 'time limit') return new TimeLimitExceeded(this.#limits.hard(held));
    const text = exitText(exit);
    if (held.doom === 'request') return new Terminated(text);
    return new WorkerLostError(`Worker exited prematurely: ${text} Job: ${held.job.id}.`, exit);
  }

  #onSoftLimit(held: HeldJob<Child>, seconds: number): void {
    held.child!.tell({ type: 'soft-limit', ticket: held.ticket, seconds });
    this.#events.onSoftTimeout(held.job.id, seconds);
  }

  #onHardLimit(held: HeldJob<Child>): void {
    const child = held.child!;
    held.doom = 'time limit';
    this.#line.takeBack(child);
    if (child.state !== 'dying') child.dismiss(KILL_AFTER);
  }

  #fail(held: HeldJob<Child>, error: PoolError): void {
    this.#close(held);
    this.#events.onFailed(held.job.id, error);
  }

  #close(held: HeldJob<Child>): void {
    this.#limits.forget(held);
    if (held.state !== 'released') this.#load--;
    held.child?.forget(held);
  }

  #afterNews(): void {
    this.#line.dispatchSoon();
    if (this.#wasFull && this.free > 0) {
      this.#wasFull = false;
      this.#events.onRoom();
    }
    if (this.#idle !== undefined && this.#load === 0 && !this.#hasReleased()) this.#idle.resolve();
  }

  #hasReleased(): boolean {
    for (const child of this.#children.all) if (child.held.size > 0) return true;
    return false;
  }
}

function checkCount(n: number): void {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new RangeError(`The number of processes must be a whole number of at least 1, not ${n}`);
  }
}

function terminatedText(signal: NodeJS.Signals): string {
  return `signal ${constants.signals[signal]} (${signal})`;
}
