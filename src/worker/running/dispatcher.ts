/**
 * Hands reserved requests to the pool and settles them when it answers.
 *
 * An early ack is confirmed by the broker before the job leaves for the pool: whatever
 * dies after that, the task cannot start a second time.
 */

import { Fifo } from '../../base/collections/fifo.ts';
import { SequenceMap } from '../../base/collections/sequence-map.ts';
import { type Deferred, deferred } from '../../base/deferred.ts';
import type { Logger } from '../../base/logger.ts';
import { counted } from '../../base/text/counted.ts';
import { sleep } from '../../base/time/backoff.ts';
import type { TaskReply } from '../../execute/outcome.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { type PackedReply, unpackReply } from '../../execute/run/packed-reply.ts';
import type { Blockage, Pool, PoolEvents } from '../../pool/contract.ts';
import type { PoolError } from '../../pool/errors.ts';
import type { Announcer } from '../announcer.ts';
import type { Request, RequestState } from '../request.ts';
import type { WorkerState } from '../worker-state.ts';
import type { Autoscaler } from './autoscaler.ts';
import { AwaitingTasks } from './awaiting-tasks.ts';
import type { Endings } from './endings.ts';
import { RunTimes } from './run-times.ts';

/** Seconds for the broker to confirm the last early acks when the worker stops. */
const LAST_ACKS = 5;
const MOST_SUSPECTS = 5;
/** A request that would start if a place were free. */
const STUCK: ReadonlySet<RequestState | undefined> = new Set(['reserved', 'starting', 'submitted']);

const TOO_LATE = new Error('the broker confirmed it when the pool had stopped');

export interface DispatcherPorts {
  readonly unwanted: {
    discard(request: Request): boolean;
  };
  /** Whether somebody listens to what comes out of it, since only then its texts are made. */
  tells?(request: Request): boolean;
  onPace?(): void;
  readonly mostWaiting: () => number;
  onLoad?(): void;
}

export interface DispatcherOptions {
  /** Give a place its next job only when it is free (`-O fair`). */
  readonly fair: boolean;
}

export class Dispatcher {
  readonly #state: WorkerState;
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #ports: DispatcherPorts;
  readonly #announcer: Announcer;
  readonly #endings: Endings;
  readonly #options: DispatcherOptions;
  readonly #awaiting: AwaitingTasks;
  #pool!: Pool;
  #scaler: Pick<Autoscaler, 'mostPlaces' | 'noteWaiting'> | undefined;
  readonly #waiting = new Fifo<Request>();
  readonly #submitted = new SequenceMap<Request>();
  #lastJobId = 0;
  /** Early acks on their way. */
  #starting = 0;
  /** Of the submitted, those with late acks. */
  #late = 0;
  #allStarted: Deferred<void> | undefined;
  #idle: Deferred<void> | undefined;
  readonly #runTimes: RunTimes;
  #closed = false;
  /** Nothing goes to the pool any more, whatever the broker confirms. */
  #isShut = false;

