/**
 * The JSON document in which every broker without messages of its own (Redis, SQL, …)
 * carries a message. Python workers die of an envelope with parts missing, so we always
 * write all of them, and survive whatever we read.
 */

import { isPlainRecord } from '../../base/kind-of.ts';
import { DecodeError } from '../errors.ts';
import { jsonDecode, jsonEncode } from '../serializers/json.ts';
import type { BodyEncoding, Headers, Message, MessageProperties } from './message.ts';

export interface EnvelopeAddress {
  /** Empty when the routing key is a queue's name, as in AMQP. */
  readonly exchange: string;
  readonly routingKey: string;
  /**
   * Unique per publish, since Python's consumers hold messages by it; stays the same when the
   * message is delivered again.
   */
  readonly deliveryTag: string;
}

export interface ReadEnvelope {
  readonly message: Message;
  readonly exchange: string;
  readonly routingKey: string;
  readonly deliveryTag: string | undefined;
  readonly redelivered: boolean;
}

/** Throws EncodeError when a header or property cannot be written as JSON. */
export function encodeEnvelope(message: Message, address: EnvelopeAddress): string {
  const { properties } = message;
  const all: Record<string, unknown> = {};
  for (const key in properties) if (key !== 'priority') all[key] = properties[key];
  all.delivery_info = { exchange: address.exchange, routing_key: address.routingKey };
  all.priority = properties.priority ?? 0;
  all.body_encoding = 'base64';
  all.delivery_tag = address.deliveryTag;
  const headers = jsonEncode(message.headers, { name: 'headers' });
  const rest = jsonEncode(all, { name: 'properties' });
  const encoding = JSON.stringify(message.contentEncoding);
  const type = JSON.stringify(message.contentType);
  return `{"body": "${base64Body(message)}", "content-encoding": ${encoding}, "content-type": ${type}, "headers": ${headers}, "properties": ${rest}}`;
}

function base64Body(message: Message): string {
  const { body, bodyEncoding } = message;
  if (typeof body === 'string') {
    return bodyEncoding === 'base64' ? body : Buffer.from(body, 'utf8').toString('base64');
  }
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
}

/**
 * Missing parts get kombu's defaults, parts of a wrong type are left out. Throws DecodeError
 * when the text is not JSON or has nothing of an envelope.
 */
export function decodeEnvelope(raw: string): ReadEnvelope {
  const envelope = readEnvelope(raw);
  const properties = asRecord(envelope.properties);
  const headers = asRecord(envelope.headers);
  const info = asRecord(properties.delivery_info);
  return {
    message: {
      body: bodyText(envelope.body),
      bodyEncoding: bodyEncoding(properties.body_encoding),
      contentType: textOr(envelope['content-type'], 'application/data'),
      contentEncoding: textOr(envelope['content-encoding'], 'utf-8'),
      headers,
      properties: messageProperties(properties),
    },
    exchange: textOr(info.exchange, ''),
    routingKey: textOr(info.routing_key, ''),
    deliveryTag: typeof properties.delivery_tag === 'string' ? properties.delivery_tag : undefined,
    redelivered: info.redelivered === true || headers.redelivered === true,
  };
}

/** Header that counts how often a message came to nothing; RabbitMQ's quorum queues use the same. */
export const DELIVERY_COUNT = 'x-delivery-count';

/** How often the message of these headers was given back because it, or its worker, came to harm. */
export function deliveryCount(headers: Headers): number {
  const count = headers[DELIVERY_COUNT];
  return typeof count === 'number' && count > 0 ? count : 0;
}

/**
 * The envelope as Python's transports put it back: marked as delivered before, and with
 * `counted` one delivery more in `x-delivery-count`. Throws DecodeError.
 */
export function markRedelivered(raw: string, options: { counted?: boolean } = {}): string {
  const envelope = readEnvelope(raw, { typed: false });
  const properties = asRecord(envelope.properties);
  const info = asRecord(properties.delivery_info);
  const headers = asRecord(envelope.headers);
  return jsonEncode({
    ...envelope,
    headers: {
      ...headers,
      redelivered: true,
      ...(options.counted ? { [DELIVERY_COUNT]: deliveryCount(headers) + 1 } : {}),
    },
    properties: { ...properties, delivery_info: { ...info, redelivered: true } },
  });
}

function readEnvelope(raw: string, options?: { typed: boolean }): Record<string, unknown> {
  const value = jsonDecode(raw, options);
  if (!isPlainRecord(value)) {
    throw new DecodeError(`Not a message envelope: ${excerpt(raw)} is not an object.`);
  }
  if (!('body' in value || 'headers' in value || 'properties' in value)) {
    throw new DecodeError(
      `Not a message envelope: ${excerpt(raw)} has no body, headers or properties.`,
    );
  }
  return value;
}

function excerpt(raw: string): string {
  return JSON.stringify(raw.length > 80 ? `${raw.slice(0, 80)}…` : raw);
}

function bodyText(body: unknown): string {
  if (typeof body === 'string') return body;
  if (body === undefined || body === null) return '';
  throw new DecodeError(`The body of a message envelope is not text but ${typeof body}.`);
}

function bodyEncoding(name: unknown): BodyEncoding {
  if (name === 'base64') return 'base64';
  if (name === undefined || name === null || name === 'utf-8') return 'utf-8';
  throw new DecodeError(
    `Unknown body_encoding ${excerpt(String(name))} (expected base64 or utf-8).`,
  );
}

/** Without what belongs to the envelope; known properties only with the type they must have. */
function messageProperties(read: Record<string, unknown>): MessageProperties {
  const properties: MessageProperties = {};
  for (const key in read) {
    const value = read[key];
    switch (key) {
      case 'delivery_info':
      case 'delivery_tag':
      case 'body_encoding':
        break;
      case 'correlation_id':
      case 'reply_to':
        if (typeof value === 'string') properties[key] = value;
        break;
      case 'delivery_mode':
      case 'priority':
        if (typeof value === 'number' && Number.isFinite(value)) properties[key] = value;
        break;
      case 'expiration':
        if (typeof value === 'string' || typeof value === 'number') properties[key] = String(value);
        break;
      case '__proto__':
        break;
      default:
        properties[key] = value;
    }
  }
  return properties;
}

/** Typed values, bytes for example, are no record: they have methods to iterate over. */
function asRecord(value: unknown): Headers {
  return isPlainRecord(value) ? value : {};
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}
