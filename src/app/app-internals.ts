/** What an app is made of: for workers, commands and `tscelery/testing`, not for users. */
import { hostname } from 'node:os';
import type { ResultBackend } from '../backends/contract.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { Clock } from '../base/time/clock.ts';
import { LamportClock } from '../base/time/lamport.ts';
import { Control } from '../control/control.ts';
import { DurableRevokes } from '../control/durable-revokes.ts';
import type { ControlEntities } from '../control/entities.ts';
import { Mailbox } from '../control/mailbox.ts';
import { CommandRegistry } from '../control/registry.ts';
import { WaitingMessages } from '../control/waiting.ts';
import { EventDispatcher } from '../events/dispatcher.ts';
import type { ReceiverHost } from '../events/receiver.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import type { Transport } from '../messaging/contract.ts';
import type { Entry } from '../schedule-stores/entry.ts';
import type { ScheduleContext } from '../schedules/contract.ts';
import { acceptedContentTypes } from '../wire/content.ts';
import { Apply } from './applying/apply.ts';
import type { WorkerNode } from './applying/execution-ports.ts';
import { type DispatcherOptions, Events } from './events.ts';
import type { ApplyOptions, TaskBaseClass } from './options/task-options.ts';
import { Connections } from './publishing/connections.ts';
import { checkNamedOptions } from './publishing/named-settings.ts';
import { Publisher } from './publishing/publisher.ts';
import { Queues } from './routing/queues.ts';
import { PeriodicTasks } from './schedules/periodic-tasks.ts';
import { Schedules } from './schedules/schedules.ts';
import { type SendingHost, sendEntry } from './schedules/send-entry.ts';
import { Configuration } from './settings/configuration.ts';
import { LocalTime } from './settings/local-time.ts';
import { Settings } from './settings/settings.ts';
import type { CeleryConfig } from './settings/tables/table.ts';
import { createSignals, type Signals } from './signals/signals.ts';
import { readAnySignature } from './signatures/read.ts';
import { BuiltInTasks } from './tasks/built-in.ts';
import type { TaskDefinition } from './tasks/definition.ts';
import { KnownErrors } from './tasks/known-errors.ts';
import { Registry } from './tasks/registry.ts';

/** Key of an app's `AppInternals`; the same in every copy of the package, as the brand is. */
export const INTERNALS = Symbol.for('tscelery.internals');

/** Node name of what is no worker, as Celery gives it. */
const CLIENT_NODE = `gen${process.pid}@${hostname()}`;

export interface AppParts {
  readonly main: string;
  readonly settings: CeleryConfig;
  readonly taskBase: TaskBaseClass | undefined;
  /** That of the app, which may be given another one. */
  readonly clock: () => Clock;
  /** Of the app whose tasks, signals and errors this one shares. */
  readonly origin: AppInternals | undefined;
}

export class AppInternals {
  readonly conf: Settings;
  readonly signals: Signals;
  readonly localTime: LocalTime;
  readonly configuration: Configuration;
  readonly errors: KnownErrors;
  readonly registry: Registry;
  readonly apply: Apply;
  readonly control: Control;
  readonly events: Events;
  readonly commands: CommandRegistry;
  readonly lamport: LamportClock;
  /** Of the code. */
  readonly periodicTasks: PeriodicTasks;
  readonly schedules: Schedules;
  readonly #connections: Connections;
  readonly #publisher: Publisher;
  readonly #origin: AppInternals | undefined;
  readonly #clock: () => Clock;
  readonly #dispatchers = new Set<EventDispatcher>();
  readonly #ownDispatchers = new Map<string, EventDispatcher>();
  readonly #builtIn: BuiltInTasks;
  readonly #sendingHost: SendingHost;
  #queues: Queues | undefined;

