import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import type { Logger } from '../base/logger.ts';
import { expandNodePath } from '../base/node-name.ts';
import { ownModule } from '../base/packages/own-modules.ts';
import type { LamportClock } from '../base/time/lamport.ts';
import { EventDispatcher } from '../events/dispatcher.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import type { Transport } from '../messaging/contract.ts';
import type { Queue } from '../messaging/entities.ts';
import type { Pool, RunnerFactory } from '../pool/contract.ts';
import { createPool } from '../pool/open.ts';
import { Announcer, type RequestListener } from './announcer.ts';
import { BrokerLink } from './broker-link.ts';
import type { ChildConfig } from './child/child.ts';
import { DeadLetters } from './dead-letters.ts';
import { sendElectedTask } from './events/elected-task.ts';
import { Gossip } from './events/gossip.ts';
import { TaskEvents } from './events/task-events.ts';
import { Admission } from './intake/admission.ts';
import { LostAcks } from './intake/lost-acks.ts';
import { createPolicies, type IntakePolicies } from './intake/policies.ts';
import type { RateLimits } from './intake/rate-limits.ts';
import { Refusals } from './intake/refusals.ts';
import { Unwanted } from './intake/unwanted.ts';
import { TaskMetrics } from './listeners/task-metrics.ts';
import { counter, hooks, logListener, signalListener, traceListener } from './listeners/usual.ts';
import type { Request } from './request.ts';
import { RevokedTasks } from './revoking/revoked-tasks.ts';
import { StateFile } from './revoking/state-file.ts';
import type { StoredRevokes } from './revoking/stored-revokes.ts';
import { type AutoscaleRange, Autoscaler, decider, keepalive } from './running/autoscaler.ts';
import { Dispatcher } from './running/dispatcher.ts';
import { Endings } from './running/endings.ts';
import { PrefetchControl } from './running/prefetch-control.ts';
import { MOST_AHEAD_PER_CHILD } from './running/run-times.ts';
import type { Stopping } from './running/stopping.ts';
import type { WorkerState } from './worker-state.ts';

export interface Blueprint {
  readonly app: Celery;
  /** Full node name. */
  readonly hostname: string;
  readonly logger: Logger;
  readonly queues: readonly Queue[];
  readonly state: WorkerState;
  readonly stopping: Stopping;
  readonly pool: {
    readonly name: string;
    /** Children, or places, that it starts with. */
    readonly concurrency: number;
    /** Undefined without `--autoscale`. */
    readonly autoscale?: AutoscaleRange | undefined;
  };
  /** Seconds between two heartbeats; null for none. */
  readonly heartbeatInterval: number | null;
  /** `-O fair` */
  readonly fair: boolean;
  /** Whether it asks its neighbours what is revoked when it starts. */
  readonly mingles: boolean;
  /** Whether it listens to other workers. */
  readonly gossips: boolean;
  readonly child: ChildConfig;
  readonly createRunner?: RunnerFactory | undefined;
  onFatal(error: Error): void;
  onShutdown(): void;
}

export interface WorkerParts extends Omit<Blueprint, 'pool'> {
  readonly execution: ExecutionPorts;
  readonly transport: Transport;
  readonly link: BrokerLink;
  readonly admission: Admission;
  readonly dispatcher: Dispatcher;
  readonly pool: Pool;
  readonly revoked: RevokedTasks;
  readonly unwanted: Unwanted;
  readonly deadLetters: DeadLetters | undefined;
  readonly prefetch: PrefetchControl;
  /** Undefined without `--autoscale`. */
  readonly autoscaler: Autoscaler | undefined;
  /** Undefined without `worker_state_db`. */
  readonly stateFile: StateFile | undefined;
  /** Undefined without `task_durable_revokes`. */
  readonly storedRevokes: StoredRevokes | undefined;
  /** Undefined when they are off. */
  readonly rateLimits: RateLimits | undefined;
  readonly events: EventDispatcher;
  /** Undefined without `worker_metrics_port`. */
  readonly metrics: TaskMetrics | undefined;
  /** Undefined when it is off, or the broker cannot do it. */
  readonly gossip: Gossip | undefined;
  /** That of the app. */
  readonly lamport: LamportClock;
}

const CHILD_MODULE = ownModule('worker/child/child');

