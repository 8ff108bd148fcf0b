/** Queues and exchanges as plain data, with AMQP's meaning and Celery's defaults. */

export type ExchangeType = 'direct' | 'topic' | 'fanout' | 'headers';

export interface Exchange {
  readonly name: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A further way into a queue, besides its own exchange and routing key. */
export interface QueueBinding {
  readonly exchange: Exchange;
  readonly routingKey: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface Queue {
  readonly name: string;
  readonly exchange: Exchange;
  readonly routingKey: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  /** Messages count as settled when delivered (remote control, events, replies). */
  readonly noAck: boolean;
  /** Consume it as it is: somebody else declares it, perhaps with arguments unknown here. */
  readonly noDeclare?: boolean;
  /** Seconds without use after which the broker may delete the queue. */
  readonly expires?: number | undefined;
  /** Seconds a message may wait. */
  readonly messageTtl?: number | undefined;
  readonly maxPriority?: number | undefined;
  /** Most messages that may wait, and most bytes of them. */
  readonly maxLength?: number | undefined;
  readonly maxLengthBytes?: number | undefined;
  /** More bindings; the first is `exchange` with `routingKey`. */
  readonly bindings?: readonly QueueBinding[];
  readonly queueArguments: Readonly<Record<string, unknown>>;
  readonly bindingArguments: Readonly<Record<string, unknown>>;
  readonly consumerArguments: Readonly<Record<string, unknown>>;
}

export function exchange(
  name: string,
  type: ExchangeType = 'direct',
  options: Partial<Exchange> = {},
): Exchange {
  return { name, type, durable: true, autoDelete: false, arguments: {}, ...options };
}

/** The nameless exchange: the routing key is the queue's name. */
export const DEFAULT_EXCHANGE: Exchange = exchange('');

/** A queue; by default with a direct exchange and a routing key of its own name. */
export function queue(name: string, options: Partial<Omit<Queue, 'name'>> = {}): Queue {
  return {
    name,
    exchange: options.exchange ?? exchange(name),
    routingKey: name,
    durable: true,
    exclusive: false,
    autoDelete: false,
    noAck: false,
    queueArguments: {},
    bindingArguments: {},
    consumerArguments: {},
    ...options,
  };
}
