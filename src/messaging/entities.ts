/** Queues and exchanges as plain data, with AMQP's meaning and Celery's defaults. */
import { randomUUID } from 'node:crypto';

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
  /** What people call a broadcast queue, whose own name is its worker's alone. */
  readonly alias?: string | undefined;
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

/** One entry of a queue's `bindings`. */
export function binding(
  exchange: Exchange,
  routingKey = '',
  args: Readonly<Record<string, unknown>> = {},
): QueueBinding {
  return { exchange, routingKey, arguments: args };
}

/**
 * A queue; by default with a direct exchange and a routing key of its own name; with a fanout
 * exchange, which gives to all, without a routing key. With a `routingKey` and no `exchange` it
 * is bound to the default exchange of the app that knows it, as kombu's
 * `Queue(name, routing_key=…)` is. With `bindings` and no `exchange` it has these bindings and
 * no other.
 */
export function queue(name: string, options: Partial<Omit<Queue, 'name'>> = {}): Queue {
  return {
    name,
    exchange: options.routingKey ? DEFAULT_EXCHANGE : exchange(name),
    routingKey: options.exchange?.type === 'fanout' ? '' : name,
    durable: true,
    exclusive: false,
    autoDelete: false,
    noAck: false,
    queueArguments: {},
    bindingArguments: {},
    consumerArguments: {},
    ...options,
    ...(options.exchange === undefined && boundOnlyBy(options.bindings)),
  };
}

function boundOnlyBy(bindings: Queue['bindings']): Partial<Queue> {
  const [first, ...others] = bindings ?? [];
  if (first === undefined) return {};
  const { exchange, routingKey, arguments: bindingArguments = {} } = first;
  return { exchange, routingKey, bindingArguments, bindings: others };
}

/**
 * A queue of this worker's own: whatever is sent to `name` goes to every worker that has it.
 * The exchange is a fanout of that name. Celery: `kombu.common.Broadcast`
 */
export function broadcast(name: string, options: Partial<Omit<Queue, 'alias'>> = {}): Queue {
  return queue(options.name ?? `bcast.${randomUUID()}`, {
    alias: name,
    exchange: exchange(name, 'fanout'),
    // a worker's queues get the default key for it, as in Celery
    routingKey: '',
    autoDelete: true,
    ...options,
  });
}

/** Whether each worker has a queue of its own for these messages. */
export function isBroadcast({ alias }: Queue): boolean {
  return alias !== undefined;
}

/** The queue that only the worker of this node name consumes (`worker_direct`). */
export function workerDirect(nodeName: string): Queue {
  return queue(`${nodeName}.dq2`, { exchange: exchange('C.dq2'), routingKey: nodeName });
}
