/**
 * Task messages, protocol 2 (headers, and a body `[args, kwargs, embed]`) and protocol 1
 * (everything in the body). This file builds them; task-headers.ts and task-body.ts read them.
 */

import { hostname } from 'node:os';
import { isPlainRecord } from '../../base/kind-of.ts';
import { argsRepr, saferepr } from '../../base/text/saferepr.ts';
import { compress } from '../compression/compression.ts';
import { serializerNamed } from '../content.ts';
import { fromIso, toIso } from '../dates.ts';
import { jsonEncode } from '../serializers/json.ts';
import type { Headers, Message, MessageProperties } from './message.ts';

export type { TaskBody } from './task-body.ts';
export { readTaskBody } from './task-body.ts';
export type { TaskHeaders } from './task-headers.ts';
export {
  customHeaders,
  headersWithoutDates,
  isTaskMessage,
  readTaskHeaders,
} from './task-headers.ts';

/** One call of a task, before it is a message. Durations and instants are in seconds. */
export interface TaskCall {
  readonly task: string;
  readonly id: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Whether monitors show the arguments as `(1, 2)` (default) or `[1, 2]`. */
  readonly argsAsTuple?: boolean | undefined;
  readonly shadow?: string | null | undefined;
  /** Not before: seconds since 1970 or ISO 8601. */
  readonly eta?: number | string | null | undefined;
  /** Not after: seconds since 1970 or ISO 8601. */
  readonly expires?: number | string | null | undefined;
  /** Time to live in the queue, when it is not what `expires` leaves. */
  readonly expirationSeconds?: number | null | undefined;
  readonly group?: string | null | undefined;
  readonly groupIndex?: number | null | undefined;
  readonly retries?: number | undefined;
  readonly timeLimit?: number | null | undefined;
  readonly softTimeLimit?: number | null | undefined;
  /** Default: the task's own id. */
  readonly rootId?: string | null | undefined;
  readonly parentId?: string | null | undefined;
  readonly ignoreResult?: boolean | undefined;
  readonly replacedTaskNesting?: number | undefined;
  readonly stampedHeaders?: readonly string[] | null | undefined;
  readonly stamps?: Readonly<Record<string, unknown>> | undefined;
  readonly callbacks?: readonly unknown[] | null | undefined;
  readonly errbacks?: readonly unknown[] | null | undefined;
  /** Remaining steps, the next one last, because Python pops it. */
  readonly chain?: readonly unknown[] | null | undefined;
  readonly chord?: unknown;
  /** Custom headers, merged in last, as in Celery. */
  readonly headers?: Readonly<Record<string, unknown>> | null | undefined;
  readonly replyTo?: string | null | undefined;
  readonly priority?: number | null | undefined;
  /** 2 (default) survives a restart of the broker, 1 does not. */
  readonly deliveryMode?: number | undefined;
  /** Default `json`. */
  readonly serializer?: string | undefined;
  readonly compression?: string | null | undefined;
  /** Default `gen<pid>@<host>`. */
  readonly origin?: string | undefined;
  readonly argsrepr?: string | null | undefined;
  readonly kwargsrepr?: string | null | undefined;
  readonly protocol?: 1 | 2 | undefined;
  /** What protocol 1 says of `enable_utc`; default true. */
  readonly utc?: boolean | undefined;
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
  /** The present, in seconds since 1970; for `expiration`. */
  readonly now?: number | undefined;
}

const ORIGIN = `gen${process.pid}@${hostname()}`;
const PERSISTENT = 2;

/**
 * Throws TypeError for arguments of the wrong shape, RangeError for a date that is none,
 * EncodeError for a value that cannot be sent and SerializerNotInstalled.
 */
export function buildTaskMessage(call: TaskCall): Message {
  assertCall(call);
  const eta = isoOrNull(call.eta);
  const expires = isoOrNull(call.expires);
  const v1 = call.protocol === 1;
  const { data, contentType, contentEncoding } = v1
    ? serialize(call, protocol1Body(call, eta, expires))
    : serializeProtocol2(call);
  const headers = v1 ? {} : protocol2Headers(call, eta, expires);
  if (call.headers) addCustomHeaders(headers, call.headers);
  let body = data;
  if (call.compression) {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
    const compressed = compress(bytes, call.compression);
    headers.compression = compressed.type;
    body = compressed.data;
  }
  return {
    body,
    bodyEncoding: typeof body === 'string' ? 'utf-8' : 'binary',
    contentType,
    contentEncoding,
    headers,
    properties: taskProperties(call, expires),
  };
}

function assertCall(call: TaskCall): void {
  if (typeof call.task !== 'string' || call.task === '') {
    throw new TypeError(`A task's name must be a non-empty string, not ${saferepr(call.task)}.`);
  }
  if (typeof call.id !== 'string' || call.id === '') {
    throw new TypeError(`A task's id must be a non-empty string, not ${saferepr(call.id)}.`);
  }
  if (!Array.isArray(call.args)) {
    throw new TypeError(`Task arguments must be an array, not ${saferepr(call.args)}.`);
  }
  if (!isPlainRecord(call.kwargs)) {
    throw new TypeError(`Task keyword arguments must be an object, not ${saferepr(call.kwargs)}.`);
  }
}