/** @param transport not connected yet */
export async function assemble(
  blueprint: Blueprint,
  transport: Transport,
  execution: ExecutionPorts,
): Promise<WorkerParts> {
  const { app } = blueprint;
  const prefetch = createPrefetch(app);
  const revoked = new RevokedTasks(app.clock);
  const deadLetters = createDeadLetters(blueprint, transport);
  const policies = await createPolicies(app, {
    ...{ execution, revoked, deadLetters, lostAcks: new LostAcks(app.clock) },
    onUnknown: count => {
      prefetch.unknown = count;
    },
    release(request, isLate) {
      dispatcher.reserve(request);
      if (isLate) dispatcher.pump();
    },
  });
  const events = createEvents(blueprint, transport);
  const metrics = createMetrics(app);
  const { dispatcher, admission, unwanted } = createIntake(
    { ...blueprint, events, metrics },
    execution,
    policies,
    prefetch,
  );
  const pool = await createPool(blueprint.pool.name, poolOptions(blueprint, dispatcher));
  const autoscaler = createAutoscaler(blueprint, { pool, dispatcher, prefetch });
  dispatcher.attach(pool, autoscaler);
  const link = createLink(blueprint, { transport, admission, dispatcher });
  prefetch.attach({ dispatcher, link });
  return {
    ...blueprint,
    ...{ execution, transport, link, admission, dispatcher, pool, revoked, unwanted, deadLetters },
    ...{ autoscaler, events, metrics, prefetch },
    ...{ gossip: createGossip({ ...blueprint, events }, transport, execution) },
    stateFile: createStateFile(blueprint, revoked),
    storedRevokes: policies.storedRevokes,
    rateLimits: policies.rateLimits,
    lamport: app[INTERNALS].lamport,
  };
}

type Told = Blueprint & Pick<WorkerParts, 'events' | 'metrics'>;

function createEvents({ app, hostname, logger }: Blueprint, transport: Transport): EventDispatcher {
  const { conf, clock } = app;
  const sendsTasks = conf.get('worker_send_task_events');
  const sendsOwn = sendsTasks || !transport.keepsEvents;
  return new EventDispatcher({
    hostname,
    groups: [...(sendsOwn ? ['worker'] : []), ...(sendsTasks ? ['task'] : [])],
    exchange: conf.get('event_exchange'),
    serializer: conf.get('event_serializer'),
    lamport: app[INTERNALS].lamport,
    clock,
    transport: async () => transport,
    warn: text => logger.warning(text),
  });
}

function createMetrics({ conf, clock }: Celery): TaskMetrics | undefined {
  return conf.get('worker_metrics_port') === null ? undefined : new TaskMetrics(clock);
}

function createGossip(
  { app, gossips, hostname, events, logger }: Blueprint & Pick<WorkerParts, 'events'>,
  transport: Transport,
  execution: ExecutionPorts,
): Gossip | undefined {
  if (!gossips || transport.keepsEvents) return undefined;
  const { lamport } = app[INTERNALS];
  let losses = 0;
  transport.onEvent(event => {
    if (event.type === 'lost') losses += 1;
  });
  return new Gossip({
    ...{ hostname, events, lamport, logger, clock: app.clock },
    accept: app[INTERNALS].eventQueues().accept,
    topics: { task: action => sendElectedTask(action, execution) },
    isConnected: () => transport.connected,
    losses: () => losses,
  });
}

/** What stands between the broker's deliveries and the pool. */
function createIntake(
  blueprint: Told,
  execution: ExecutionPorts,
  policies: IntakePolicies,
  prefetch: PrefetchControl,
): { dispatcher: Dispatcher; admission: Admission; unwanted: Unwanted } {
  const { app, state } = blueprint;
  const { revoked, lostAcks } = policies;
  const taskEvents = new TaskEvents(blueprint.events, policies.unknown === undefined);
  const announcer = new Announcer([...listenersOf(blueprint, policies, execution), taskEvents]);
  const refusals = new Refusals(execution, announcer, policies);
  const settle = (settled: Promise<unknown>) => refusals.settle(settled);
  const unwanted = new Unwanted(state, execution, { announcer, revoked, settle });
  const endings = new Endings(execution, announcer, {
    terminated: (request, signal) => unwanted.terminated(request, signal),
    onAckLost: (request, reply) => lostAcks.add(request, reply),
  });
  const tells = (request: Request) => taskEvents.tells(request);
  const ports = { announcer, endings, unwanted, tells };
  const dispatcher = createDispatcher(blueprint, execution, prefetch, ports);
  const admissionPorts = {
    definition: (name: string) => app[INTERNALS].definition(name),
    line: dispatcher,
    onScheduled: (count: number) => {
      prefetch.scheduled = count;
    },
    announcer,
  };
  const gates = { refusals, unwanted };
  const admission = new Admission({ state, execution }, admissionPorts, policies, gates);
  return { dispatcher, admission, unwanted };
}

