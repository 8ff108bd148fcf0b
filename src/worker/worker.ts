/**
 * The worker process: its parts (`assembly.ts`) and what it does with them (`steps/steps.ts`),
 * started and stopped in order.
 */

import { availableParallelism } from 'node:os';
import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import { refusePickleAsRoot } from '../app/settings/security.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Logger } from '../base/logger.ts';
import { type Queue, workerDirect } from '../messaging/entities.ts';
import type { RunnerFactory } from '../pool/contract.ts';
import { assemble, type WorkerParts } from './assembly.ts';
import type { ChildConfig } from './child/child.ts';
import { activityOf, resizeByOne } from './control/by-signal.ts';
import { refuseOwnDeadLetters } from './dead-letters.ts';
import type { AutoscaleRange } from './running/autoscaler.ts';
import { type StopMode, Stopping } from './running/stopping.ts';
import { checkApp } from './steps/check-app.ts';
import { refuseAutoscale } from './steps/check-autoscale.ts';
import { refuseMemoryAcrossProcesses } from './steps/check-memory.ts';
import { warnWithoutTasks } from './steps/check-tasks.ts';
import { createSteps, StepOrder } from './steps/step-order.ts';
import { STEPS } from './steps/steps.ts';
import { WorkerState } from './worker-state.ts';

/** Seconds, as in Celery. */
const HEARTBEAT_INTERVAL = 2;

export interface WorkerOptions {
  /** Full node name. */
  readonly hostname: string;
  readonly logger: Logger;
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
  /** Seconds between two heartbeats in events, default 2; null for none. */
  readonly heartbeatInterval?: number | null;
  /** Start with `min` children, one at least, and have as many as there is work for, up to `max`. */
  readonly autoscale?: AutoscaleRange | undefined;
  /** `-O fair`: no job goes to a child that is not free, however short jobs are. */
  readonly fair?: boolean;
  /** Ask other workers at start what is revoked; default true. */
  readonly mingles?: boolean;
  /** Listen to other workers; default true. */
  readonly gossips?: boolean;
  /** How a pool child finds the same app. */
  readonly child: ChildConfig;
  /** Runs the tasks of a pool that is in this process, instead of what `child` describes. */
  readonly createRunner?: RunnerFactory;
}

export class Worker {
  readonly app: Celery;
  readonly hostname: string;
  readonly queues: readonly Queue[];
  readonly state = new WorkerState();
  readonly #options: WorkerOptions;
  readonly #logger: Logger;
  readonly #fatal: Deferred<Error> = deferred<Error>();
  readonly #shutdown: Deferred<void> = deferred();
  readonly #stopping: Stopping;
  #parts: WorkerParts | undefined;
  #steps: StepOrder | undefined;
  #ending: Promise<void> | undefined;
  #preparing: Promise<void> | undefined;

  /** @throws ImproperlyConfigured for queues that are not defined, SecurityError for pickle as root */
  constructor(app: Celery, options: WorkerOptions) {
    this.app = app;
    this.hostname = options.hostname;
    this.#options = options;
    this.#logger = options.logger;
    this.#stopping = new Stopping(app, options.logger);
    refusePickleAsRoot(app.conf.get('accept_content'));
    refuseMemoryAcrossProcesses(app, this.poolName);
    if (options.autoscale) refuseAutoscale(app, options.autoscale);
    if (options.queues) app.queues.select(options.queues);
    if (options.excludeQueues) app.queues.deselect(options.excludeQueues);
    if (app.conf.get('worker_direct')) app.queues.selectAdd(workerDirect(this.hostname));
    this.queues = app.queues.consumed;
    refuseOwnDeadLetters(this.queues, app.conf.get('worker_dead_letter_queue'));
  }

  /** Bounds of the number of children, if it follows the work. */
  get autoscale(): AutoscaleRange | undefined {
    return this.#options.autoscale;
  }

  /**
   * Children (or places) that the pool starts with; `worker_concurrency`, by default one per processor.
   * With autoscaling one of them has to prove that the app loads, also when there may be none later.
   */
  get concurrency(): number {
    if (this.autoscale) return Math.max(this.autoscale.min, 1);
    if (this.poolName === 'solo') return 1;
    return this.app.conf.get('worker_concurrency') || availableParallelism();
  }

