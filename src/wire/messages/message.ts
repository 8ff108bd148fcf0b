/**
 * One message as any broker carries it: headers, properties and a body that nobody needs
 * to understand on the way. Field names are those on the wire.
 */

export type Headers = Record<string, unknown>;

export interface MessageProperties {
  correlation_id?: string;
  reply_to?: string;
  /** 1 transient, 2 persistent. */
  delivery_mode?: number;
  /** 0..255; which end is served first is the broker's affair (Redis 0, RabbitMQ 255). */
  priority?: number;
  /** Time to live as a string of whole milliseconds, which is what AMQP wants. */
  expiration?: string;
  [other: string]: unknown;
}

/** `base64` bodies stay encoded until somebody reads them, which is in a pool child. */
export type BodyEncoding = 'base64' | 'utf-8' | 'binary';

export interface Message {
  readonly body: string | Uint8Array;
  /** How `body` is written down here: `binary` is a Uint8Array, the others are strings. */
  readonly bodyEncoding: BodyEncoding;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly headers: Headers;
  readonly properties: MessageProperties;
}

export function bodyBytes(message: Message): Buffer {
  const { body, bodyEncoding } = message;
  if (typeof body !== 'string') return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return Buffer.from(body, bodyEncoding === 'base64' ? 'base64' : 'utf8');
}
