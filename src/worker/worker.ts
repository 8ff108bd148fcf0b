/**
 * The worker process: pool, consumer and what lies between them, started and stopped in order.
 */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Celery } from '../app/app.ts';
import { refusePickleAsRoot } from '../app/security.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { failTask } from '../execute/run-task.ts';
import type { Transport } from '../messaging/contract.ts';
import type { Queue } from '../messaging/entities.ts';
import type { Pool, RunnerFactory } from '../pool/contract.ts';
import { WorkerLostError } from '../pool/errors.ts';
import { createPool } from '../pool/open.ts';
import type { ChildConfig } from './child.ts';
import { Consumer } from './consumer.ts';
import { Dispatcher, MOST_AHEAD_PER_CHILD } from './dispatcher.ts';
import { Receiver } from './receiver.ts';
import type { Request } from './request.ts';
import { WorkerState } from './worker-state.ts';

export interface WorkerOptions {
  /** Full node name. */
  readonly hostname: string;
  readonly logger: Logger;
  /** Consume only these queues. */
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
  /** How a pool child finds the same app. */
  readonly child: ChildConfig;
  /** Runs the tasks of a pool that is in this process, instead of what `child` describes. */
  readonly createRunner?: RunnerFactory;
}

/** Memory is per process: children of a pool would have other queues and results than we. */
function refuseMemoryAcrossProcesses(app: Celery, pool: string): void {
  if (pool === 'solo') return;
  for (const setting of ['broker_read_url', 'result_backend'] as const) {
    const url = app.conf.get(setting) ?? '';
    if (!/^(cache\+)?memory:/.test(url)) continue;
    throw new ImproperlyConfigured(
      `${setting} ${JSON.stringify(url)} lives inside one process, and the pool ${JSON.stringify(pool)} has several. Use the pool "solo", or a broker and backend that processes share ("sqla+sqlite:///celery.sqlite", "redis://…").`,
    );
  }
}

const CHILD_MODULE = new URL(`./child${extname(import.meta.url)}`, import.meta.url);

export class Worker {
  readonly app: Celery;
  readonly hostname: string;
  readonly queues: readonly Queue[];
  readonly state = new WorkerState();
  readonly #options: WorkerOptions;
  readonly #logger: Logger;
  readonly #fatal: Deferred<Error> = deferred<Error>();
  #transport: Transport | undefined;
  #execution!: ExecutionPorts;
  #pool: Pool | undefined;
  #consumer: Consumer | undefined;
  #receiver!: Receiver;
  #dispatcher!: Dispatcher;
  #stopping: Promise<void> | undefined;
  #cold = false;
  readonly #coldRequested: Deferred<void> = deferred();

  /** @throws ImproperlyConfigured for queues that are not defined, SecurityError for pickle as root */
  constructor(app: Celery, options: WorkerOptions) {
    this.app = app;
    this.hostname = options.hostname;
    this.#options = options;
    this.#logger = options.logger;
    refusePickleAsRoot(app.conf.get('accept_content'));
    refuseMemoryAcrossProcesses(app, this.poolName);
    if (options.queues) app.queues.select(options.queues);
    if (options.excludeQueues) app.queues.deselect(options.excludeQueues);
    this.queues = app.queues.consumed;
  }

  /** Children (or places) of the pool; `worker_concurrency`, by default one per processor. */
  get concurrency(): number {
    return this.app.conf.get('worker_concurrency') || availableParallelism();
  }

  /** Deliveries that the broker has not been told the end of. */
  get unsettled(): number {
    return this.#consumer?.held ?? 0;
  }

  get poolName(): string {
    return String(this.app.conf.get('worker_pool'));
  }

  /** Resolves when the worker cannot go on by itself. */
  get failed(): Promise<Error> {
    return this.#fatal.promise;
  }

  /** Consume from this queue too, until the worker stops. */
  async addQueue(queue: Queue): Promise<void> {
    await this.#consumer?.addQueue(queue);
  }

