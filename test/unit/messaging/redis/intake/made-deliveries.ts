/** Deliveries of a Redis consumer, made by hand. */
import { RedisDelivery, type Settler } from '../../../../../src/messaging/redis/intake/delivery.ts';
import { encodeEnvelope } from '../../../../../src/wire/messages/envelope.ts';
import { buildTaskMessage } from '../../../../../src/wire/messages/task-message.ts';

/** Where they were taken from. */
export const SOURCE = { queue: 'celery', list: 'celery' };

/** What a list has for a call of `t.add`. */
export function envelopeText(priority?: number): string {
  const message = buildTaskMessage({ task: 't.add', id: '1', args: [], kwargs: {}, priority });
  return encodeEnvelope(message, { exchange: '', routingKey: 'celery', deliveryTag: 'd' });
}

export function deliveryNumber(number: number, settler?: Settler, raw = '{"body": ""}') {
  return new RedisDelivery(raw, `consumer-${number}`, SOURCE, settler);
}
