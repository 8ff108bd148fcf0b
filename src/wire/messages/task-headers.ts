/**
 * What a worker must know about a task message before anybody looks at its arguments.
 * Reading is forgiving about everything but the task's name, its id and its dates.
 */

import { CeleryError } from '../../base/errors.ts';
import { isPlainRecord } from '../../base/kind-of.ts';
import { argsRepr, saferepr } from '../../base/text/saferepr.ts';
import { acceptedContentTypes } from '../content.ts';
import { fromIso } from '../dates.ts';
import { DecodeError, InvalidTaskError } from '../errors.ts';
import { TypedValue } from '../serializers/json.ts';
import type { Headers, Message } from './message.ts';
import { decodeBody } from './task-body.ts';

export interface TaskHeaders {
  readonly task: string;
  readonly id: string;
  /** Shown instead of `task` in logs and events. */
  readonly shadow: string | null;
  /** Seconds since 1970. */
  readonly eta: number | null;
  readonly etaText: string | null;
  /** Seconds since 1970. */
  readonly expires: number | null;
  readonly expiresText: string | null;
  readonly group: string | null;
  readonly groupIndex: number | null;
  readonly retries: number;
  /** Seconds: hard limit, soft limit. */
  readonly timelimit: readonly [hard: number | null, soft: number | null];
  readonly rootId: string;
  readonly parentId: string | null;
  readonly argsrepr: string;
  readonly kwargsrepr: string;
  readonly origin: string;
  /** null when the message does not say, so that the task's own setting counts. */
  readonly ignoreResult: boolean | null;
  readonly replacedTaskNesting: number;
  readonly replyTo: string;
  readonly correlationId: string;
  readonly stampedHeaders: readonly string[] | null;
  readonly stamps: Readonly<Record<string, unknown>>;
  readonly compression: string | null;
  readonly lang: string;
  readonly protocol: 1 | 2;
}

const JSON_ONLY = acceptedContentTypes(['json']);

/** Names that `buildTaskMessage` and brokers write; everything else in the headers is custom. */
const OWN_HEADERS: ReadonlySet<string> = new Set(
  (
    'lang task id shadow eta expires group group_index retries timelimit root_id parent_id ' +
    'argsrepr kwargsrepr origin ignore_result replaced_task_nesting stamped_headers stamps ' +
    'compression redelivered x-death x-first-death-exchange x-first-death-queue ' +
    'x-first-death-reason x-last-death-exchange x-last-death-queue x-last-death-reason ' +
    'x-delivery-count x-acquired-count'
  ).split(' '),
);

/** Whether the protocol or the broker gives a header of this name its meaning. */
export const isOwnHeader = (name: string): boolean => OWN_HEADERS.has(name);

/**
 * Reads headers only; for protocol 1, which has none, the body is decoded (when `accept`
 * allows its content type; JSON by default). Throws InvalidTaskError or DecodeError.
 */
export function readTaskHeaders(
  message: Message,
  accept: ReadonlySet<string> = JSON_ONLY,
): TaskHeaders {
  if ('task' in message.headers) return readFields(message.headers, message, 2);
  return readFields(protocol1Fields(message, accept), message, 1);
}

/**
 * The headers without `eta` and `expires`, to be told who waits for a task whose dates nobody can
 * read; undefined when the message has other faults besides.
 */
export function headersWithoutDates(
  message: Message,
  accept: ReadonlySet<string> = JSON_ONLY,
): TaskHeaders | undefined {
  try {
    const isFirst = !('task' in message.headers);
    const fields = isFirst ? protocol1Fields(message, accept) : message.headers;
    return readFields({ ...fields, eta: null, expires: null }, message, isFirst ? 1 : 2);
  } catch {
    return undefined;
  }
}

/** Whether somebody meant this to be a task message, however broken. Never throws. */
export function isTaskMessage(message: Message, accept: ReadonlySet<string> = JSON_ONLY): boolean {
  if ('task' in message.headers) return true;
  try {
    const body = decodeBody(message, accept);
    return isPlainRecord(body) && 'task' in body;
  } catch {
    return false;
  }
}

