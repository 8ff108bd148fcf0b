/**
 * How a dead message is written down: its body, content type and headers as they were, and one
 * header more that says how it died. Messages that RabbitMQ itself dead-lettered are understood
 * by their `x-death` headers.
 */
import { isPlainRecord } from '../../base/kind-of.ts';
import { fromIso, toIso } from '../dates.ts';
import { DELIVERY_COUNT, deliveryCount } from './envelope.ts';
import type { Headers, Message, MessageProperties } from './message.ts';

/** The header of ours. Python workers see it as a custom header of the task. */
export const DEAD_LETTER = 'tscelery_dead_letter';

/** Why workers give messages up. The first two are RabbitMQ's words, too. */
export const WORKER_REASONS = [
  'rejected',
  'delivery_limit',
  'failed',
  'unregistered',
  'undecodable',
  'invalid',
  'disallowed',
  'no_task',
] as const;
export type WorkerReason = (typeof WORKER_REASONS)[number];

export const DEATH_REASONS = [...WORKER_REASONS, 'expired', 'maxlen'] as const;

export interface Death {
  readonly reason: string;
  /** Empty when nobody said. */
  readonly error: string;
  /** Seconds since 1970; undefined when nobody said. */
  readonly diedAt: number | undefined;
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly deliveries: number;
  /** Node name; empty for a death in the broker. */
  readonly worker: string;
}

export interface DeadLetter extends Death {
  readonly by: 'worker' | 'broker';
  /** The body is the whole text that the broker had: it was no message. It cannot be sent again. */
  readonly isBareText: boolean;
}

/** What brokers note in the headers of a message on its way; none of it is the sender's. */
const BROKER_MARKS: ReadonlySet<string> = new Set([
  'redelivered',
  DELIVERY_COUNT,
  'x-acquired-count',
  'x-death',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-last-death-exchange',
  'x-last-death-queue',
  'x-last-death-reason',
]);

const PERSISTENT = 2;
const MOST_ERROR_TEXT = 2000;

/**
 * Without what brokers noted in them, which RabbitMQ would take for a cycle, and without our note
 * of a death before.
 */
export function publishedHeaders(headers: Headers): Headers {
  const kept = Object.entries(headers).filter(
    ([name]) => name !== DEAD_LETTER && !BROKER_MARKS.has(name),
  );
  return Object.fromEntries(kept);
}

/** The message for the dead-letter queue. It does not expire there and survives a restart. */
export function buryMessage(
  message: Message,
  death: Death,
  options: { readonly isBareText?: boolean } = {},
): Message {
  const { expiration, delivery_mode: mode, ...properties } = message.properties;
  const note: Record<string, unknown> = {
    reason: death.reason,
    error: death.error.slice(0, MOST_ERROR_TEXT),
    queue: death.queue,
    exchange: death.exchange,
    routing_key: death.routingKey,
    deliveries: death.deliveries,
    worker: death.worker,
  };
  if (death.diedAt !== undefined) note.died_at = toIso(death.diedAt);
  if (expiration !== undefined) note.expiration = expiration;
  if (mode !== undefined) note.delivery_mode = mode;
  if (options.isBareText) note.bare_text = true;
  return {
    ...message,
    headers: { ...publishedHeaders(message.headers), [DEAD_LETTER]: note },
    properties: { ...properties, delivery_mode: PERSISTENT },
  };
}

/** How the message died; undefined when it is no dead letter. Never throws. */
export function readDeadLetter(message: Message): DeadLetter | undefined {
  const note = message.headers[DEAD_LETTER];
  return isPlainRecord(note) ? fromWorker(note) : fromBroker(message.headers);
}

/** The message as it was published first. */
export function reviveMessage(message: Message): Message {
  const note = message.headers[DEAD_LETTER];
  const properties: MessageProperties = { ...message.properties };
  if (isPlainRecord(note)) {
    delete properties.delivery_mode;
    if (typeof note.delivery_mode === 'number') properties.delivery_mode = note.delivery_mode;
    if (typeof note.expiration === 'string') properties.expiration = note.expiration;
  }
  return { ...message, headers: publishedHeaders(message.headers), properties };
}

function fromWorker(note: Record<string, unknown>): DeadLetter {
  return {
    by: 'worker',
    reason: text(note.reason) || 'rejected',
    error: text(note.error),
    diedAt: secondsOf(note.died_at),
    queue: text(note.queue),
    exchange: text(note.exchange),
    routingKey: text(note.routing_key),
    deliveries: typeof note.deliveries === 'number' ? note.deliveries : 1,
    worker: text(note.worker),
    isBareText: note.bare_text === true,
  };
}

/** Queues in which messages wait for their time: leaving those is no death. */
const WAITING_ROOM = /(^|_)celery_delayed_\d+$|^tscelery\.(delayed|parked)\b/;

/** RabbitMQ puts the latest death first. */
function fromBroker(headers: Headers): DeadLetter | undefined {
  const deaths = Array.isArray(headers['x-death']) ? headers['x-death'] : [];
  const death = deaths.find(
    (each: unknown) => isPlainRecord(each) && !WAITING_ROOM.test(text(each.queue)),
  ) as Record<string, unknown> | undefined;
  if (!death) return undefined;
  const keys = death['routing-keys'];
  return {
    by: 'broker',
    reason: text(death.reason),
    error: '',
    diedAt: secondsOf(death.time),
    queue: text(death.queue),
    exchange: text(death.exchange),
    routingKey: Array.isArray(keys) ? text(keys[0]) : '',
    deliveries: deliveryCount(headers) + 1,
    worker: '',
    isBareText: false,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** AMQP timestamps are whole seconds, and drivers wrap them in various ways. */
function secondsOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.getTime() / 1000;
  if (isPlainRecord(value)) return secondsOf(value.value);
  if (typeof value !== 'string') return undefined;
  try {
    return fromIso(value);
  } catch {
    return undefined;
  }
}
