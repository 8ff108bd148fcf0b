/**
 * Hooks into the life of apps, tasks and workers. Receivers are called in the order in which
 * they connected; what they throw is reported and stops nothing. Celery: `celery.signals`.
 */
import type { Logger, LogLevel } from '../../base/logger.ts';
import type { TaskRequest } from '../../execute/request.ts';
import type { Headers, Message, MessageProperties } from '../../wire/messages/message.ts';
import { type ConnectOptions, checkConnection, type Sender } from './signal-options.ts';

export type Receiver<Event> = (event: Event) => void | Promise<void>;

interface Connection<Event> {
  readonly receiver: Receiver<Event>;
  readonly sender: string | undefined;
  readonly uid: string | undefined;
}

export type ReceiverFailed = (signal: string, error: unknown) => void;

export class Signal<Event> {
  readonly name: string;
  readonly #failed: ReceiverFailed;
  #connections: readonly Connection<Event>[] = [];

  constructor(name: string, failed: ReceiverFailed) {
    this.name = name;
    this.#failed = failed;
  }

  /**
   * The same receiver connects once for a sender, as in Celery. @returns the function that
   * disconnects it
   */
  connect(receiver: Receiver<Event>, options: ConnectOptions = {}): () => void {
    checkConnection(receiver, options, { signal: this.name, method: 'connect' });
    const isSame = sameAs(receiver, options);
    if (this.#connections.some(isSame)) return () => {};
    const sender = nameOf(options.sender);
    const connection = { receiver, sender, uid: options.dispatchUid };
    this.#connections = [...this.#connections, connection];
    return () => this.#remove(other => other === connection);
  }

  /** With a `dispatchUid` that connection, whichever receiver it has. */
  disconnect(receiver: Receiver<Event> | undefined, options: ConnectOptions = {}): void {
    checkConnection(receiver, options, { signal: this.name, method: 'disconnect' });
    this.#remove(sameAs(receiver, options));
  }

  hasListeners(sender?: string): boolean {
    return this.#connections.some(each => isFor(each, sender));
  }

  /** Resolves when every receiver is done; undefined when there is none, which saves a promise. */
  send(sender: string | undefined, event: Event): Promise<void> | undefined {
    if (this.#connections.length === 0) return undefined;
    return this.#call(
      this.#connections.filter(each => isFor(each, sender)),
      event,
    );
  }

  /** Like `send`, but what a receiver throws is thrown here (`importModules` and its kind). */
  async sendStrict(sender: string | undefined, event: Event): Promise<void> {
    for (const each of this.#connections) {
      if (isFor(each, sender)) await each.receiver(event);
    }
  }

  #remove(isGone: (connection: Connection<Event>) => boolean): void {
    this.#connections = this.#connections.filter(each => !isGone(each));
  }

  async #call(connections: readonly Connection<Event>[], event: Event): Promise<void> {
    for (const { receiver } of connections) {
      try {
        await receiver(event);
      } catch (error) {
        this.#failed(this.name, error);
      }
    }
  }
}

function nameOf(sender: Sender | undefined): string | undefined {
  return typeof sender === 'object' || typeof sender === 'function' ? sender.name : sender;
}

/** Whether a connection is the one that these words would make. */
function sameAs<Event>(receiver: Receiver<Event> | undefined, options: ConnectOptions) {
  const { dispatchUid: uid } = options;
  const sender = nameOf(options.sender);
  return (other: Connection<Event>) =>
    other.sender === sender &&
    (uid === undefined ? other.receiver === receiver : other.uid === uid);
}

function isFor(connection: Connection<never>, sender: string | undefined): boolean {
  return connection.sender === undefined || connection.sender === sender;
}

/** A message on its way out; receivers of `beforeTaskPublish` may change what it holds. */
export interface PublishEvent {
  readonly task: string;
  readonly id: string;
  readonly headers: Headers;
  readonly properties: MessageProperties;
  readonly exchange: string;
  readonly routingKey: string;
  /** The queue that is declared for it; undefined when exchange and routing key were given. */
  readonly queue: string | undefined;
  readonly message: Message;
}

export interface TaskEvent {
  readonly task: string;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly request: TaskRequest;
}

