/**
 * The worker process: pool, consumer and what lies between them, started and stopped in order.
 */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Celery } from '../app/app.ts';
import { NativeDelays } from '../app/publishing/native-delays.ts';
import { refusePickleAsRoot } from '../app/settings/security.ts';
import { TaskRevokedError } from '../app/tasks/errors.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { isSqliteMemory } from '../drivers/sqlite/location.ts';
import type { TaskReply } from '../execute/outcome.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import type { Transport } from '../messaging/contract.ts';
import { type Queue, workerDirect } from '../messaging/entities.ts';
import type { Pool, RunnerFactory } from '../pool/contract.ts';
import { createPool, poolKind, runsInProcess } from '../pool/open.ts';
import { toIso } from '../wire/dates.ts';
import { encodeException } from '../wire/results/exception.ts';
import * as states from '../wire/results/states.ts';
import { BrokerLink } from './broker-link.ts';
import type { ChildConfig } from './child/child.ts';
import { Pidbox } from './control/inbox.ts';
import { controlCommands } from './control/tasks.ts';
import { DeadLetters, refuseOwnDeadLetters } from './dead-letters.ts';
import { Admission, type AdmissionPolicies, type AdmissionPorts } from './intake/admission.ts';
import { EtaParking } from './intake/eta-parking.ts';
import { LostAcks } from './intake/lost-acks.ts';
import { RateLimits } from './intake/rate-limits.ts';
import { SuccessfulTasks } from './intake/successful-tasks.ts';
import { UnknownTasks } from './intake/unknown-tasks.ts';
import type { Request } from './request.ts';
import { RevokedTasks } from './revoked-tasks.ts';
import { Dispatcher } from './running/dispatcher.ts';
import { mostWaiting, type PrefetchOptions, prefetchCount } from './running/prefetch.ts';
import { MOST_AHEAD_PER_CHILD } from './running/run-times.ts';
import { type StopMode, Stopping } from './running/stopping.ts';
import { checkBackend } from './steps/check-backend.ts';
import { checkTasks } from './steps/check-tasks.ts';
import { WorkerState } from './worker-state.ts';

export interface WorkerOptions {
  /** Full node name. */
  readonly hostname: string;
  readonly logger: Logger;
  /** Consume only these queues. */
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
  /** `-O fair`: no job goes to a child that is not free, however short jobs are. */
  readonly fair?: boolean;
  /** How a pool child finds the same app. */
  readonly child: ChildConfig;
  /** Runs the tasks of a pool that is in this process, instead of what `child` describes. */
  readonly createRunner?: RunnerFactory;
}

/** Memory is per process: children of a pool would have other queues and results than we. */
function refuseMemoryAcrossProcesses(app: Celery, pool: string): void {
  if (runsInProcess(poolKind(pool))) return;
  for (const setting of ['broker_read_url', 'result_backend'] as const) {
    const url = app.conf.get(setting) ?? '';
    if (!/^(cache\+)?memory:/.test(url) && !isSqliteMemory(url)) continue;
    throw new ImproperlyConfigured(
      `${setting} ${JSON.stringify(url)} lives inside one process, and the pool ${JSON.stringify(pool)} has several. Use the pool "async" or "solo", or a broker and backend that processes share ("sqla+sqlite:///celery.sqlite", "redis://…").`,
    );
  }
}

function noteSuccess(successful: SuccessfulTasks) {
  return (request: Request, reply: TaskReply) => {
    if (reply.kind === 'success') successful.add(request.id);
  };
}