  /** Delete everything that waits in the worker's queues. @returns messages deleted */
  async purge(): Promise<number> {
    const transport = await this.app.transport();
    const counts = await Promise.all(this.queues.map(queue => transport.purge(queue.name)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Start the pool, connect and consume. Resolves when the first message can arrive.
   *
   * @throws OperationalError when connecting was given up, PoolError or Error when the
   *   children cannot start; nothing is left running then
   */
  async start(): Promise<void> {
    try {
      await this.#assemble();
      const pool = this.#pool!;
      await Promise.all([pool.start(), this.#consumer!.connect()]);
      if (this.#stopping) return;
      await this.#consumer!.start();
      if (!this.#stopping) this.#logger.info(`${this.hostname} ready.`);
    } catch (error) {
      if (this.#stopping) return;
      await this.stop('cold');
      throw error;
    }
  }

  /**
   * Stop. `warm` waits for running tasks, `cold` kills them; a cold call during a warm stop
   * turns it cold. Messages that did not start go back to the broker, so do unfinished ones
   * with late acks; unfinished ones with early acks fail. Idempotent.
   */
  async stop(how: 'warm' | 'cold' = 'warm'): Promise<void> {
    if (how === 'cold' && !this.#cold) {
      this.#cold = true;
      this.#coldRequested.resolve();
    }
    this.#stopping ??= this.#shutDown();
    await this.#stopping;
  }

  async #assemble(): Promise<void> {
    const { conf } = this.app;
    const { clock } = this.app;
    this.#execution = await this.app.executionPorts({
      hostname: this.hostname,
      logger: this.#logger,
    });
    const transport = await this.app.openTransport('read');
    this.#transport = transport;
    this.#dispatcher = new Dispatcher(this.state, this.#execution, request =>
      this.#receiver.discardExpired(request),
    );
    this.#receiver = new Receiver(
      this.state,
      {
        task: name => this.app.tasks.get(name)?.definition,
        reserve: request => this.#reserve(request),
        onScheduled: count => this.#consumer?.setScheduled(count),
      },
      this.#execution,
    );
    this.#pool = await createPool(this.poolName, this.#poolOptions());
    this.#dispatcher.attach(this.#pool);
    this.#consumer = new Consumer({
      transport,
      queues: this.queues,
      prefetch: this.#pool.size * conf.get('worker_prefetch_multiplier'),
      logger: this.#logger,
      clock,
      retryOnStartup:
        conf.get('broker_connection_retry_on_startup') ?? conf.get('broker_connection_retry'),
      maxRetries: conf.get('broker_connection_max_retries'),
      onDeliveries: deliveries => {
        for (const delivery of deliveries) this.#receiver.receive(delivery);
        this.#dispatcher.pump();
      },
    });
  }

  #poolOptions() {
    const { conf } = this.app;
    return {
      concurrency: this.concurrency,
      slots: conf.get('worker_child_slots'),
      runnerUrl: CHILD_MODULE,
      createRunner: this.#options.createRunner,
      clock: this.app.clock,
      runnerConfig: this.#options.child,
      maxTasksPerChild: conf.get('worker_max_tasks_per_child') ?? undefined,
      maxMemoryPerChild: conf.get('worker_max_memory_per_child') ?? undefined,
      prefetchPerChild: MOST_AHEAD_PER_CHILD,
      procAliveTimeout: conf.get('worker_proc_alive_timeout'),
      events: {
        ...this.#dispatcher.events,
        onLog: (level: 'debug' | 'info' | 'warning' | 'error' | 'critical', message: string) =>
          this.#logger.log(level, message),
        onFatal: (error: Error) => this.#fatal.resolve(error),
      },
    };
  }

  /** From a timer there is no batch that ends with a pump. */
  #reserve(request: Request): void {
    const fromTimer = request.headers.eta !== null;
    this.#dispatcher.reserve(request);
    if (fromTimer) this.#dispatcher.pump();
  }

  async #shutDown(): Promise<void> {
    await this.#consumer?.cancel();
    this.#receiver?.cancelScheduled();
    if (this.#pool) {
      if (!this.#cold) await this.#drain(this.#pool);
      if (this.#cold) await this.#kill(this.#pool);
    }
    await this.#consumer?.stop();
    await this.#transport?.close();
    await this.app.close();
  }

  async #drain(pool: Pool): Promise<void> {
    await this.#dispatcher.close();
    await Promise.race([pool.drain(), this.#coldRequested.promise]);
  }

  async #kill(pool: Pool): Promise<void> {
    const running = this.#dispatcher.running;
    await pool.stop();
    const lost = running.filter(request => !request.acksLate && request.state !== 'done');
    await Promise.all(lost.map(request => this.#failKilled(request)));
  }

  /** The message is gone, so its client must hear of it. */
  async #failKilled(request: Request): Promise<void> {
    const error = new WorkerLostError('The worker was stopped before the task ended.', {
      exitCode: null,
      signal: 'SIGKILL',
    });
    await failTask(request.task, request.delivery, this.#execution, error).catch(cause => {
      this.#logger.error(`${request.label}: ${(cause as Error).message}`);
    });
  }
}
