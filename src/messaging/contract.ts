/**
 * What a message broker has to offer. One folder per implementation; all of them pass
 * `test/contract/transport.contract.ts`.
 */

import type { FailoverStrategy } from '../drivers/failover.ts';
import type { DecodeError } from '../wire/errors.ts';
import type { Message } from '../wire/messages/message.ts';
import type { Exchange, Queue } from './entities.ts';

/** Where a message is sent: an exchange and a routing key. */
export interface Destination {
  readonly exchange: Exchange;
  readonly routingKey: string;
}

export interface PublishOptions {
  /** Reject with `Unroutable` when no queue gets the message. */
  readonly mandatory?: boolean;
  /**
   * Whole seconds for which the broker keeps the message to itself. Honoured only by transports
   * with `setUpDelayedDelivery`, and there for all but direct exchanges.
   */
  readonly delay?: number;
  /**
   * Told how many listeners a message to a fanout exchange reached, by brokers that know it:
   * whoever asks all of them then knows when all have answered.
   */
  readonly onHeard?: (listeners: number) => void;
}

/**
 * One message given to a consumer. It stays with the broker, out of reach of other
 * consumers, until it is settled or its consumer is gone.
 */
export interface Delivery {
  /** Identifies the delivery within its consumer. */
  readonly tag: string;
  /** The queue it was taken from. */
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** Whether the broker knows that it was delivered before. */
  readonly redelivered: boolean;
  readonly message: Message;
  /** The text of a virtual transport's envelope, so that another process can read it again. */
  readonly raw?: string | undefined;
  /** Set when the message cannot be understood; `message` is then empty apart from its body. */
  readonly problem?: DecodeError | undefined;
  /**
   * The broker may forget the message. Resolves when the broker has confirmed it; survives a
   * reconnect where the broker allows that. Only the first of `ack` and `reject` counts.
   */
  ack(): Promise<void>;
  /**
   * Give the message up: `requeue` puts it back in its queue, otherwise it is dropped or
   * dead-lettered. With `counted` the message put back carries one more in `x-delivery-count`.
   */
  reject(requeue: boolean, options?: RequeueOptions): Promise<void>;
  /**
   * Missing where the broker cannot do it: it keeps a copy of the message that comes back
   * through the same queue after so many seconds at most (1 or more), and then this delivery is
   * acked. When the copy could not be made this rejects, and the delivery is as it was before.
   */
  readonly park?: ((seconds: number) => Promise<void>) | undefined;
  readonly settled: boolean;
  /**
   * The broker took its consumer for dead and gave the message to others, so it must not be
   * started here; settling it rejects with ChannelError. Undefined where that cannot be known.
   */
  readonly lost?: boolean;
  /**
   * It was settled, and the broker may deliver it again, as the connection was lost. Means
   * something at the moment when settling has resolved.
   */
  readonly unheard?: boolean;
}

export interface RequeueOptions {
  /** The delivery came to harm, and so may the next one. */
  readonly counted?: boolean;
  /** Where it came from, first in line, instead of last. Not together with `counted`. */
  readonly first?: boolean;
}

/** A prefetch count with which nothing is taken; 0 is taken: it is AMQP's word for no limit. */
export const TAKE_NOTHING = -1;

/** Where an exchange gives messages to, as `list bindings` shows it. */
export interface BindingRow {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
}

export interface ConsumeOptions {
  /**
   * How many unsettled deliveries may be out at once; 0 is no limit, `TAKE_NOTHING` none. Ignored
   * for `noAck` queues, whose deliveries are settled when they come.
   */
  readonly prefetch: number;
  /**
   * Called with everything that arrived in one round trip, oldest first. Must not throw: that would
   * look like trouble with the broker.
   */
  readonly onDeliveries: (deliveries: Delivery[]) => void;
  /**
   * Whether this delivery would be acknowledged and started the moment it arrived. Asked by
   * brokers that show a message before they hand it out; a delivery to which the answer was
   * yes may arrive settled, which saves a round trip.
   */
  readonly acksOnArrival?: ((delivery: Delivery) => boolean) | undefined;
}

/** A running subscription to some queues. */
export interface Consumer {
  readonly queues: readonly string[];
  /** Those of `queues` of which the broker delivers nothing for now; missing where that cannot be. */
  readonly missing?: readonly string[];
  /** Unsettled deliveries. */
  readonly held: number;
  setPrefetch(count: number): void;
  /** Declares the queue and consumes from it too. Idempotent. */
  addQueue(queue: Queue): Promise<void>;
  /** Stops taking from the queue; deliveries already out stay valid. Idempotent. */
  cancelQueue(name: string): Promise<void>;
  /** Take nothing new from any queue. Deliveries already out stay valid and protected. Idempotent. */
  cancel(): Promise<void>;
  /**
   * `cancel`, then put everything unsettled back where it came from, first in line.
   * Resolves with the number of messages put back. Idempotent.
   */
  close(): Promise<number>;
}