  constructor(
    state: WorkerState,
    execution: ExecutionPorts,
    { announcer, endings, ...ports }: DispatcherPorts & { announcer: Announcer; endings: Endings },
    options: DispatcherOptions,
  ) {
    this.#state = state;
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#ports = ports;
    this.#announcer = announcer;
    this.#endings = endings;
    this.#options = options;
    this.#runTimes = new RunTimes(execution.clock);
    this.#awaiting = new AwaitingTasks(execution.logger, {
      places: () => this.mostPlaces,
      request: jobId => this.#submitted.get(jobId),
      isStuckHere: taskId => STUCK.has(state.requests.withId(taskId)?.state),
    });
  }

  attach(pool: Pool, scaler?: Pick<Autoscaler, 'mostPlaces' | 'noteWaiting'>): void {
    this.#pool = pool;
    this.#scaler = scaler;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get active(): number {
    return this.#submitted.size;
  }

  /** Requests that have a place or wait for one. Celery: `len(state.reserved_requests)`. */
  get reserved(): number {
    return this.#waiting.length + this.#taken;
  }

  /** Places of the pool, those that it gets only when there is work included. */
  get mostPlaces(): number {
    return this.#scaler === undefined ? this.#pool.size : this.#scaler.mostPlaces;
  }

  /** Those of them that nothing was given to. */
  get free(): number {
    return Math.max(0, this.mostPlaces - this.#taken);
  }

  get #taken(): number {
    return this.#submitted.size + this.#starting;
  }

  /** Places that there are; after the most was lowered some may have to go yet, and get nothing more. */
  get #places(): number {
    const { size } = this.#pool;
    return this.#scaler === undefined ? size : Math.min(size, this.#scaler.mostPlaces);
  }

  get onTheWay(): number {
    return this.#options.fair ? 0 : this.#runTimes.onTheWay;
  }

  /**
   * Tasks with the pool whose messages are not acknowledged yet, so that the broker counts them.
   */
  get lateRunning(): number {
    return this.#late;
  }

  /** Resolves when the pool has nothing to do. Call after `close`. */
  whenIdle(): Promise<void> {
    this.#idle ??= deferred();
    this.#checkIdle();
    return this.#idle.promise;
  }

  reserve(request: Request): void {
    if (!this.#closed || request.delivery.settled) this.#waiting.push(request);
    if (this.#runTimes.noteMessage(request.headers.task)) this.#ports.onPace?.();
  }

  get isReady(): boolean {
    return !this.#closed && this.#waiting.length === 0 && this.#taken < this.#places;
  }

  pump(): void {
    if (this.#waiting.length > 0) this.#scaler?.noteWaiting();
    while (this.#canStart(this.#waiting.first)) {
      const request = this.#waiting.shift()!;
      if (request.delivery.lost) this.#forgetLost(request);
      else if (!this.#ports.unwanted.discard(request)) this.#start(request);
    }
    if (this.#runTimes.isCautious) this.#giveBackSurplus();
    this.#ports.onLoad?.();
    this.#checkIdle();
  }

  /** Let go of those meant of the requests that wait for a place; the caller settles them. */
  withdraw(isMeant: (request: Request) => boolean): Request[] {
    const withdrawn = this.#waiting.extract(isMeant);
    if (withdrawn.length === 0) return withdrawn;
    this.#ports.onLoad?.();
    this.#checkIdle();
    return withdrawn;
  }

  /**
   * Kill what runs those meant; those whose early ack is on its way do not run. Returns what was found.
   *
   * @throws TypeError for a signal that does not exist; nothing has changed then
   */
  terminate(isMeant: (request: Request) => boolean, signal: NodeJS.Signals): Request[] {
    const found: Request[] = [];
    for (const [jobId, request] of this.#submitted.entries()) {
      if (!isMeant(request) || !this.#pool.terminate(jobId, signal)) continue;
      request.terminatedBy = signal;
      found.push(request);
    }
    for (const request of this.#state.requests) {
      if (request.state !== 'starting' || !isMeant(request)) continue;
      request.terminatedBy = signal;
      found.push(request);
    }
    return found;
  }

  /** Kill what runs with late acks: the broker gives it to somebody else. Celery: `Request.cancel`. */
  cancelLate(reason: string): void {
    for (const [jobId, request] of this.#submitted.entries()) {
      if (!request.acksLate || request.isCancelled) continue;
      if (!this.#pool.terminate(jobId)) continue;
      request.isCancelled = true;
      this.#logger.warning(`Cancelling ${request.label}: ${reason}`, { task_id: request.id });
    }
  }

  /** Start nothing more and forget what has not started; those messages stay with the broker. */
  async close(): Promise<void> {
    this.#closed = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const request of waiting) {
      // acknowledged on arrival: nobody else will ever get it
      if (request.delivery.settled) this.#waiting.push(request);
      else this.#state.requests.delete(request);
    }
    for (const id of await this.#pool.recall()) this.#takeBack(id);
    this.pump();
    await this.#lastAcks();
  }

  /** Requests that are with the pool; after `close` also those that still have to go there. */
  get running(): Request[] {
    return [...this.#submitted.values(), ...(this.#closed ? this.#waiting : [])];
  }

  readonly events: Omit<PoolEvents, 'onLog' | 'onFatal'> = {
    onStarted: (jobId, pid) => this.#onStarted(jobId, pid),
    onDone: (jobId, reply) => this.#onDone(jobId, unpackReply(reply as PackedReply)),
    onFailed: (jobId, error) => this.#onFailed(jobId, error),
    onSoftTimeout: (jobId, seconds) => {
      const request = this.#submitted.get(jobId);
      if (request) this.#announcer.timedOut(request, true, seconds);
    },
    onBlocked: blockage => this.#onBlocked(blockage),
    onWaits: (jobId, taskId) => this.#awaiting.note(jobId, taskId),
    onRoom: () => this.pump(),
  };

  #canStart(request: Request | undefined): boolean {
    if (!request || this.#pool.free <= this.#starting) return false;
    // jobs that may wait in each child beside the one that runs
    const ahead = this.#options.fair ? 0 : this.#runTimes.ahead(request.headers.task);
    return this.#taken < this.#places * (1 + ahead);
  }

  /** What came because tasks were short is for other workers too when they are not. */
  #giveBackSurplus(): void {
    const most = this.#ports.mostWaiting();
    if (this.#waiting.length <= most) return;
    const all = [...this.#waiting];
    this.#waiting.clear();
    const surplus: Request[] = [];
    let long = 0;
    for (const request of all) {
      const isKept = request.delivery.settled || this.#runTimes.isShort(request.headers.task);
      if (isKept || ++long <= most) this.#waiting.push(request);
      else surplus.push(request);
    }
    if (surplus.length === 0) return;
    this.#logger.debug(
      `Giving back ${counted(surplus.length, 'message')}, as tasks are not short any more`,
    );
    for (const request of surplus.reverse()) {
      this.#state.requests.delete(request);
      this.#endings.tell(request.giveBack(), request);
    }
  }

  /** What the broker has from us is not delivered again, so it has to reach the pool while that takes jobs. */
  async #lastAcks(): Promise<void> {
    if (this.#starting > 0) {
      this.#allStarted ??= deferred();
      const enough = new AbortController();
      const time = sleep(LAST_ACKS, this.#execution.clock, enough.signal).catch(() => {});
      await Promise.race([this.#allStarted.promise, time]);
      enough.abort();
    }
    this.#isShut = true;
  }

  #start(request: Request): void {
    if (request.acksLate || request.delivery.settled) {
      this.#submit(request);
      return;
    }
    request.state = 'starting';
    this.#starting += 1;
    const { delivery } = request;
    request.ack().then(
      () => {
        this.#endStarting();
        if (this.#isShut) return this.#dropUnacknowledged(request, TOO_LATE);
        this.#submit(request);
        // one that came while the ack was on its way
        if (request.delivery !== delivery) this.#endings.tell(request.ack(), request);
      },
      error => {
        this.#endStarting();
        if (request.delivery === delivery) this.#dropUnacknowledged(request, error as Error);
        else if (!this.#closed) this.#start(request);
        this.pump();
      },
    );
  }

  #endStarting(): void {
    this.#starting -= 1;
    if (this.#starting === 0) this.#allStarted?.resolve();
  }

  #dropUnacknowledged(request: Request, error: Error): void {
    this.#state.requests.delete(request);
    this.#logger.error(
      `Couldn't ack ${request.label}, reason: ${error.message}. It was not started here.`,
      { task_id: request.id },
    );
    this.#checkIdle();
  }

  /** Somebody else has the message now. */
  #forgetLost(request: Request): void {
    this.#state.requests.delete(request);
    this.#logger.warning(`${request.label} was given to another worker; it is not started here.`, {
      task_id: request.id,
    });
  }

  #submit(request: Request): void {
    const id = ++this.#lastJobId;
    const [timeLimit, softTimeLimit] = request.timeLimits;
    request.state = 'submitted';
    this.#submitted.set(id, request);
    if (request.acksLate) this.#late += 1;
    const tells = this.#ports.tells?.(request) ?? false;
    const { isInProcess } = this.#pool;
    const payload = isInProcess ? request.source(tells) : request.payload(tells);
    this.#pool.submit({ id, payload, size: request.size, timeLimit, softTimeLimit });
    if (request.terminatedBy !== undefined) this.#pool.terminate(id, request.terminatedBy);
  }

  /** A job that came back unstarted from the pool: with an early ack it has to run after all. */
  #takeBack(jobId: number): void {
    const request = this.#submitted.get(jobId);
    if (!request) return;
    this.#submitted.delete(jobId);
    if (request.acksLate) {
      this.#late -= 1;
      this.#state.requests.delete(request);
    } else {
      this.#submit(request);
    }
  }

  #onStarted(jobId: number, pid: number): void {
    const request = this.#submitted.get(jobId);
    if (!request) return;
    request.state = 'active';
    request.pid = pid;
    request.startedAt = this.#execution.clock.now();
    this.#announcer.started(request, pid);
  }

  #onBlocked({ where, seconds, isOver, jobs }: Blockage): void {
    const labels = jobs.flatMap(id => this.#submitted.get(id)?.label ?? []);
    const shown = labels.slice(0, MOST_SUSPECTS).join(', ') || 'unknown';
    const more = labels.length > MOST_SUSPECTS ? ` and ${labels.length - MOST_SUSPECTS} more` : '';
    const verb = isOver ? 'was blocked' : 'has been blocked';
    this.#logger.warning(
      `The event loop of ${where} ${verb} for ${seconds.toFixed(1)}s, running: ${shown}${more}`,
    );
  }

  #onDone(jobId: number, reply: TaskReply): void {
    const request = this.#finish(jobId);
    if (!request) return;
    if (this.#runTimes.noteRun(request.headers.task, reply.runtime)) this.#ports.onPace?.();
    this.#endings.answered(request, reply);
    this.pump();
  }

  #onFailed(jobId: number, error: PoolError): void {
    const request = this.#finish(jobId);
    if (!request) return;
    this.#endings.lost(request, error);
    this.pump();
  }

  #finish(jobId: number): Request | undefined {
    const request = this.#submitted.get(jobId);
    if (!request) return undefined;
    this.#submitted.delete(jobId);
    if (request.acksLate) this.#late -= 1;
    this.#state.requests.delete(request);
    this.#checkIdle();
    return request;
  }

  #checkIdle(): void {
    if (this.#idle && this.reserved === 0) this.#idle.resolve();
  }
}
