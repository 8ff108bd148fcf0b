/** The exchanges of remote control, and the queues of those who listen there: nodes and callers. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { type Exchange, exchange, type Queue, queue } from '../messaging/entities.ts';
import { controlNames } from '../wire/messages/control.ts';

export interface ControlEntities {
  /** `control_exchange`, with which all names begin. */
  readonly namespace: string;
  /** Seconds that a message may wait (`control_queue_ttl`). */
  readonly ttl: number;
  /** Seconds after which an unused queue is deleted (`control_queue_expires`). */
  readonly expires: number;
  /** `control_queue_exclusive` */
  readonly exclusive: boolean;
  /** `control_queue_durable` */
  readonly durable: boolean;
}

export function controlExchange(namespace: string): Exchange {
  return exchange(controlNames.exchange(namespace), 'fanout', { durable: false });
}

export function replyExchange(name: string): Exchange {
  return exchange(name, 'direct', { durable: false });
}

/** What a node hears. @throws ImproperlyConfigured for queues that are exclusive and durable */
export function inboxQueue(hostname: string, entities: ControlEntities): Queue {
  const { namespace } = entities;
  const name = controlNames.inbox(namespace, hostname);
  return controlQueue({ name, from: controlExchange(namespace), routingKey: '' }, entities);
}

/** What a caller hears. @throws ImproperlyConfigured for queues that are exclusive and durable */
export function replyQueue(oid: string, entities: ControlEntities): Queue {
  const { namespace } = entities;
  const name = controlNames.replyQueue(namespace, oid);
  const from = replyExchange(controlNames.replyExchange(namespace));
  return controlQueue({ name, from, routingKey: oid }, entities);
}

function controlQueue(
  { name, from, routingKey }: { name: string; from: Exchange; routingKey: string },
  { ttl, expires, exclusive, durable }: ControlEntities,
): Queue {
  if (exclusive && durable) {
    throw new ImproperlyConfigured(
      'control_queue_exclusive and control_queue_durable exclude each other: an exclusive queue goes with its connection.',
    );
  }
  return queue(name, {
    exchange: from,
    routingKey,
    durable,
    exclusive,
    autoDelete: true,
    noAck: true,
    messageTtl: ttl,
    expires,
  });
}
