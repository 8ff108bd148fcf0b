/**
 * Events as they travel: what a worker or a client tells about itself and its tasks. A message
 * holds one event, or a list of them that were collected for a moment.
 */
import { isPlainRecord } from '../../base/kind-of.ts';
import { decodeContent, serializerNamed } from '../content.ts';
import { DecodeError } from '../errors.ts';
import { bodyBytes, type Message } from './message.ts';

/** Type under which a list of task events is sent, whatever they are. */
export const TASK_BATCH = 'task-multi';

export interface EventStamp {
  /** Node name. */
  readonly hostname: string;
  /** Whole hours, positive to the west of UTC: Python's monitors shift the timestamp by them. */
  readonly utcoffset: number;
  readonly pid: number;
  /** The teller's logical clock. */
  readonly clock: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** One event; which other fields it has follows from its type. */
export interface Event extends EventStamp {
  /** `group-what`, for example `task-received`. */
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What an event tells besides who tells it, and when. */
export type EventFields = Readonly<Record<string, unknown>>;

/** All of it in Python's order. */
export function eventOf(type: string, stamp: EventStamp, fields: EventFields): Event {
  const { hostname, utcoffset, pid, clock, timestamp } = stamp;
  return { hostname, utcoffset, pid, clock, ...fields, timestamp, type };
}

/**
 * As Python has it: hours west of UTC in whole numbers, summer time included.
 *
 * @param minutes what `Date.prototype.getTimezoneOffset` gives
 */
export function utcOffset(minutes: number): number {
  // a zone at zero must not become -0
  return Math.floor(minutes / 60) || 0;
}

export function eventRoutingKey(type: string): string {
  return type.replaceAll('-', '.');
}

/** `task` of `task-received`. */
export function eventGroup(type: string): string {
  const dash = type.indexOf('-');
  return dash < 0 ? type : type.slice(0, dash);
}

export interface EventMessageOptions {
  readonly hostname: string;
  readonly serializer: string;
}

/** @throws EncodeError for a value that the serializer (`event_serializer`) does not know */
export function buildEventMessage(event: Event, options: EventMessageOptions): Message {
  return eventMessage(serializerNamed(options.serializer).encode(event), options);
}

/** @param data the event, or a list of them, as the serializer writes them */
export function eventMessage(data: string | Uint8Array, options: EventMessageOptions): Message {
  const { contentType, contentEncoding } = serializerNamed(options.serializer);
  return {
    body: data,
    bodyEncoding: typeof data === 'string' ? 'utf-8' : 'binary',
    contentType,
    contentEncoding,
    headers: { hostname: options.hostname },
    properties: { delivery_mode: 1 },
  };
}

export interface ReadEvents {
  readonly events: readonly Event[];
  /** How many were in the message besides that nobody could understand. */
  readonly refused: number;
}

/**
 * The events in a message, in their order. One without a type, a node or a time is left out.
 *
 * @throws DecodeError or ContentDisallowed for what holds no events
 */
export function readEvents(message: Message, accept: ReadonlySet<string>): ReadEvents {
  const { contentType, contentEncoding } = message;
  const body = decodeContent(bodyBytes(message), contentType, contentEncoding, accept);
  if (!Array.isArray(body)) {
    if (!isEvent(body)) throw new DecodeError('The message holds no event.');
    return { events: [body], refused: 0 };
  }
  const events = body.filter(isEvent);
  return { events, refused: body.length - events.length };
}

function isEvent(value: unknown): value is Event {
  return (
    isPlainRecord(value) &&
    typeof value.type === 'string' &&
    value.type !== '' &&
    typeof value.hostname === 'string' &&
    Number.isFinite(value.timestamp)
  );
}
