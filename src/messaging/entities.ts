/** Queues and exchanges as plain data, with AMQP's meaning and Celery's defaults. */

import { randomUUID } from 'node:crypto';
import { isMap } from '../base/kind-of.ts';
import {
  checkArgument,
  checkOptions,
  count,
  flag,
  type Kind,
  type Kinds,
  listOf,
  map,
  name as nonEmpty,
  oneOf,
  seconds,
  text,
} from '../base/option-kinds.ts';

export const EXCHANGE_TYPES = ['direct', 'topic', 'fanout', 'headers'] as const;
export type ExchangeType = (typeof EXCHANGE_TYPES)[number];

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

type ExchangeOptions = Partial<Omit<Exchange, 'name' | 'type'>>;
type QueueOptions = Partial<Omit<Queue, 'name'>>;

export const EXCHANGE: Kinds<ExchangeOptions> = { durable: flag, autoDelete: flag, arguments: map };
const exchangeTypes = oneOf(...EXCHANGE_TYPES);
const entity: Kind = {
  words: 'an exchange, as exchange("name") makes it',
  accepts: value => isMap(value) && 'name' in value && 'type' in value,
};
const aBinding: Kind = {
  words: 'a binding, as binding(exchange, "key") makes it',
  accepts: value => isMap(value) && entity.accepts((value as Partial<QueueBinding>).exchange),
};

export const QUEUE: Kinds<QueueOptions> = {
  alias: nonEmpty,
  exchange: entity,
  routingKey: text,
  durable: flag,
  exclusive: flag,
  autoDelete: flag,
  noAck: flag,
  noDeclare: flag,
  expires: seconds,
  messageTtl: seconds,
  maxPriority: count,
  maxLength: count,
  maxLengthBytes: count,
  bindings: listOf(aBinding, `a list, each ${aBinding.words}`),
  queueArguments: map,
  bindingArguments: map,
  consumerArguments: map,
};

/** Without what is null or undefined: null is Python's None, which means not given. */
function given<Options extends object>(options: Options): Options {
  const entries = Object.entries(options).filter(([, value]) => value != null);
  return Object.fromEntries(entries) as Options;
}

/** @throws TypeError for a wrong type or option, naming the nearest one */
export function exchange(
  name: string,
  type: ExchangeType = 'direct',
  options: ExchangeOptions = {},
): Exchange {
  checkArgument(name, text, 'The name of an exchange');
  checkArgument(type, exchangeTypes, `The type of the exchange ${JSON.stringify(name)}`);
  checkOptions(options, EXCHANGE, 'an exchange');
  return { name, type, durable: true, autoDelete: false, arguments: {}, ...given(options) };
}

/** The nameless exchange: the routing key is the queue's name. */
export const DEFAULT_EXCHANGE: Exchange = exchange('');

/** One entry of a queue's `bindings`. @throws TypeError for an argument of the wrong kind */
export function binding(
  exchange: Exchange,
  routingKey = '',
  args: Readonly<Record<string, unknown>> = {},
): QueueBinding {
  checkArgument(exchange, entity, 'The exchange of a binding');
  checkArgument(routingKey, text, 'The routing key of a binding');
  checkArgument(args, map, 'The arguments of a binding');
  return { exchange, routingKey, arguments: args };
}

/**
 * A queue; by default with a direct exchange and a routing key of its own name; with a fanout
 * exchange, which gives to all, without a routing key. With a `routingKey` and no `exchange` it
 * is bound to the default exchange of the app that knows it, as kombu's
 * `Queue(name, routing_key=…)` is. With `bindings` and no `exchange` it has these bindings and
 * no other.
 *
 * @throws TypeError for an option that does not exist or is of the wrong kind
 */
export function queue(name: string, options: QueueOptions = {}): Queue {
  checkArgument(name, nonEmpty, 'The name of a queue');
  checkOptions(options, QUEUE, 'a queue');
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
    ...given(options),
    ...(options.exchange == null && boundOnlyBy(options.bindings)),
  };
}

function boundOnlyBy(bindings: Queue['bindings'] | null): Partial<Queue> {
  const [first, ...others] = bindings ?? [];
  if (first === undefined) return {};
  const { exchange, routingKey, arguments: bindingArguments = {} } = first;
  return { exchange, routingKey, bindingArguments, bindings: others };
}

const { alias: _alias, ...OF_BROADCAST } = QUEUE;
export const BROADCAST: Kinds<Partial<Omit<Queue, 'alias'>>> = { ...OF_BROADCAST, name: nonEmpty };

/**
 * A queue of this worker's own: whatever is sent to `name` goes to every worker that has it.
 * The exchange is a fanout of that name. Celery: `kombu.common.Broadcast`
 */
export function broadcast(name: string, options: Partial<Omit<Queue, 'alias'>> = {}): Queue {
  checkArgument(name, nonEmpty, 'The name of a broadcast queue');
  checkOptions(options, BROADCAST, 'a broadcast queue');
  const { name: own, ...others } = options;
  return queue(own ?? `bcast.${randomUUID()}`, {
    alias: name,
    exchange: exchange(name, 'fanout'),
    // a worker's queues get the default key for it, as in Celery
    routingKey: '',
    autoDelete: true,
    ...others,
  });
}

/** Whether each worker has a queue of its own for these messages. */
export function isBroadcast({ alias }: Queue): boolean {
  return alias !== undefined;
}

/** The queue that only the worker of this node name consumes (`worker_direct`). */
export function workerDirect(nodeName: string): Queue {
  checkArgument(nodeName, nonEmpty, 'The node name of workerDirect');
  return queue(`${nodeName}.dq2`, { exchange: exchange('C.dq2'), routingKey: nodeName });
}
