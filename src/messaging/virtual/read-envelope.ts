import { DecodeError } from '../../wire/errors.ts';
import { decodeEnvelope } from '../../wire/messages/envelope.ts';
import type { DeliveryContent } from './held-delivery.ts';

/** What was in a queue as a delivery's content; text that is no envelope becomes its `problem`. */
export function readEnvelope(queue: string, raw: string): DeliveryContent {
  try {
    const { message, exchange, routingKey, redelivered } = decodeEnvelope(raw);
    return { queue, exchange, routingKey, redelivered, message, raw };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const message = {
      body: raw,
      bodyEncoding: 'utf-8',
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      headers: {},
      properties: {},
    } as const;
    return {
      queue,
      exchange: '',
      routingKey: queue,
      redelivered: false,
      message,
      raw,
      problem: error,
    };
  }
}
