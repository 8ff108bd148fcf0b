import { type Bounds, bounded } from '../backends/bounded.ts';
import type { Closing } from '../base/closing.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { code, type Kind, type Kinds, name as nonEmpty } from '../base/option-kinds.ts';
import type { Clock } from '../base/time/clock.ts';
import type { LamportClock } from '../base/time/lamport.ts';
import { Occasionally } from '../base/time/occasionally.ts';
import { ConnectionClosed } from '../drivers/errors.ts';
import type { Consumer, Delivery, Transport } from '../messaging/contract.ts';
import { bindingMatches } from '../messaging/virtual/routing.ts';
import { type Event, readEvents } from '../wire/messages/event.ts';
import { type EventQueueOptions, eventExchange, eventQueue } from './entities.ts';

/** An event that has arrived. */
export interface ReceivedEvent extends Event {
  /** When it came, by the clock of this process: seconds since 1970. */
  readonly local_received: number;
}

/** By type of event; `*` is for every type without a handler of its own. */
export type EventHandlers = Readonly<Record<string, (event: ReceivedEvent) => unknown>>;

export interface ReceiverOptions {
  /** What to do with events. One that fails does not keep the others from it; a warning tells of it. */
  readonly handlers: EventHandlers;
  /** Which events: `#` is all (the default), `task.#` those of tasks, `worker.#` those of workers. */
  readonly routingKey?: string;
  /** The connection was lost. It comes back by itself; what is told meanwhile is not heard. */
  readonly onLost?: (error: Error) => void;
}

const handlers: Kind = {
  words: 'an object with functions by type of event, as { "task-failed": event => … }',
  accepts: value =>
    typeof value === 'object' && value !== null && Object.values(value).every(code.accepts),
};

export const RECEIVER: Kinds<ReceiverOptions> = { handlers, routingKey: nonEmpty, onLost: code };

export interface CaptureOptions extends Bounds {
  /** Return after so many events. Default: never. */
  readonly limit?: number;
  /** Ask workers for a heartbeat, so that those that are there are known at once. Default true. */
  readonly wakeup?: boolean;
}

export interface ReceiverHost {
  /** `event_exchange` */
  readonly exchange: string;
  readonly queue: EventQueueOptions;
  readonly accept: ReadonlySet<string>;
  readonly lamport: LamportClock;
  readonly clock: Clock;
  /** A connection of its own, not connected yet. */
  open(): Promise<Transport>;
  wakeWorkers(): Promise<void>;
  /** For those who wait, and would for ever otherwise: hears of the app's next `close`. */
  closing(): Closing;
  warn(text: string): void;
}

/** Hears the events of workers and clients, ours and Python's. Celery: `EventReceiver`. */
export class EventReceiver {
  readonly #host: ReceiverHost;
  readonly #handlers: EventHandlers;
  readonly #routingKey: string;
  readonly #onLost: ReceiverOptions['onLost'];
  #transport: Transport | undefined;
  #consumer: Consumer | undefined;
  #starting: Promise<void> | undefined;
  /** A start that sees another number came too late. */
  #stops = 0;
  readonly #refused: Occasionally;
  readonly #unreadable: Occasionally;
  #received = 0;
  #waiter: { readonly until: number; readonly done: Deferred<void> } | undefined;

  /** @internal */
  constructor(host: ReceiverHost, { handlers, routingKey = '#', onLost }: ReceiverOptions) {
    this.#host = host;
    this.#refused = new Occasionally(host.clock);
    this.#unreadable = new Occasionally(host.clock);
    this.#handlers = handlers;
    this.#routingKey = routingKey;
    this.#onLost = onLost;
  }

  /** How many events have arrived. */
  get received(): number {
    return this.#received;
  }

  /**
   * Listen, until `stop`. Resolves when no event is missed any more; a connection that is lost comes
   * back by itself, without what was told meanwhile.
   *
   * @throws OperationalError when the broker cannot be reached, ChannelError when it refuses,
   *   ImproperlyConfigured for settings that exclude each other
   */
  start({ wakeup = true }: Pick<CaptureOptions, 'wakeup'> = {}): Promise<void> {
    this.#starting ??= this.#start(wakeup);
    return this.#starting;
  }