  constructor({ main, settings, taskBase, clock, origin }: AppParts) {
    this.#origin = origin;
    this.#clock = clock;
    this.conf = origin ? origin.conf.derive(settings, 'app.worker') : new Settings(settings);
    this.errors = origin?.errors ?? new KnownErrors();
    this.signals = origin?.signals ?? createSignals(warnOfReceiver);
    this.localTime = new LocalTime(this.conf);
    this.configuration = origin?.configuration ?? new Configuration(this.conf, this.signals);
    this.#connections = new Connections(this.conf, { oid: () => this.#publisher.oid, warn });
    this.#publisher = this.#createPublisher(main, clock);
    this.commands = origin?.commands ?? new CommandRegistry();
    this.lamport = origin?.lamport ?? new LamportClock();
    this.control = this.#createControl();
    this.periodicTasks = origin?.periodicTasks ?? this.#createPeriodicTasks();
    this.schedules = this.#createSchedules();
    this.events = new Events({
      receiver: () => this.#receiverHost(),
      dispatcher: options => this.#createDispatcher(options),
    });
    this.apply = this.#createApply(clock);
    this.#sendingHost = this.#makeSendingHost();
    this.#builtIn = new BuiltInTasks({
      conf: this.conf,
      definition: name => this.definition(name),
      backend: () => this.backend(),
      applySignature: (...call) => this.apply.applySignature(...call),
      callDirectly: (...call) => this.apply.callDirectly(...call),
    });
    this.registry = origin
      ? origin.registry.derive(this.conf, this.apply)
      : new Registry(this.conf, this.apply, taskBase);
  }

  #createPublisher(main: string, clock: () => Clock): Publisher {
    return new Publisher({
      conf: this.conf,
      main,
      signals: this.signals,
      queues: () => this.queues,
      transport: () => this.transport(),
      expectReply: () => this.#connections.expectReply(),
      events: () => this.dispatcher(CLIENT_NODE),
      closing: () => this.#connections.closing,
      clock,
      localTime: this.localTime,
      warn,
    });
  }

  #createPeriodicTasks(): PeriodicTasks {
    return new PeriodicTasks({
      conf: this.conf,
      context: () => this.#scheduleContext(),
      backend: () => this.backend(),
      warn,
    });
  }

  #scheduleContext(): ScheduleContext {
    return { timezone: this.localTime.name, now: () => this.#clock().now() };
  }

  #createSchedules(): Schedules {
    return new Schedules({
      conf: this.conf,
      context: () => this.#scheduleContext(),
      load: async () => {
        if (!this.configuration.isLoaded) await this.#loadUnlessClosed();
      },
      entriesOfCode: () => this.periodicTasks.entries(),
      send: async entry => this.apply.results.result(await this.sendEntry(entry)),
      warn,
    });
  }

  /** One run of an entry, with options that go before its own. */
  sendEntry(entry: Entry, over?: ApplyOptions): Promise<string> {
    return sendEntry(this.#sendingHost, entry, over);
  }

  #makeSendingHost(): SendingHost {
    const { apply } = this;
    return {
      sendTask: (task, args, options) => {
        const definition = this.definition(task);
        const call = { task, args, options, argsAsTuple: false };
        return definition
          ? apply.apply({ ...call, definition })
          : apply.send({ ...call, definition });
      },
      sendWorkflow: async (data, options) => {
        const signature = apply.signature(readAnySignature(data, undefined, {}));
        return (await signature.applyAsync([], options)) as { readonly id: string };
      },
    };
  }

  #createControl(): Control {
    const waiting = new WaitingMessages({
      transport: () => this.transport(),
      queueNames: () => this.queues.names,
      closing: () => this.#connections.closing,
    });
    return new Control(
      () => this.mailbox(),
      waiting,
      ids => this.#keepRevoked(ids),
    );
  }

  async #keepRevoked(ids: readonly string[]): Promise<void> {
    if (!this.configuration.isLoaded) await this.#loadUnlessClosed();
    if (!this.conf.get('task_durable_revokes')) return;
    await new DurableRevokes(await this.backend()).keep(ids);
  }

  /** The task of that name, also one that each app has (`celery.map`). */
  definition(name: string): TaskDefinition | undefined {
    return this.registry.tasks.get(name)?.definition ?? this.#builtIn.find(name);
  }

  #createApply(clock: () => Clock): Apply {
    return new Apply({
      conf: this.conf,
      signals: this.signals,
      control: this.control,
      publisher: this.#publisher,
      clock,
      localTime: this.localTime,
      definition: name => this.definition(name),
      loading: () => (this.configuration.isLoaded ? undefined : this.configuration.load({})),
      backend: () => this.backend(),
      events: hostname => this.dispatcher(hostname),
      closing: () => this.#connections.closing,
      decodeError: (data, traceback) => this.errorOf(data, traceback),
    });
  }

  /** Of the app's remote control, or of one that has a connection already. */
  mailbox(own?: { readonly transport: Transport; readonly oid: string }): Mailbox {
    const { conf } = this;
    return new Mailbox({
      entities: this.controlEntities,
      oid: own?.oid ?? this.#publisher.oid,
      serializer: conf.get('task_serializer'),
      accept: acceptedContentTypes(conf.get('accept_content')),
      lamport: this.lamport,
      transport: async () => own?.transport ?? this.transport(),
      closing: () => this.#connections.closing,
    });
  }

  get controlEntities(): ControlEntities {
    const { conf } = this;
    return {
      namespace: conf.get('control_exchange'),
      ttl: conf.get('control_queue_ttl'),
      expires: conf.get('control_queue_expires'),
      exclusive: conf.get('control_queue_exclusive'),
      durable: conf.get('control_queue_durable'),
    };
  }

  /** Made from the settings when first asked for. */
  get queues(): Queues {
    this.#queues ??= new Queues(this.conf);
    return this.#queues;
  }

  resetQueues(): void {
    this.#queues = undefined;
  }

  async transport(): Promise<Transport> {
    if (!this.configuration.isLoaded) await this.#loadUnlessClosed();
    return this.#connections.transport();
  }

  async openTransport(use: 'read' | 'write'): Promise<Transport> {
    await this.configuration.load({});
    return this.#connections.open(use);
  }

  async backend(): Promise<ResultBackend> {
    if (!this.configuration.isLoaded) await this.#loadUnlessClosed();
    return this.#connections.backend();
  }

  /** What was asked for before `close` must not open the app again after it. */
  async #loadUnlessClosed(): Promise<void> {
    const { closing } = this.#connections;
    await this.configuration.load({});
    closing.throwIfClosed();
  }

  errorOf(data: unknown, traceback: string | null = null): Error {
    return this.errors.decode(data, traceback);
  }

  executionPorts(node: WorkerNode): Promise<ExecutionPorts> {
    return this.apply.ports.ofWorker(node);
  }

  /** @throws ImproperlyConfigured naming the setting or the task whose value does not exist */
  async checkNames(): Promise<void> {
    await this.configuration.load({});
    await this.#publisher.prepare();
    for (const [name, { definition }] of this.registry.tasks)
      checkNamedOptions(name, definition.resolved);
  }

  /** For events of this node: of a worker, in whose children too, or of a client. */
  dispatcher(hostname: string): EventDispatcher {
    let dispatcher = this.#ownDispatchers.get(hostname);
    if (!dispatcher) {
      dispatcher = this.#createDispatcher({ hostname });
      this.#ownDispatchers.set(hostname, dispatcher);
    }
    return dispatcher;
  }

  #createDispatcher({ hostname = CLIENT_NODE, groups }: DispatcherOptions): EventDispatcher {
    const { conf } = this;
    const dispatcher = new EventDispatcher({
      hostname,
      groups,
      exchange: conf.get('event_exchange'),
      serializer: conf.get('event_serializer'),
      lamport: this.lamport,
      clock: this.#clock(),
      transport: () => this.transport(),
      onClose: () => this.#dispatchers.delete(dispatcher),
      warn,
    });
    this.#dispatchers.add(dispatcher);
    return dispatcher;
  }

  /** For those who listen to events. */
  eventQueues(): Pick<ReceiverHost, 'exchange' | 'queue' | 'accept'> {
    const { conf } = this;
    return {
      exchange: conf.get('event_exchange'),
      queue: {
        prefix: conf.get('event_queue_prefix'),
        ttl: conf.get('event_queue_ttl'),
        expires: conf.get('event_queue_expires'),
        exclusive: conf.get('event_queue_exclusive'),
        durable: conf.get('event_queue_durable'),
      },
      accept: acceptedContentTypes(['json', conf.get('event_serializer')]),
    };
  }

  #receiverHost(): ReceiverHost {
    return {
      ...this.eventQueues(),
      lamport: this.lamport,
      clock: this.#clock(),
      open: () => this.openTransport('read'),
      wakeWorkers: () => this.control.broadcast('heartbeat'),
      closing: () => this.#connections.closing,
      warn,
    };
  }

  async close(): Promise<void> {
    this.#origin?.registry.forget(this.registry);
    this.#ownDispatchers.clear();
    if (this.#dispatchers.size > 0) {
      await Promise.all([...this.#dispatchers].map(dispatcher => dispatcher.close()));
    }
    await this.schedules.close();
    await this.#connections.close();
  }
}

function warnOfReceiver(signal: string, error: unknown): void {
  warn(`A receiver of ${signal} failed: ${(error as Error)?.stack ?? saferepr(error)}`);
}

export function warn(message: string): void {
  process.emitWarning(message, 'TsceleryWarning');
}
