/** The queue of somebody who listens for a while: to commands, to replies, to events. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { type Exchange, type Queue, queue } from './entities.ts';

export interface ListenerQueueOptions {
  /** With which the settings begin that say so, for example `event_queue`. */
  readonly setting: string;
  readonly exchange: Exchange;
  readonly routingKey: string;
  /** Seconds that a message may wait. */
  readonly ttl: number;
  /** Seconds after which the queue is deleted when nobody listens. */
  readonly expires: number;
  readonly exclusive: boolean;
  readonly durable: boolean;
}

/** @throws ImproperlyConfigured for one that is to be exclusive and durable */
export function listenerQueue(name: string, options: ListenerQueueOptions): Queue {
  const { setting, exchange, routingKey, ttl, expires, exclusive, durable } = options;
  if (exclusive && durable) {
    throw new ImproperlyConfigured(
      `${setting}_exclusive and ${setting}_durable exclude each other: an exclusive queue goes with its connection.`,
    );
  }
  return queue(name, {
    ...{ exchange, routingKey, durable, exclusive },
    autoDelete: true,
    noAck: true,
    messageTtl: ttl,
    expires,
  });
}
