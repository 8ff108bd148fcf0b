/** The exchanges of remote control, and the queues of those who listen there: nodes and callers. */
import { type Exchange, exchange, type Queue } from '../messaging/entities.ts';
import { listenerQueue } from '../messaging/listener-queue.ts';
import { controlNames } from '../wire/messages/control.ts';

/** How the settings of its queues begin. */
const SETTING = 'control_queue';

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
  const { namespace, ...rest } = entities;
  return listenerQueue(controlNames.inbox(namespace, hostname), {
    ...{ ...rest, setting: SETTING },
    ...{ exchange: controlExchange(namespace), routingKey: '' },
  });
}

/** What a caller hears. @throws ImproperlyConfigured for queues that are exclusive and durable */
export function replyQueue(oid: string, entities: ControlEntities): Queue {
  const { namespace, ...rest } = entities;
  return listenerQueue(controlNames.replyQueue(namespace, oid), {
    ...{ ...rest, setting: SETTING },
    ...{ exchange: replyExchange(controlNames.replyExchange(namespace)), routingKey: oid },
  });
}
