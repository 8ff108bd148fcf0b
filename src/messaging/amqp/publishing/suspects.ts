/**
 * Which message a broker refuses. A refusal closes the channel without a word about the
 * message, and everything else that is on its way over that channel loses its confirmation.
 */
import { randomUUID } from 'node:crypto';
import { sleep } from '../../../base/time/backoff.ts';
import { bodyBytes, type Message } from '../../../wire/messages/message.ts';
import type { AmqpChannel, AmqpConnection } from '../driver.ts';
import { replyCode } from '../errors.ts';
import { amqpProperties, hasLongExpiration } from '../message.ts';

/** Brokers are known to refuse less than this many bytes only if somebody made it so. */
const LARGE = 4 * 1024 * 1024;
/** A name that stands for the consumer of the channel that it is published over. */
const DIRECT_REPLY = 'amq.rabbitmq.reply-to';
const ANSWER_SECONDS = 30;

/**
 * Whether only the broker can tell if it takes this message: it is large, speaks of users, of
 * further queues, or of a time to live beyond what every version allows.
 */
export function isSuspect(message: Message): boolean {
  const { body, headers, properties } = message;
  return (
    body.length >= LARGE ||
    headers.CC !== undefined ||
    headers.BCC !== undefined ||
    properties.reply_to === DIRECT_REPLY ||
    (properties.user_id !== undefined && properties.user_id !== null) ||
    hasLongExpiration(message)
  );
}

/**
 * The position of the first of these messages that the broker refuses; -1 if it refuses none.
 * They are published once more, to a queue that does not exist: the broker looks at a message
 * before it looks for its queues. What it takes it returns at once and in order, whereas it
 * forgets its confirmations when it closes a channel.
 */
export async function firstRefused(
  connection: AmqpConnection,
  messages: readonly Message[],
): Promise<number> {
  const channel = await new Promise<AmqpChannel>((resolve, reject) => {
    connection.createChannel((error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const timer = new AbortController();
  const found = await Promise.race([
    firstNotReturned(channel, messages),
    sleep(ANSWER_SECONDS, undefined, timer.signal).then(
      () => -1,
      () => -1,
    ),
  ]);
  timer.abort();
  if (found === -1) closeQuietly(channel);
  return found;
}

function firstNotReturned(channel: AmqpChannel, messages: readonly Message[]): Promise<number> {
  return new Promise(resolve => {
    let returned = 0;
    let isRefused = false;
    channel.on('error', error => {
      isRefused = replyCode(error) !== undefined;
    });
    channel.once('close', () => resolve(isRefused ? returned : -1));
    channel.on('return', () => {
      returned += 1;
      if (returned === messages.length) resolve(-1);
    });
    const nowhere = `tscelery.nowhere.${randomUUID()}`;
    for (const message of messages) {
      channel.publish('', nowhere, bodyBytes(message), amqpProperties(message, true));
    }
  });
}

function closeQuietly(channel: AmqpChannel): void {
  try {
    channel.close(() => {});
  } catch {
    // its connection has ended
  }
}
