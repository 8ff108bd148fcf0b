import { randomUUID } from 'node:crypto';
import { type Exchange, exchange, type Queue } from '../messaging/entities.ts';
import { listenerQueue } from '../messaging/listener-queue.ts';

/** Brokers whose topics cannot be heard by everybody: there it is a fanout, as in Celery. */
const WITHOUT_TOPICS: ReadonlySet<string> = new Set(['redis', 'sqla+sqlite']);

/**
 * @param name `event_exchange`
 * @param transport name of the broker's transport
 */
export function eventExchange(name: string, transport: string): Exchange {
  return exchange(name, WITHOUT_TOPICS.has(transport) ? 'fanout' : 'topic');
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