/** What happens to a connection, for logs and for the worker's own bookkeeping. */
export type TransportEvent =
  | { readonly type: 'connected' }
  | { readonly type: 'lost'; readonly error: Error }
  /** An attempt failed; the next one follows after `delay` seconds: 0 when another server is tried now. */
  | {
      readonly type: 'retrying';
      readonly error: Error;
      readonly delay: number;
      readonly attempt: number;
    }
  /** After a loss: every consumer of this transport takes messages again. */
  | { readonly type: 'consuming'; readonly queues: readonly string[] }
  /** Messages of a dead or silent consumer went back to their queues. */
  | { readonly type: 'restored'; readonly count: number; readonly consumer: string }
  /** What the connection led to is no more; nothing will heal it. */
  | { readonly type: 'gone'; readonly error: Error }
  /** Something a person should hear of that changes nothing: a misspelt option, a late ack. */
  | { readonly type: 'warning'; readonly message: string };

/** A connection to one broker. */
export interface Transport {
  /** URL scheme family, for example `redis`. */
  readonly name: string;
  /** The broker's URL without password, since it is printed, as by Celery. */
  readonly url: string;
  /** Whether fanout exchanges work, and with them remote control and events. */
  readonly supportsFanout: boolean;
  /** How events reach everybody who listens: by a fanout where topics only fill queues, as in Celery. */
  readonly eventExchangeType: 'topic' | 'fanout';
  /**
   * Each event is kept in a file for everybody on the machine, so that workers tell only what
   * somebody asked for. Default: no.
   */
  readonly keepsEvents?: boolean;
  /** RabbitMQ serves the largest priority first; everybody else serves 0 first. */
  readonly servesLargestPriorityFirst?: boolean;
  readonly connected: boolean;
  /** Resolves when the broker answers; rejects with OperationalError after one try. Idempotent. */
  connect(): Promise<void>;
  /** Closes consumers and connections. Idempotent; safe before `connect`. */
  close(): Promise<void>;
  /** Hear of connection events; returns the function that ends it. */
  onEvent(listener: (event: TransportEvent) => void): () => void;
  /** Creates exchange, queue and binding if the broker has them. Idempotent. */
  declare(queue: Queue): Promise<void>;
  /**
   * Resolves when the broker has taken the message; rejects with OperationalError when it
   * cannot be known whether it did. Connects if necessary.
   */
  publish(message: Message, destination: Destination, options?: PublishOptions): Promise<void>;
  /** Messages waiting (not those held by consumers); 0 for an unknown queue. */
  size(queue: string): Promise<number>;
  /** Deletes what waits in the queue; resolves with the number deleted. */
  purge(queue: string): Promise<number>;
  /** Deletes the queue with its bindings and messages. Idempotent. */
  delete(queue: Queue): Promise<void>;
  consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer>;
  /**
   * Creates what Celery's native delayed delivery needs, and binds these queues to it.
   * Missing where the broker has no such thing. Idempotent.
   */
  setUpDelayedDelivery?(
    queues: readonly Queue[],
    options: {
      readonly queueType: 'quorum' | 'classic';
      /** Be content with what is there, which saves a client a hundred round trips. */
      readonly ifMissing?: boolean;
    },
  ): Promise<void>;
  /** All bindings of named exchanges that the broker knows; missing where it cannot be asked. */
  bindings?(): Promise<BindingRow[]>;
  /** Missing where everything there is to administer goes through this contract. */
  admin?(): BrokerAdmin;
}

/** The broker by hand, one step at a time, for people at a terminal. All reject with ChannelError when refused. */
export interface BrokerAdmin {
  /** `passive`: only look whether it is there. */
  declareExchange(exchange: Exchange, passive: boolean): Promise<void>;
  deleteExchange(name: string, ifUnused: boolean): Promise<void>;
  declareQueue(queue: Queue, passive: boolean): Promise<QueueCounts>;
  bindQueue(queue: string, exchange: Exchange, routingKey: string): Promise<void>;
  /** Resolves with the number of messages that went with it. */
  deleteQueue(name: string, options: QueueDeletion): Promise<number>;
  publish(message: Message, destination: Destination, options: PublishOptions): Promise<void>;
  /** Takes one message, if there is one. It goes back to its queue when this is closed before the ack. */
  get(queue: string): Promise<Delivery | undefined>;
  close(): Promise<void>;
}

export interface QueueCounts {
  readonly messages: number;
  readonly consumers: number;
}

export interface QueueDeletion {
  readonly ifUnused: boolean;
  readonly ifEmpty: boolean;
}

/** How a transport is made: `messaging/open.ts` picks the maker by URL scheme. */
export interface TransportOptions {
  /** `broker_transport_options`, as in Celery. */
  readonly transportOptions: Readonly<Record<string, unknown>>;
  /** Seconds to wait for a connection (`broker_connection_timeout`). */
  readonly connectTimeout: number;
  /** `broker_use_ssl`: false, true, or a dictionary of ssl_* options. */
  readonly useSsl: boolean | Readonly<Record<string, unknown>>;
  /** `broker_failover_strategy`: the order in which several URLs are tried; default `round-robin`. */
  readonly failoverStrategy?: FailoverStrategy | string | null;
  /** `broker_heartbeat`: most seconds between AMQP heartbeats; 0 or nothing turns them off. */
  readonly heartbeat?: number | null;
  /** `broker_login_method`: `PLAIN` (default), `AMQPLAIN` or `EXTERNAL`. */
  readonly loginMethod?: string | null;
  /** It is for a consumer, whatever it publishes besides, and from its start on. Default false. */
  readonly consumes?: boolean;
  /** What the broker's administrator sees; default: process and host. */
  readonly connectionName?: string;
}
