/** The arguments of a task message and what is to be sent when it is done. */

import { isPlainRecord } from '../../base/kind-of.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { decompress } from '../compression/compression.ts';
import { assertAccepted, decodeContent } from '../content.ts';
import { InvalidTaskError } from '../errors.ts';
import { jsonDecode } from '../serializers/json.ts';
import { bodyBytes, type Message } from './message.ts';

export interface TaskBody {
  readonly args: unknown[];
  readonly kwargs: Record<string, unknown>;
  /** Signatures to send with the result; null when there are none. */
  readonly callbacks: unknown[] | null;
  readonly errbacks: unknown[] | null;
  /** Remaining steps, the next one last, because Python pops it. An empty list marks the last step. */
  readonly chain: unknown[] | null;
  readonly chord: unknown | null;
}

/**
 * Protocol 2, protocol 1, and a mixture that some producers send. Throws InvalidTaskError,
 * ContentDisallowed or DecodeError.
 */
export function readTaskBody(message: Message, accept: ReadonlySet<string>): TaskBody {
  const body = decodeBody(message, accept);
  if (Array.isArray(body)) {
    if (body.length < 2) throw invalid('its body is not [args, kwargs, embed]');
    return readParts(body[0], body[1], body[2]);
  }
  if (isPlainRecord(body) && ('args' in body || 'task' in body)) {
    return readParts(body.args, body.kwargs, body);
  }
  throw invalid(`its body is ${saferepr(body, { maxLength: 80 })}, not [args, kwargs, embed]`);
}

/** The decoded body of any message. Throws ContentDisallowed or DecodeError. */
export function decodeBody(message: Message, accept: ReadonlySet<string>): unknown {
  const compression = message.headers.compression;
  const isCompressed = typeof compression === 'string' && compression !== '';
  if (!isCompressed && message.bodyEncoding === 'utf-8' && isJsonText(message)) {
    assertAccepted(message.contentType, accept);
    return jsonDecode(message.body as string);
  }
  const bytes = bodyBytes(message);
  return decodeContent(
    isCompressed ? decompress(bytes, compression) : bytes,
    message.contentType,
    message.contentEncoding,
    accept,
  );
}

function isJsonText(message: Message): boolean {
  return message.contentType === 'application/json' && message.contentEncoding === 'utf-8';
}

function readParts(args: unknown, kwargs: unknown, embed: unknown): TaskBody {
  const parts = isPlainRecord(embed) ? embed : {};
  return {
    args: readArgs(args),
    kwargs: readKwargs(kwargs),
    callbacks: signaturesOrNull(parts.callbacks, 'callbacks'),
    errbacks: signaturesOrNull(parts.errbacks, 'errbacks'),
    chain: signaturesOrNull(parts.chain, 'chain'),
    chord: parts.chord ?? null,
  };
}

function readArgs(args: unknown): unknown[] {
  if (args === undefined || args === null) return [];
  if (Array.isArray(args)) return args;
  throw invalid(`its arguments are ${saferepr(args, { maxLength: 80 })}, not a list`);
}

function readKwargs(kwargs: unknown): Record<string, unknown> {
  if (kwargs === undefined || kwargs === null) return {};
  if (isPlainRecord(kwargs)) return kwargs;
  throw invalid(`its keyword arguments are ${saferepr(kwargs, { maxLength: 80 })}, not a mapping`);
}

function signaturesOrNull(value: unknown, name: string): unknown[] | null {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value;
  throw invalid(`its ${name} are ${saferepr(value, { maxLength: 80 })}, not a list`);
}

function invalid(what: string): InvalidTaskError {
  return new InvalidTaskError(`Not a valid task message: ${what}.`);
}