export interface MessageEvent {
  /** Queue it came from. */
  readonly queue: string;
  readonly headers: Headers;
  readonly reason: Error;
}

export interface NodeEvent {
  /** Node name of the worker. */
  readonly hostname: string;
}

/** How the log of a process is set up. */
export interface LoggingEvent extends NodeEvent {
  /** `MainProcess`, `ForkPoolWorker-1`, … */
  readonly processName: string;
  readonly loglevel: LogLevel;
  /** Undefined: stderr. */
  readonly logfile: string | undefined;
  readonly format: 'text' | 'json';
  /** Undefined: when it goes to a terminal. */
  readonly colorize: boolean | undefined;
}

/** Where the lines of a log go; only those of the log level and above come here. */
export type LogSink = (
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export interface SetupLoggingEvent extends LoggingEvent {
  /** Give all lines of this process to `sink`, instead of the log that is described here. */
  use(sink: LogSink): void;
}

/** The hooks of an app, by name. Who sends them, and when, is Celery's; see docs/signals.md. */
export interface SignalEvents {
  onConfigure: object;
  onAfterConfigure: object;
  onAfterFinalize: object;
  importModules: object;
  beforeTaskPublish: PublishEvent;
  afterTaskPublish: PublishEvent;
  taskReceived: { readonly task: string; readonly id: string; readonly queue: string };
  taskPrerun: TaskEvent;
  taskPostrun: TaskEvent & { readonly state: string; readonly retval: unknown };
  taskSuccess: TaskEvent & { readonly result: unknown };
  taskRetry: TaskEvent & { readonly reason: Error };
  taskFailure: TaskEvent & { readonly exception: Error; readonly traceback: string };
  taskInternalError: {
    readonly task: string;
    readonly id: string | undefined;
    readonly exception: Error;
  };
  taskRevoked: {
    readonly task: string;
    readonly id: string;
    readonly terminated: boolean;
    readonly signum: string | null;
    readonly expired: boolean;
  };
  taskRejected: MessageEvent;
  taskUnknown: MessageEvent & { readonly task: string; readonly id: string };
  celeryInit: NodeEvent;
  celeryAfterSetup: NodeEvent;
  setupLogging: SetupLoggingEvent;
  afterSetupLogger: LoggingEvent & { readonly logger: Logger };
  afterSetupTaskLogger: LoggingEvent & { readonly logger: Logger };
  workerInit: NodeEvent;
  workerBeforeCreateProcess: NodeEvent & { readonly slot: number };
  workerProcessInit: NodeEvent & { readonly pid: number; readonly slot: number };
  workerProcessShutdown: NodeEvent & { readonly pid: number };
  workerReady: NodeEvent;
  workerShuttingDown: NodeEvent & { readonly how: 'warm' | 'cold' };
  workerShutdown: NodeEvent;
  beatInit: NodeEvent;
  beatEmbeddedInit: NodeEvent;
}

export type SignalName = keyof SignalEvents;
export type Signals = { readonly [Name in SignalName]: Signal<SignalEvents[Name]> };

const NAMES: readonly SignalName[] = [
  ...(['onConfigure', 'onAfterConfigure', 'onAfterFinalize', 'importModules'] as const),
  ...(['beforeTaskPublish', 'afterTaskPublish', 'taskReceived', 'taskPrerun'] as const),
  ...(['taskPostrun', 'taskSuccess', 'taskRetry', 'taskFailure', 'taskInternalError'] as const),
  ...(['taskRevoked', 'taskRejected', 'taskUnknown', 'celeryInit', 'celeryAfterSetup'] as const),
  ...(['setupLogging', 'afterSetupLogger', 'afterSetupTaskLogger', 'workerInit'] as const),
  ...(['workerBeforeCreateProcess', 'workerProcessInit', 'workerProcessShutdown'] as const),
  ...(['workerReady', 'workerShuttingDown', 'workerShutdown'] as const),
  ...(['beatInit', 'beatEmbeddedInit'] as const),
];

export function createSignals(failed: ReceiverFailed): Signals {
  const signals = NAMES.map(name => [name, new Signal(name, failed)]);
  return Object.fromEntries(signals) as Signals;
}
