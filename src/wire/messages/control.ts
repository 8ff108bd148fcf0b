/**
 * Remote control as it travels (Celery: pidbox): a request broadcast to all nodes, and the
 * reply of each.
 */
import { runInNewContext } from 'node:vm';
import { isPlainRecord } from '../../base/kind-of.ts';
import { decodeContent, serializerNamed } from '../content.ts';
import { DecodeError } from '../errors.ts';
import { bodyBytes, type Message } from './message.ts';

/**
 * Names of exchanges and queues for the setting `control_exchange` (`celery`): those on which
 * Python's nodes hear and answer.
 */
export const controlNames = {
  exchange: (namespace: string) => `${namespace}.pidbox`,
  inbox: (namespace: string, node: string) => `${node}.${namespace}.pidbox`,
  replyExchange: (namespace: string) => `reply.${namespace}.pidbox`,
  replyQueue: (namespace: string, oid: string) => `${oid}.reply.${namespace}.pidbox`,
} as const;

/** On a machine that is busy a sound pattern may have to wait for its turn, too. */
const LONGEST_MATCH_MS = 200;

export interface ControlRequest {
  readonly method: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Node names; null is every node, or those that fit `pattern`. */
  readonly destination: readonly string[] | null;
  readonly pattern: string | null;
  readonly matcher: 'glob' | 'pcre' | null;
  readonly ticket: string;
  /** Undefined when nobody waits for an answer. */
  readonly replyTo: { readonly exchange: string; readonly routingKey: string } | undefined;
}

export interface ControlReply {
  readonly node: string;
  readonly value: unknown;
}

export function buildControlRequest(
  request: ControlRequest,
  options: { readonly expires: number; readonly serializer: string; readonly clock: number },
): Message {
  const { replyTo, ...rest } = request;
  const body = {
    method: rest.method,
    arguments: rest.arguments,
    destination: rest.destination,
    pattern: rest.pattern,
    matcher: rest.matcher,
    ticket: rest.ticket,
    ...(replyTo
      ? { reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey } }
      : {}),
  };
  const { clock, expires } = options;
  return controlMessage(body, { clock, expires }, 2, options.serializer);
}

export function buildControlReply(
  reply: ControlReply,
  options: { readonly ticket: string; readonly serializer: string; readonly clock: number },
): Message {
  const { ticket, clock } = options;
  return controlMessage({ [reply.node]: reply.value }, { ticket, clock }, 1, options.serializer);
}

function controlMessage(
  body: unknown,
  headers: Record<string, unknown>,
  deliveryMode: number,
  serializer: string,
): Message {
  const { encode, contentType, contentEncoding } = serializerNamed(serializer);
  const data = encode(body);
  return {
    body: data,
    bodyEncoding: typeof data === 'string' ? 'utf-8' : 'binary',
    contentType,
    contentEncoding,
    headers,
    properties: { delivery_mode: deliveryMode },
  };
}

function decodeControl(message: Message, accept: ReadonlySet<string>): Record<string, unknown> {
  const { contentType, contentEncoding } = message;
  const body = decodeContent(bodyBytes(message), contentType, contentEncoding, accept);
  if (!isPlainRecord(body)) throw new DecodeError('A control message must be an object.');
  return body;
}

/**
 * What is meant for some nodes and does not say so clearly is for none: it might be a `shutdown`.
 *
 * @throws DecodeError or ContentDisallowed for what is no request
 */
export function readControlRequest(message: Message, accept: ReadonlySet<string>): ControlRequest {
  const body = decodeControl(message, accept);
  if (typeof body.method !== 'string') {
    throw new DecodeError('A control request needs the name of a method.');
  }
  const { reply_to: replyTo } = body;
  return {
    method: body.method,
    arguments: isPlainRecord(body.arguments) ? body.arguments : {},
    destination: readDestination(body.destination),
    pattern: textOrNull(body.pattern, 'pattern'),
    matcher: readMatcher(body.matcher),
    ticket: typeof body.ticket === 'string' ? body.ticket : '',
    replyTo:
      isPlainRecord(replyTo) && typeof replyTo.routing_key === 'string'
        ? { exchange: String(replyTo.exchange ?? ''), routingKey: replyTo.routing_key }
        : undefined,
  };
}

/** One name is a list of one; those of a list that are no texts are nobody's. */
function readDestination(value: unknown): string[] | null {
  if (Array.isArray(value)) return value.filter(name => typeof name === 'string');
  const name = textOrNull(value, 'destination');
  return name === null ? null : [name];
}

function readMatcher(value: unknown): ControlRequest['matcher'] {
  const matcher = textOrNull(value, 'matcher');
  if (matcher === null || matcher === 'glob' || matcher === 'pcre') return matcher;
  throw new DecodeError('A control request has a matcher that is neither glob nor pcre.');
}

/** Python's senders have None, or an empty text, for nothing. */
function textOrNull(value: unknown, field: string): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string') return value;
  throw new DecodeError(`A control request has a ${field} that is no text.`);
}

/** The replies in one message (one, but the form allows more), and the ticket they answer. */
export function readControlReply(
  message: Message,
  accept: ReadonlySet<string>,
): { readonly ticket: string; readonly replies: readonly ControlReply[] } {
  const body = decodeControl(message, accept);
  const replies = Object.entries(body).map(([node, value]) => ({ node, value }));
  return { ticket: String(message.headers.ticket ?? ''), replies };
}

/** Whether the node has to act on the request. A pattern that is none, or takes too long, fits nobody. */
export function isAddressedTo(request: ControlRequest, node: string): boolean {
  const { destination, pattern, matcher } = request;
  if (destination !== null) return destination.includes(node);
  if (pattern === null || matcher === null) return true;
  try {
    const source = matcher === 'glob' ? `${globSource(pattern)}$` : pattern;
    return matchesInTime(`^(?:${source})`, node);
  } catch {
    return false;
  }
}

/** A pattern can take longer than the world lasts; this way V8 gives up. */
function matchesInTime(source: string, text: string): boolean {
  const code = 'new RegExp(source).test(text)';
  return runInNewContext(code, { source, text }, { timeout: LONGEST_MATCH_MS }) as boolean;
}

const GLOB_TOKENS = /\[(?:(!)|(?!!))(\]?[^\]]+|\])\]|[*?]|[\\^$.|+(){}[\]]/g;

/** Python's fnmatch: `*`, `?`, `[seq]`, `[!seq]`; a `]` that begins a set is one of it. */
function globSource(glob: string): string {
  return glob.replace(GLOB_TOKENS, (token, not: string | undefined, set: string | undefined) => {
    if (token === '*') return '[^]*';
    if (token === '?') return '[^]';
    if (set === undefined) return `\\${token}`;
    return `[${not ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
  });
}