/** Headers that the caller added, as `request.headers`. */
export function customHeaders(headers: Headers): Record<string, unknown> {
  const custom: Record<string, unknown> = {};
  for (const key of Object.keys(headers)) {
    if (!OWN_HEADERS.has(key) && key !== '__proto__') custom[key] = headers[key];
  }
  return custom;
}

function protocol1Fields(message: Message, accept: ReadonlySet<string>): Headers {
  let body: unknown;
  try {
    body = decodeBody(message, accept);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    const reason = error instanceof CeleryError ? error.message : String(error);
    throw new DecodeError(`The message has no task header, and its body is unreadable: ${reason}`, {
      cause: error,
    });
  }
  if (!isPlainRecord(body) || !('task' in body)) {
    throw new InvalidTaskError('The message is not a task: no task in its headers or its body.');
  }
  const { taskset, args, kwargs } = body;
  return {
    ...body,
    group: taskset ?? body.group,
    argsrepr: Array.isArray(args) ? argsRepr(args, true) : '()',
    kwargsrepr: saferepr(kwargs ?? {}),
  };
}

function readFields(fields: Headers, message: Message, protocol: 1 | 2): TaskHeaders {
  const { properties } = message;
  const task = requiredText(fields.task, 'task');
  const id = requiredText(fields.id, 'id');
  const etaText = dateText(fields.eta, 'eta');
  const expiresText = dateText(fields.expires, 'expires');
  return {
    task,
    id,
    shadow: textOrNull(fields.shadow),
    eta: seconds(etaText, 'eta'),
    etaText,
    expires: seconds(expiresText, 'expires'),
    expiresText,
    group: textOrNull(fields.group),
    groupIndex: integerOrNull(fields.group_index),
    retries: Math.max(0, integerOrNull(fields.retries) ?? 0),
    timelimit: timeLimits(fields.timelimit),
    rootId: textOrNull(fields.root_id) ?? id,
    parentId: textOrNull(fields.parent_id),
    argsrepr: textOrNull(fields.argsrepr) ?? '',
    kwargsrepr: textOrNull(fields.kwargsrepr) ?? '',
    origin: textOrNull(fields.origin) ?? '',
    ignoreResult: typeof fields.ignore_result === 'boolean' ? fields.ignore_result : null,
    replacedTaskNesting: Math.max(0, integerOrNull(fields.replaced_task_nesting) ?? 0),
    replyTo: textOrNull(properties.reply_to) ?? '',
    correlationId: textOrNull(properties.correlation_id) ?? id,
    stampedHeaders: textsOrNull(fields.stamped_headers),
    stamps: isPlainRecord(fields.stamps) ? fields.stamps : {},
    compression: textOrNull(message.headers.compression),
    lang: textOrNull(fields.lang) ?? '',
    protocol,
  };
}

function requiredText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new InvalidTaskError(
    value === undefined
      ? `Not a valid task message: it has no ${name}.`
      : `Not a valid task message: ${name} is ${saferepr(value, { maxLength: 80 })}, not a text.`,
  );
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function textsOrNull(value: unknown): readonly string[] | null {
  if (!Array.isArray(value)) return null;
  return value.filter((item): item is string => typeof item === 'string');
}

function integerOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : null;
}

/** Zero and less mean no limit, as in Celery, where the task's own limit then applies. */
function limitOrNull(value: unknown): number | null {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : null;
}

function timeLimits(value: unknown): readonly [number | null, number | null] {
  return Array.isArray(value) ? [limitOrNull(value[0]), limitOrNull(value[1])] : [null, null];
}

function dateText(value: unknown, name: string): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string') return value;
  // Python's own envelopes may carry a typed datetime here.
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  if (value instanceof TypedValue) return value.text;
  throw badDate(value, name);
}

function seconds(text: string | null, name: string): number | null {
  if (text === null) return null;
  try {
    return fromIso(text);
  } catch {
    throw badDate(text, name);
  }
}

function badDate(value: unknown, name: string): InvalidTaskError {
  return new InvalidTaskError(
    `Not a valid task message: ${name} is ${saferepr(value, { maxLength: 80 })}, not an ISO 8601 date.`,
  );
}