  /** Deliveries that the broker has not been told the end of. */
  get unsettled(): number {
    return this.#parts?.link.held ?? 0;
  }

  get poolName(): string {
    return String(this.app.conf.get('worker_pool'));
  }

  /** Resolves when the worker cannot go on by itself. */
  get failed(): Promise<Error> {
    return this.#fatal.promise;
  }

  /** Resolves when a remote command asks the worker to stop; whoever runs it does that. */
  get shutdownRequested(): Promise<void> {
    return this.#shutdown.promise;
  }

  async addQueue(queue: Queue): Promise<void> {
    await this.#parts?.link.addQueue(queue);
  }

  /** Delete everything that waits in the worker's queues. @returns messages deleted */
  async purge(): Promise<number> {
    const transport = await this.app[INTERNALS].transport();
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
    const { workerReady } = this.app.signals;
    try {
      this.#preparing = this.#prepare();
      await this.#preparing;
      if (this.#ending) return;
      await this.#steps!.start();
      if (this.#ending) return;
      this.#logger.info(`${this.hostname} ready.`);
      await workerReady.send(this.hostname, { hostname: this.hostname });
    } catch (error) {
      if (this.#ending) return;
      await this.stop('cold');
      throw error;
    }
  }

  /**
   * Stop. `warm` waits for running tasks; `cold` gives them `worker_soft_shutdown_timeout` and
   * then kills them; `now` kills them. A later call can only make it quicker. Messages that did
   * not start go back to the broker, so do unfinished ones with late acks; unfinished ones with
   * early acks fail. Idempotent. `onKill` is called when running tasks are about to be killed.
   */
  async stop(how: StopMode = 'warm', onKill?: () => void): Promise<void> {
    this.#stopping.request(how, onKill);
    this.#ending ??= this.#shutDown();
    await this.#ending;
  }

  /** One place of the pool more, or fewer; what became of it is logged. */
  async resizePool(by: 1 | -1): Promise<void> {
    if (this.#parts) await resizeByOne(this.#parts, by);
    else this.#logger.error('The pool is not there yet: its size is as it was.');
  }

  /** What it runs and waits for, by headline, and what its children say of themselves. */
  async activity(): Promise<Readonly<Record<string, readonly string[]>>> {
    return await activityOf(this.state, this.#parts?.pool);
  }

  async #prepare(): Promise<void> {
    const { celeryAfterSetup, workerInit } = this.app.signals;
    const event = { hostname: this.hostname };
    if (this.#ending) return;
    await celeryAfterSetup.send(this.hostname, event);
    await workerInit.send(this.hostname, event);
    await this.#assemble();
  }

  async #assemble(): Promise<void> {
    const { app, hostname, queues, state } = this;
    const { logger, fair = false, child, createRunner } = this.#options;
    const { mingles = true, gossips = true } = this.#options;
    const { heartbeatInterval = HEARTBEAT_INTERVAL } = this.#options;
    await checkApp(app);
    warnWithoutTasks(app, logger);
    const execution = await app[INTERNALS].executionPorts({ hostname, logger });
    const blueprint = {
      ...{ app, hostname, logger, queues, state, fair, child, createRunner },
      ...{ mingles, gossips, heartbeatInterval, stopping: this.#stopping },
      pool: { name: this.poolName, concurrency: this.concurrency, autoscale: this.autoscale },
      onFatal: (error: Error) => this.#fatal.resolve(error),
      onShutdown: () => this.#shutdown.resolve(),
    };
    const transport = await app[INTERNALS].openTransport('read');
    try {
      this.#parts = await assemble(blueprint, transport, execution);
    } catch (error) {
      await transport.close();
      throw error;
    }
    this.#steps = new StepOrder(createSteps(STEPS, this.#parts));
  }

  async #shutDown(): Promise<void> {
    const { workerShuttingDown, workerShutdown } = this.app.signals;
    const event = { hostname: this.hostname };
    // what a half-made worker has opened is known when it is made
    await this.#preparing?.catch(() => {});
    await workerShuttingDown.send(this.hostname, { ...event, how: this.#stopping.how });
    await this.#steps?.stop();
    await workerShutdown.send(this.hostname, event);
    await this.app.close();
  }
}
