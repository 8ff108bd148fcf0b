/** Queues as remote control shows them, in kombu's words. */
import type { ExchangeInfo, QueueInfo } from '../../control/replies.ts';
import type { Exchange, Queue, QueueBinding } from '../../messaging/entities.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** kombu has None where there is nothing. */
const orNull = (args: Arguments) => (Object.keys(args).length > 0 ? args : null);

export function queueInfo(queue: Queue): QueueInfo {
  return {
    name: queue.name,
    exchange: exchangeInfo(queue.exchange),
    routing_key: queue.routingKey,
    queue_arguments: orNull(queue.queueArguments),
    binding_arguments: orNull(queue.bindingArguments),
    consumer_arguments: orNull(queue.consumerArguments),
    durable: queue.durable,
    exclusive: queue.exclusive,
    auto_delete: queue.autoDelete,
    no_ack: queue.noAck,
    alias: queue.alias ?? null,
    bindings: (queue.bindings ?? []).map(bindingInfo),
    no_declare: queue.noDeclare ?? null,
    expires: queue.expires ?? null,
    message_ttl: queue.messageTtl ?? null,
    max_length: queue.maxLength ?? null,
    max_length_bytes: queue.maxLengthBytes ?? null,
    max_priority: queue.maxPriority ?? null,
  };
}

function exchangeInfo(exchange: Exchange): ExchangeInfo {
  return {
    name: exchange.name,
    type: exchange.type,
    arguments: orNull(exchange.arguments),
    durable: exchange.durable,
    passive: false,
    auto_delete: exchange.autoDelete,
    delivery_mode: null,
    no_declare: false,
  };
}

function bindingInfo({ exchange, routingKey, arguments: args = {} }: QueueBinding) {
  return {
    exchange: exchangeInfo(exchange),
    routing_key: routingKey,
    arguments: orNull(args),
  };
}