const CHILD_MODULE = new URL(`./child/child${extname(import.meta.url)}`, import.meta.url);

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
  #link: BrokerLink | undefined;
  #admission!: Admission;
  #dispatcher!: Dispatcher;
  #pidbox: Pidbox | undefined;
  #deadLetters: DeadLetters | undefined;
  readonly #revoked: RevokedTasks;
  readonly #lostAcks: LostAcks;
  #prefetch!: PrefetchOptions;
  #scheduled = 0;
  #unknown = 0;
  readonly #stopping: Stopping;
  #ending: Promise<void> | undefined;
  #preparing: Promise<void> | undefined;

  /** @throws ImproperlyConfigured for queues that are not defined, SecurityError for pickle as root */
  constructor(app: Celery, options: WorkerOptions) {
    this.app = app;
    this.hostname = options.hostname;
    this.#options = options;
    this.#logger = options.logger;
    this.#revoked = new RevokedTasks(app.clock);
    this.#lostAcks = new LostAcks(app.clock);
    this.#stopping = new Stopping(app, options.logger);
    refusePickleAsRoot(app.conf.get('accept_content'));
    refuseMemoryAcrossProcesses(app, this.poolName);
    if (options.queues) app.queues.select(options.queues);
    if (options.excludeQueues) app.queues.deselect(options.excludeQueues);
    if (app.conf.get('worker_direct')) app.queues.selectAdd(workerDirect(this.hostname));
    this.queues = app.queues.consumed;
    refuseOwnDeadLetters(this.queues, app.conf.get('worker_dead_letter_queue'));
  }

  /** Children (or places) of the pool; `worker_concurrency`, by default one per processor. */
  get concurrency(): number {
    if (this.poolName === 'solo') return 1;
    return this.app.conf.get('worker_concurrency') || availableParallelism();
  }

  /** Deliveries that the broker has not been told the end of. */
  get unsettled(): number {
    return this.#link?.held ?? 0;
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
    await this.#link?.addQueue(queue);
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
    const { workerReady } = this.app.signals;
    const event = { hostname: this.hostname };
    try {
      this.#preparing = this.#prepare();
      await this.#preparing;
      if (this.#ending) return;
      const pool = this.#pool!;
      await Promise.all([
        pool.start(),
        this.#link!.connect(),
        checkBackend(this.app, this.#logger),
      ]);
      if (this.#ending) return;
      await this.#setUpDelays();
      await this.#link!.start();
      await this.#pidbox?.start();
      if (this.#ending) return;
      this.#logger.info(`${this.hostname} ready.`);
      await workerReady.send(this.hostname, event);
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

  async #prepare(): Promise<void> {
    const { celeryAfterSetup, workerInit } = this.app.signals;
    const event = { hostname: this.hostname };
    if (this.#ending) return;
    await celeryAfterSetup.send(this.hostname, event);
    await workerInit.send(this.hostname, event);
    await this.#assemble();
  }

  async #assemble(): Promise<void> {
    const { conf } = this.app;
    const { clock } = this.app;
    await this.app.checkNames();
    this.#execution = await this.app.executionPorts({
      hostname: this.hostname,
      logger: this.#logger,
    });
    const transport = await this.app.openTransport('read');
    this.#transport = transport;
    checkTasks(this.app);
    this.#deadLetters = this.#createDeadLetters(transport);
    const policies = await this.#policies();
    const onlyFree = conf.get('worker_disable_prefetch');
    const fair = onlyFree || (this.#options.fair ?? false);
    this.#prefetch = {
      multiplier: conf.get('worker_prefetch_multiplier'),
      etaLimit: conf.get('worker_eta_task_limit'),
      onlyFree,
    };
    this.#dispatcher = new Dispatcher(
      this.state,
      this.#execution,
      {
        discard: request => this.#admission.discard(request),
        terminated: (request, signal) => this.#admission.terminated(request, signal),
        onAckLost: (request, reply) => this.#lostAcks.add(request, reply),
        ...(onlyFree && { onLoad: () => this.#setPrefetch() }),
        onPace: () => this.#setPrefetch(),
        mostWaiting: () => mostWaiting(this.#prefetch, this.#pool?.size ?? 0),
        ...(policies.successful && { onDone: noteSuccess(policies.successful) }),
      },
      { fair },
    );
    this.#admission = new Admission(this.state, this.#admissionPorts(), policies, this.#execution);
    this.#pool = await createPool(this.poolName, this.#poolOptions());
    this.#dispatcher.attach(this.#pool);
    this.#link = new BrokerLink({
      transport,
      queues: this.queues,
      logger: this.#logger,
      clock,
      retryOnStartup:
        conf.get('broker_connection_retry_on_startup') ?? conf.get('broker_connection_retry'),
      retry: conf.get('broker_connection_retry'),
      maxRetries: conf.get('broker_connection_max_retries'),
      onDeliveries: deliveries => {
        for (const delivery of deliveries) this.#admission.receive(delivery);
        this.#dispatcher.pump();
      },
      acksOnArrival: delivery => this.#dispatcher.isReady && this.#admission.startsAtOnce(delivery),
      onGone: error => this.#fatal.resolve(error),
      onLost: () => {
        if (!conf.get('worker_cancel_long_running_tasks_on_connection_loss')) return;
        this.#dispatcher.cancelLate('the connection to the broker was lost');
      },
    });
    this.#setPrefetch();
    this.#pidbox = this.#createPidbox(transport);
  }

  /** Without them messages with an ETA wait here; that is no reason not to work. */
  async #setUpDelays(): Promise<void> {
    const logger = this.#logger;
    const { conf, queues, clock } = this.app;
    const warn = (message: string) => logger.warning(message);
    const delays = new NativeDelays({ conf, queues: () => queues, clock: () => clock, warn });
    try {
      await delays.setUp(this.#transport!, this.queues);
    } catch (error) {
      logger.error(`Native delayed delivery is not set up: ${(error as Error).message}`);
    }
  }

  #createPidbox(transport: Transport): Pidbox | undefined {
    const { conf } = this.app;
    if (!conf.get('worker_enable_remote_control') || !transport.supportsFanout) return undefined;
    return new Pidbox({
      transport,
      hostname: this.hostname,
      namespace: conf.get('control_exchange'),
      serializer: conf.get('task_serializer'),
      accept: this.#execution.accept,
      ttl: conf.get('control_queue_ttl'),
      expires: conf.get('control_queue_expires'),
      logger: this.#logger,
      commands: controlCommands({
        revoked: this.#revoked,
        logger: this.#logger,
        storeRevoked: id => this.#storeRevoked(id),
        terminate: (id, signal) => this.#dispatcher.terminate(id, signal),
      }),
    });
  }

  #createDeadLetters(transport: Transport): DeadLetters | undefined {
    const { conf, queues, clock } = this.app;
    const name = conf.get('worker_dead_letter_queue');
    if (name === null) return undefined;
    return new DeadLetters({
      transport,
      name,
      declared: known => (queues.has(known) ? queues.get(known) : undefined),
      hostname: this.hostname,
      logger: this.#logger,
      clock,
    });
  }

  async #storeRevoked(id: string): Promise<void> {
    const { store, storesResults, clock, zone } = this.#execution;
    if (!storesResults) return;
    await store({
      task_id: id,
      status: states.REVOKED,
      result: encodeException(new TaskRevokedError('revoked')),
      traceback: null,
      children: null,
      date_done: toIso(clock.now(), zone),
    });
  }

  #admissionPorts(): AdmissionPorts {
    return {
      task: name => this.app.tasks.get(name)?.definition,
      reserve: (request, isLate) => this.#toPool(request, isLate),
      onScheduled: count => {
        this.#scheduled = count;
        this.#setPrefetch();
      },
      signals: this.app.signals,
    };
  }

  async #policies(): Promise<AdmissionPolicies> {
    const { conf, clock } = this.app;
    const requeues = conf.get('worker_unknown_task') === 'requeue';
    const after = conf.get('worker_park_eta_after');
    return {
      revoked: this.#revoked,
      lostAcks: this.#lostAcks,
      maxDeliveries: conf.get('worker_max_deliveries'),
      deadLetters: this.#deadLetters,
      ...(after !== null && {
        parking: new EtaParking({ after, logger: this.#logger, clock, zone: this.#execution.zone }),
      }),
      ...(!conf.get('worker_disable_rate_limits') && {
        rateLimits: new RateLimits(clock, (request, isLate) => this.#toPool(request, isLate)),
      }),
      ...(conf.get('worker_deduplicate_successful_tasks') && {
        successful: new SuccessfulTasks(await this.app.backend(), clock),
      }),
      ...(requeues && {
        unknown: new UnknownTasks(clock, count => {
          this.#unknown = count;
          this.#setPrefetch();
        }),
      }),
    };
  }

  #setPrefetch(): void {
    const { size } = this.#pool!;
    const { free, lateRunning, onTheWay } = this.#dispatcher;
    const scheduled = this.#scheduled + this.#unknown;
    this.#link?.setPrefetch(
      prefetchCount(this.#prefetch, { size, free, lateRunning, scheduled, onTheWay }),
    );
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
        onLaunch: (slot: number) => {
          const { workerBeforeCreateProcess } = this.app.signals;
          void workerBeforeCreateProcess.send(this.hostname, { hostname: this.hostname, slot });
        },
        onFatal: (error: Error) => this.#fatal.resolve(error),
      },
    };
  }

  /** From a timer there is no batch that ends with a pump. */
  #toPool(request: Request, isLate: boolean): void {
    this.#dispatcher.reserve(request);
    if (isLate) this.#dispatcher.pump();
  }

  async #shutDown(): Promise<void> {
    const { workerShuttingDown, workerShutdown } = this.app.signals;
    const event = { hostname: this.hostname };
    // what a half-made worker has opened is known when it is made
    await this.#preparing?.catch(() => {});
    await workerShuttingDown.send(this.hostname, { ...event, how: this.#stopping.how });
    await this.#link?.cancel();
    this.#admission?.cancelScheduled();
    const [pool, dispatcher, execution] = [this.#pool, this.#dispatcher, this.#execution];
    if (pool) await this.#stopping.endTasks({ pool, dispatcher, execution });
    await this.#pidbox?.stop();
    await this.#deadLetters?.stop();
    await this.#link?.stop();
    await this.#transport?.close();
    await workerShutdown.send(this.hostname, event);
    await this.app.close();
  }
}