  /** Idempotent; it can be started again. */
  async stop(): Promise<void> {
    const [transport, consumer] = [this.#transport, this.#consumer];
    this.#transport = undefined;
    this.#consumer = undefined;
    this.#starting = undefined;
    this.#stops += 1;
    await consumer?.close();
    await transport?.close();
  }

  /**
   * Listen for a time: until so many events have come, `timeout` seconds are over or the signal
   * aborts. Celery: `capture`.
   *
   * @throws TimeoutError, the signal's reason, ConnectionClosed when the app is closed meanwhile, and
   *   like `start`
   */
  async capture({ limit, wakeup, ...bounds }: CaptureOptions = {}): Promise<void> {
    const done = deferred();
    this.#waiter = { until: this.#received + (limit ?? Number.POSITIVE_INFINITY), done };
    const work = async () => {
      await this.start({ wakeup: wakeup ?? true });
      await done.promise;
    };
    try {
      await bounded(work, bounds, this.#host.closing());
    } finally {
      this.#waiter = undefined;
      await this.stop();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(wakeup: boolean): Promise<void> {
    const stops = this.#stops;
    let transport: Transport | undefined;
    try {
      transport = await this.#host.open();
      this.#assertStarting(stops);
      this.#transport = transport;
      await transport.connect();
      this.#assertStarting(stops);
      transport.onEvent(event => {
        if (event.type === 'lost') this.#onLost?.(event.error);
      });
      const consumer = await this.#consume(transport);
      this.#assertStarting(stops);
      this.#consumer = consumer;
      if (wakeup) await this.#host.wakeWorkers();
    } catch (error) {
      // what it was stopped for may have been started anew
      if (stops === this.#stops) await this.stop();
      else await transport?.close();
      throw error;
    }
  }

  #consume(transport: Transport): Promise<Consumer> {
    const { exchange, queue } = this.#host;
    const own = eventQueue(eventExchange(exchange, transport), this.#routingKey, queue);
    return transport.consume([own], {
      prefetch: 0,
      onDeliveries: deliveries => {
        for (const delivery of deliveries) this.#receive(delivery);
      },
    });
  }

  /** @throws ConnectionClosed when it was stopped since */
  #assertStarting(stops: number): void {
    if (stops !== this.#stops) throw new ConnectionClosed('The event receiver was stopped.');
  }

  #receive({ message, problem, routingKey }: Delivery): void {
    const { accept } = this.#host;
    // a fanout of SQLite gives everything to everybody
    if (!bindingMatches('topic', this.#routingKey, routingKey)) return;
    try {
      if (problem) throw problem;
      const { events, refused } = readEvents(message, accept);
      if (refused > 0) this.#refuse(refused);
      for (const event of events) this.#handle(event);
    } catch (error) {
      this.#leaveOut(error as Error);
    }
  }

  /** Both kinds may come without end. */
  #refuse(count: number): void {
    const untold = this.#refused.count(count);
    const where = untold === count ? 'a message' : 'several messages';
    if (untold > 0) this.#host.warn(`${untold} events of ${where} are none and were left out.`);
  }

  #leaveOut(reason: Error): void {
    const untold = this.#unreadable.count(1);
    if (untold === 0) return;
    const what = untold === 1 ? 'A message with events was' : `${untold} messages with events were`;
    this.#host.warn(`${what} left out: ${reason.message}`);
  }

  #handle(event: Event): void {
    const { clock, lamport } = this.#host;
    // a client has a logical clock of its own: its events come before what follows from them
    const isSent = event.type === 'task-sent';
    const time = isSent ? (lamport.value || 1) - 1 : event.clock;
    if (!isSent) lamport.adjust(event.clock);
    this.#received += 1;
    // the event is nobody else's, and a copy of each costs more than all the rest
    const received = Object.assign(event, { clock: time, local_received: clock.now() });
    void this.#call(received);
    const { until = Number.POSITIVE_INFINITY, done } = this.#waiter ?? {};
    if (this.#received >= until) done?.resolve();
  }

  /** What fails, now or later, is only told, so that the other events are heard. */
  async #call(event: ReceivedEvent): Promise<void> {
    const own = Object.hasOwn(this.#handlers, event.type) ? this.#handlers[event.type] : undefined;
    const handler = own ?? this.#handlers['*'];
    try {
      await handler?.(event);
    } catch (error) {
      const reason = (error as Error)?.stack ?? String(error);
      this.#host.warn(`A handler of the event ${event.type} failed: ${reason}`);
    }
  }
}