/** Header names and their order are Celery 5.6's. */
function protocol2Headers(call: TaskCall, eta: string | null, expires: string | null): Headers {
  const stamps = call.stamps ?? {};
  if (call.stamps) jsonEncode(stamps, { name: 'stamps' });
  return {
    lang: 'js',
    task: call.task,
    id: call.id,
    shadow: call.shadow ?? null,
    eta,
    expires,
    group: call.group ?? null,
    group_index: call.groupIndex ?? null,
    retries: call.retries ?? 0,
    timelimit: [call.timeLimit ?? null, call.softTimeLimit ?? null],
    root_id: call.rootId ?? call.id,
    parent_id: call.parentId ?? null,
    argsrepr: call.argsrepr ?? argsRepr(call.args, call.argsAsTuple ?? true),
    kwargsrepr: call.kwargsrepr ?? saferepr(call.kwargs),
    origin: call.origin ?? ORIGIN,
    ignore_result: call.ignoreResult ?? false,
    replaced_task_nesting: call.replacedTaskNesting ?? 0,
    stamped_headers: call.stampedHeaders ?? null,
    stamps,
  };
}

function addCustomHeaders(headers: Headers, custom: Readonly<Record<string, unknown>>): void {
  // Now, while the caller can still be told, and not when the transport writes the envelope.
  jsonEncode(custom, { name: 'headers' });
  for (const key of Object.keys(custom)) {
    if (key !== '__proto__' && custom[key] !== undefined) headers[key] = custom[key];
  }
}

function taskProperties(call: TaskCall, expires: string | null): MessageProperties {
  const properties: MessageProperties = {
    correlation_id: call.id,
    reply_to: call.replyTo ?? '',
    delivery_mode: call.deliveryMode ?? PERSISTENT,
  };
  const seconds = call.expirationSeconds ?? secondsLeft(expires, call.now);
  if (seconds !== null) properties.expiration = expirationText(seconds);
  if (call.priority !== undefined && call.priority !== null) properties.priority = call.priority;
  if (call.properties) Object.assign(properties, call.properties);
  return properties;
}

function secondsLeft(expires: string | null, now: number | undefined): number | null {
  return expires === null ? null : fromIso(expires) - (now ?? Date.now() / 1000);
}

function expirationText(seconds: number): string {
  // Microseconds first: a minute from now must not become 59999 for the sake of a last bit.
  const milliseconds = Math.floor(Math.round(seconds * 1e6) / 1e3);
  return String(Math.max(0, milliseconds));
}

function isoOrNull(instant: number | string | null | undefined): string | null {
  if (instant === undefined || instant === null) return null;
  if (typeof instant === 'number') return toIso(instant);
  fromIso(instant);
  return instant;
}

interface Serialized {
  readonly data: string | Uint8Array;
  readonly contentType: string;
  readonly contentEncoding: string;
}

function serialize(call: TaskCall, value: unknown): Serialized {
  const serializer = serializerNamed(call.serializer ?? 'json');
  const { contentType, contentEncoding } = serializer;
  return { data: serializer.encode(value), contentType, contentEncoding };
}

const NO_EMBED = '{"callbacks": null, "errbacks": null, "chain": null, "chord": null}';

function serializeProtocol2(call: TaskCall): Serialized {
  const { args, kwargs, callbacks = null, errbacks = null, chain = null, chord = null } = call;
  const embed = { callbacks, errbacks, chain, chord };
  if (call.serializer !== undefined && call.serializer !== 'json') {
    return serialize(call, [args, kwargs, embed]);
  }
  const plain = callbacks === null && errbacks === null && chain === null && chord === null;
  const parts = [
    jsonEncode(args, { name: 'args' }),
    jsonEncode(kwargs, { name: 'kwargs' }),
    plain ? NO_EMBED : jsonEncode(embed, { name: 'embed' }),
  ];
  return {
    data: `[${parts.join(', ')}]`,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
  };
}

function protocol1Body(call: TaskCall, eta: string | null, expires: string | null): object {
  return {
    task: call.task,
    id: call.id,
    args: call.args,
    kwargs: call.kwargs,
    group: call.group ?? null,
    group_index: call.groupIndex ?? null,
    retries: call.retries ?? 0,
    eta,
    expires,
    utc: call.utc ?? true,
    callbacks: protocol1Callbacks(call),
    errbacks: call.errbacks ?? null,
    timelimit: [call.timeLimit ?? null, call.softTimeLimit ?? null],
    taskset: call.group ?? null,
    chord: call.chord ?? null,
  };
}

/** Protocol 1 knows no chains: each step is a callback of the step before. */
function protocol1Callbacks(call: TaskCall): readonly unknown[] | null {
  let next: Record<string, unknown> | undefined;
  for (const step of (call.chain ?? []) as Record<string, unknown>[]) {
    next = next === undefined ? step : withLink(step, next);
  }
  if (next === undefined) return call.callbacks ?? null;
  return [...(call.callbacks ?? []), next];
}

function withLink(step: Record<string, unknown>, link: unknown): Record<string, unknown> {
  const options = (step.options ?? {}) as Record<string, unknown>;
  const links = (options.link ?? []) as unknown[];
  return { ...step, options: { ...options, link: [...links, link] } };
}