function createAutoscaler(
  { app, logger, pool: { autoscale } }: Blueprint,
  { pool, dispatcher, prefetch }: Pick<WorkerParts, 'pool' | 'dispatcher' | 'prefetch'>,
): Autoscaler | undefined {
  if (autoscale === undefined) return undefined;
  return new Autoscaler(autoscale, keepalive(), {
    ...{ clock: app.clock, logger, pool },
    slots: app.conf.get('worker_child_slots'),
    reserved: () => dispatcher.reserved,
    onMost: () => prefetch.adjust(),
    decide: decider(app.conf.get('worker_autoscaler')),
  });
}

function createStateFile(
  { app, hostname, logger }: Blueprint,
  revoked: RevokedTasks,
): StateFile | undefined {
  const path = app.conf.get('worker_state_db');
  if (path === null) return undefined;
  const { lamport } = app[INTERNALS];
  const parts = { revoked, lamport, logger, clock: app.clock };
  return new StateFile(expandNodePath(path, hostname), parts);
}

function createPrefetch({ conf }: Celery): PrefetchControl {
  return new PrefetchControl({
    multiplier: conf.get('worker_prefetch_multiplier'),
    etaLimit: conf.get('worker_eta_task_limit'),
    onlyFree: conf.get('worker_disable_prefetch'),
  });
}

function listenersOf(
  { app, hostname, logger, metrics, state }: Told,
  { successful }: IntakePolicies,
  { tracing }: ExecutionPorts,
): RequestListener[] {
  return [
    ...(successful ? [{ succeeded: (request: Request) => successful.add(request.id) }] : []),
    ...(tracing ? [traceListener(tracing)] : []),
    hooks,
    signalListener(app.signals, hostname),
    logListener(logger),
    counter(state),
    ...(metrics ? [metrics] : []),
  ];
}

function createDispatcher(
  { fair, state }: Blueprint,
  execution: ExecutionPorts,
  prefetch: PrefetchControl,
  ports: {
    announcer: Announcer;
    endings: Endings;
    unwanted: Unwanted;
    tells(request: Request): boolean;
  },
): Dispatcher {
  const { onlyFree } = prefetch.options;
  return new Dispatcher(
    state,
    execution,
    {
      ...ports,
      ...(onlyFree && { onLoad: () => prefetch.adjust() }),
      onPace: () => prefetch.adjust(),
      mostWaiting: () => prefetch.mostWaiting,
    },
    { fair: onlyFree || fair },
  );
}

function createDeadLetters(
  { app, hostname, logger }: Blueprint,
  transport: Transport,
): DeadLetters | undefined {
  const { conf, queues, clock } = app;
  const name = conf.get('worker_dead_letter_queue');
  if (name === null) return undefined;
  return new DeadLetters({
    transport,
    name,
    declared: known => (queues.has(known) ? queues.get(known) : undefined),
    hostname,
    logger,
    clock,
  });
}

function createLink(
  { app, queues, logger, onFatal }: Blueprint,
  parts: { transport: Transport; admission: Admission; dispatcher: Dispatcher },
): BrokerLink {
  const { conf, clock } = app;
  const { transport, admission, dispatcher } = parts;
  const retry = conf.get('broker_connection_retry');
  return new BrokerLink({
    transport,
    queues,
    logger,
    clock,
    retryOnStartup: conf.get('broker_connection_retry_on_startup') ?? retry,
    retry,
    maxRetries: conf.get('broker_connection_max_retries'),
    onDeliveries: admission.receiveAll,
    acksOnArrival: admission.startsAtOnce,
    onGone: onFatal,
    onLost: () => {
      if (!conf.get('worker_cancel_long_running_tasks_on_connection_loss')) return;
      dispatcher.cancelLate('the connection to the broker was lost');
    },
  });
}

function poolOptions(blueprint: Blueprint, dispatcher: Dispatcher) {
  const { app, child, createRunner, hostname, logger, onFatal, pool } = blueprint;
  const { conf, clock, signals } = app;
  return {
    concurrency: pool.concurrency,
    slots: conf.get('worker_child_slots'),
    runnerUrl: CHILD_MODULE,
    createRunner,
    clock,
    runnerConfig: child,
    maxTasksPerChild: conf.get('worker_max_tasks_per_child') ?? undefined,
    maxMemoryPerChild: conf.get('worker_max_memory_per_child') ?? undefined,
    prefetchPerChild: MOST_AHEAD_PER_CHILD,
    procAliveTimeout: conf.get('worker_proc_alive_timeout'),
    watchesStacks: conf.get('worker_stack_watch'),
    events: {
      ...dispatcher.events,
      onLog: (level: 'debug' | 'info' | 'warning' | 'error' | 'critical', message: string) =>
        logger.log(level, message),
      onLaunch: (slot: number) =>
        void signals.workerBeforeCreateProcess.send(hostname, { hostname, slot }),
      onFatal,
    },
  };
}
