/**
 * Hands reserved requests to the pool and settles them when it answers.
 *
 * An early ack is confirmed by the broker before the job leaves for the pool: whatever
 * dies after that, the task cannot start a second time.
 */
import type { Logger } from '../base/logger.ts';
import type { TaskReply } from '../execute/outcome.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { failTask } from '../execute/run-task.ts';
import type { Blockage, Pool, PoolEvents } from '../pool/contract.ts';
import { type PoolError, TimeLimitExceeded } from '../pool/errors.ts';
import type { Request } from './request.ts';
import type { WorkerState } from './worker-state.ts';

/** Work that a child may have waiting behind the job it runs, in seconds. */
const AHEAD_SECONDS = 0.004;
export const MOST_AHEAD_PER_CHILD = 64;
/** Names shown of tasks that may be blocking an event loop. */
const MOST_SUSPECTS = 5;
/** A run this long (seconds) ends the time of handing out jobs ahead at once. */
const SLOW_RUN = 0.02;

export class Dispatcher {
  readonly #state: WorkerState;
  readonly #execution: ExecutionPorts;
  readonly #logger: Logger;
  readonly #discardExpired: (request: Request) => boolean;
  #pool!: Pool;
  #waiting: Request[] = [];
  #head = 0;
  readonly #submitted = new Map<number, Request>();
  #lastJobId = 0;
  /** Early acks on their way. */
  #starting = 0;
  /** Moving mean of run times in seconds; undefined until the first job is done. */
  #meanRuntime: number | undefined;
  #closed = false;

  constructor(
    state: WorkerState,
    execution: ExecutionPorts,
    discardExpired: (request: Request) => boolean,
  ) {
    this.#state = state;
    this.#execution = execution;
    this.#logger = execution.logger;
    this.#discardExpired = discardExpired;
  }

  attach(pool: Pool): void {
    this.#pool = pool;
  }

  /** Requests that the pool has not taken yet. */
  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  get active(): number {
    return this.#submitted.size;
  }

  reserve(request: Request): void {
    this.#waiting.push(request);
  }

  /** Give the pool as much as it takes. */
  pump(): void {
    const limit = this.#pool.size + this.#ahead();
    while (
      !this.#closed &&
      this.#head < this.#waiting.length &&
      this.#pool.free > this.#starting &&
      this.#submitted.size + this.#starting < limit
    ) {
      const request = this.#waiting[this.#head++]!;
      if (!this.#discardExpired(request)) this.#start(request);
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
  }

  /** Start nothing more and forget what has not started; those messages stay with the broker. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const request of this.#waiting.slice(this.#head)) this.#state.requests.delete(request);
    this.#waiting = [];
    this.#head = 0;
    for (const id of await this.#pool.recall()) this.#takeBack(id);
  }

  /** Requests that are with the pool. */
  get running(): Request[] {
    return [...this.#submitted.values()];
  }

  readonly events: Omit<PoolEvents, 'onLog' | 'onFatal'> = {
    onStarted: (jobId, pid) => this.#onStarted(jobId, pid),
    onDone: (jobId, reply) => this.#onDone(jobId, reply as TaskReply),
    onFailed: (jobId, error) => this.#onFailed(jobId, error),
    onSoftTimeout: (jobId, seconds) => {
      const label = this.#submitted.get(jobId)?.label;
      this.#logger.warning(`Soft time limit (${seconds}s) exceeded for ${label}`);
    },
    onBlocked: blockage => this.#onBlocked(blockage),
    onRoom: () => this.pump(),
  };

  /** Jobs that may wait in children beyond those that run: none before tasks proved to be short. */
  #ahead(): number {
    if (this.#meanRuntime === undefined) return 0;
    const perChild = Math.min(
      MOST_AHEAD_PER_CHILD,
      Math.floor(AHEAD_SECONDS / Math.max(this.#meanRuntime, 1e-6)),
    );
    return perChild * this.#pool.size;
  }

  #start(request: Request): void {
    if (request.acksLate) {
      this.#submit(request);
      return;
    }
    request.state = 'starting';
    this.#starting += 1;
    request.delivery.ack().then(
      () => {
        this.#starting -= 1;
        this.#submit(request);
      },
      error => {
        this.#starting -= 1;
        this.#state.requests.delete(request);
        this.#logger.error(
          `Couldn't ack ${request.label}, reason: ${(error as Error).message}. It was not started here.`,
          { task_id: request.id },
        );
        this.pump();
      },
    );
  }

  #submit(request: Request): void {
    const id = ++this.#lastJobId;
    const [timeLimit, softTimeLimit] = request.timeLimits;
    request.state = 'submitted';
    this.#submitted.set(id, request);
    this.#pool.submit({ id, payload: request.payload, timeLimit, softTimeLimit });
  }

  /** A job that came back unstarted from the pool: with an early ack it has to run after all. */
  #takeBack(jobId: number): void {
    const request = this.#submitted.get(jobId);
    if (!request) return;
    this.#submitted.delete(jobId);
    if (request.acksLate) this.#state.requests.delete(request);
    else this.#submit(request);
  }

  #onStarted(jobId: number, pid: number): void {
    const request = this.#submitted.get(jobId);
    if (!request) return;
    request.state = 'active';
    request.pid = pid;
    this.#state.count(request.headers.shadow ?? request.headers.task);
    if (this.#logger.isEnabledFor('debug')) {
      this.#logger.debug(`Task accepted: ${request.label} pid:${pid}`);
    }
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
    this.#learn(reply.runtime);
    const settled = request.settle(reply);
    if (settled) this.#tell(settled, request);
    this.pump();
  }

  #onFailed(jobId: number, error: PoolError): void {
    const request = this.#finish(jobId);
    if (!request) return;
    this.#tell(this.#fail(request, error), request);
    this.pump();
  }

  async #fail(request: Request, error: PoolError): Promise<void> {
    const timedOut = error instanceof TimeLimitExceeded;
    const fields = { task: request.headers.task, task_id: request.id };
    this.#logger.error(`Task handler raised error: ${error.name}(${error.message})`, fields);
    if (timedOut) {
      this.#logger.error(`Hard time limit (${error.limit}s) exceeded for ${request.label}`, fields);
    }
    if (timedOut || !request.requeuesWhenLost) {
      await failTask(request.task, request.delivery, this.#execution, error);
    }
    await (timedOut ? request.settleTimeout() : request.settleLost());
  }

  #finish(jobId: number): Request | undefined {
    const request = this.#submitted.get(jobId);
    if (!request) return undefined;
    this.#submitted.delete(jobId);
    this.#state.requests.delete(request);
    return request;
  }

  #learn(runtime: number): void {
    this.#meanRuntime =
      this.#meanRuntime === undefined || runtime >= SLOW_RUN
        ? runtime
        : this.#meanRuntime * 0.9 + runtime * 0.1;
  }

  #tell(settled: Promise<unknown>, request: Request): void {
    settled.catch(error => {
      this.#logger.error(`Couldn't settle ${request.label}, reason: ${(error as Error).message}`, {
        task_id: request.id,
      });
    });
  }
}
