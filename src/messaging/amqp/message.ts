/** Our messages as AMQP has them, and back. Bodies are raw bytes: base64 is only for envelopes of JSON. */
import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../../wire/errors.ts';
import type { Message, MessageProperties } from '../../wire/messages/message.ts';
import type { AmqpMessage, PublishProperties } from './driver.ts';
import { type FieldTable, UNREADABLE } from './field-table.ts';

const PROPERTIES = [
  ['correlation_id', 'correlationId'],
  ['reply_to', 'replyTo'],
  ['delivery_mode', 'deliveryMode'],
  ['priority', 'priority'],
  ['expiration', 'expiration'],
  ['message_id', 'messageId'],
  ['timestamp', 'timestamp'],
  ['type', 'type'],
  ['user_id', 'userId'],
  ['app_id', 'appId'],
] as const;

/** In ms; every version of RabbitMQ takes this much, and 3.x no more. */
const LONGEST_EXPIRATION = 2 ** 32 - 1;

/** What kombu assumes of a message that does not say, since other programs send such. */
const DEFAULT_TYPE = 'application/data';
const DEFAULT_ENCODING = 'binary';
const UTF8 = /^utf-?8$/i;

/** @throws RangeError for values that would make the broker close the channel */
export function amqpProperties(message: Message, mandatory: boolean): PublishProperties {
  const { properties } = message;
  check(properties);
  const result: Record<string, unknown> = {
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    headers: message.headers,
    mandatory,
  };
  for (const [ours, theirs] of PROPERTIES) {
    const value = properties[ours];
    if (value !== undefined && value !== null) result[theirs] = value;
  }
  // its worker discards it then; a time to live cannot
  if (isLong(properties.expiration) && typeof message.headers.expires === 'string') {
    delete result.expiration;
  }
  return result;
}

/** Whether it says a time to live that some versions of RabbitMQ do not take. */
export const hasLongExpiration = ({ headers, properties }: Message): boolean =>
  isLong(properties.expiration) && typeof headers.expires !== 'string';

const isLong = (expiration: string | null | undefined): boolean =>
  expiration !== undefined && Number(expiration) > LONGEST_EXPIRATION;

const DIGITS = /^\d+$/;
const isPriority = (value: number) => Number.isInteger(value) && value >= 0 && value <= 255;

function check({ delivery_mode: mode, priority, expiration }: MessageProperties): void {
  if (mode != null && mode !== 1 && mode !== 2) {
    throw new RangeError(`delivery_mode should be 1 or 2, not ${JSON.stringify(mode)}`);
  }
  if (priority != null && !isPriority(priority)) {
    throw new RangeError(`priority should be 0 to 255, not ${priority}`);
  }
  if (expiration != null && !DIGITS.test(expiration)) {
    throw new RangeError(
      `expiration should be a text of whole milliseconds, not ${JSON.stringify(expiration)}`,
    );
  }
}

/** A message as it was delivered, and why it cannot be understood if so. */
export function readMessage({ properties, content }: AmqpMessage): {
  message: Message;
  problem: DecodeError | undefined;
} {
  const headers: FieldTable = properties.headers ?? {};
  const given = properties as unknown as Record<string, unknown>;
  const read: Record<string, unknown> = {};
  for (const [ours, theirs] of PROPERTIES) {
    const value = given[theirs];
    if (value !== undefined) read[ours] = value;
  }
  const unreadable = headers[UNREADABLE];
  const contentEncoding = (given.contentEncoding as string | undefined) ?? DEFAULT_ENCODING;
  const isText = UTF8.test(contentEncoding) && isUtf8(content);
  return {
    // not put together with a spread: V8 would make a hidden class for each message
    message: {
      // Text as a string, which travels to pool children faster. Bytes are copied, lest a message
      // that is held for hours holds the 64 KiB that it was read with.
      body: isText ? content.toString('utf8') : new Uint8Array(content),
      bodyEncoding: isText ? 'utf-8' : 'binary',
      contentType: (given.contentType as string | undefined) ?? DEFAULT_TYPE,
      contentEncoding,
      headers,
      properties: read as MessageProperties,
    },
    problem:
      unreadable === undefined
        ? undefined
        : new DecodeError(`The headers of the message cannot be read: ${unreadable}.`),
  };
}
