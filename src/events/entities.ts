import { randomUUID } from 'node:crypto';
import type { Transport } from '../messaging/contract.ts';
import { type Exchange, exchange, type Queue } from '../messaging/entities.ts';
import { listenerQueue } from '../messaging/listener-queue.ts';

/** @param name `event_exchange` */
export function eventExchange(
  name: string,
  { eventExchangeType }: Pick<Transport, 'eventExchangeType'>,
): Exchange {
  return exchange(name, eventExchangeType);
}

export interface EventQueueOptions {
  /** `event_queue_prefix` */
  readonly prefix: string;
  /** Seconds that an event may wait (`event_queue_ttl`). */
  readonly ttl: number;
  /** Seconds after which an unused queue is deleted (`event_queue_expires`). */
  readonly expires: number;
  readonly exclusive: boolean;
  readonly durable: boolean;
}

/**
 * A queue of its own for somebody who listens to events.
 *
 * @param routingKey which: `#` is all, `worker.#` those of workers
 * @throws ImproperlyConfigured for one that is exclusive and durable
 */
export function eventQueue(from: Exchange, routingKey: string, options: EventQueueOptions): Queue {
  const { prefix, ...rest } = options;
  return listenerQueue(`${prefix}.${randomUUID()}`, {
    ...{ ...rest, setting: 'event_queue' },
    ...{ exchange: from, routingKey },
  });
}
