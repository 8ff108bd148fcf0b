/**
 * Bodies as bytes: which serializer writes and reads a content type, and which content
 * types a receiver is willing to read at all (`accept_content`).
 */

import { isUtf8 } from 'node:buffer';
import { didYouMean } from '../base/nearest.ts';
import { ContentDisallowed, DecodeError, EncodeError, SerializerNotInstalled } from './errors.ts';
import { jsonDecode, jsonEncode } from './json.ts';

export interface Serializer {
  readonly name: string;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Throws EncodeError. */
  encode(value: unknown): string | Uint8Array;
  /** Throws DecodeError. */
  decode(bytes: Buffer): unknown;
}

/** Names that mean something to Celery, whether or not somebody registered a serializer. */
const KNOWN_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  yaml: 'application/x-yaml',
  msgpack: 'application/x-msgpack',
  pickle: 'application/x-python-serialize',
  raw: 'application/data',
  auth: 'application/data',
  text: 'text/plain',
};

/** Content that is only bytes or text; reading it cannot do harm. */
const TRUSTED: ReadonlySet<string> = new Set(['application/data', 'text/plain']);

const byName = new Map<string, Serializer>();
const byType = new Map<string, Serializer>();

/** Adds a serializer or replaces the one of the same name. */
export function registerSerializer(serializer: Serializer): void {
  byName.set(serializer.name, serializer);
  byType.set(serializer.contentType, serializer);
}

/** By name or content type. Throws SerializerNotInstalled naming the nearest one. */
export function serializerNamed(name: string): Serializer {
  const found = byName.get(name) ?? byType.get(name);
  if (found !== undefined) return found;
  const known = [...byName.keys()];
  throw new SerializerNotInstalled(
    `No serializer named ${JSON.stringify(name)} (installed: ${known.join(', ')}).${didYouMean(name, known)}`,
  );
}

/** Content types of names (`json`) and content types (`application/json`). Throws SerializerNotInstalled. */
export function acceptedContentTypes(accept: readonly string[]): ReadonlySet<string> {
  const types = new Set<string>();
  for (const name of accept) {
    if (name.includes('/')) types.add(name);
    else types.add(byName.get(name)?.contentType ?? knownType(name));
  }
  return types;
}

function knownType(name: string): string {
  const type = Object.hasOwn(KNOWN_TYPES, name) ? KNOWN_TYPES[name] : undefined;
  if (type !== undefined) return type;
  const known = [...new Set([...byName.keys(), ...Object.keys(KNOWN_TYPES)])];
  throw new SerializerNotInstalled(
    `No serializer named ${JSON.stringify(name)} (known: ${known.join(', ')}).${didYouMean(name, known)}`,
  );
}

/**
 * The value of a body. Bytes and plain text are always read; anything else only when `accept`
 * lists its content type. Throws ContentDisallowed or DecodeError.
 */
export function decodeContent(
  body: Buffer,
  contentType: string,
  contentEncoding: string,
  accept: ReadonlySet<string>,
): unknown {
  if (TRUSTED.has(contentType)) return readTrusted(body, contentEncoding);
  assertAccepted(contentType, accept);
  const serializer = byType.get(contentType);
  if (serializer === undefined) {
    throw new DecodeError(
      `No serializer for content type ${JSON.stringify(contentType)} is installed (installed: ${[...byType.keys()].join(', ')}).`,
    );
  }
  return serializer.decode(toUtf8(body, contentEncoding));
}

/** Throws ContentDisallowed when `accept` does not list the content type. */
export function assertAccepted(contentType: string, accept: ReadonlySet<string>): void {
  if (accept.has(contentType)) return;
  throw new ContentDisallowed(
    `Refusing to deserialize disabled content of type ${JSON.stringify(contentType)} (accepted: ${[...accept].join(', ') || 'none'}).`,
  );
}

function isUtf8Name(encoding: string): boolean {
  return /^(?:utf-?8|(?:us-)?ascii|binary|)$/i.test(encoding);
}

function readTrusted(body: Buffer, encoding: string): unknown {
  if (encoding === 'binary') return body;
  const text = toUtf8(body, encoding);
  return isUtf8(text) ? text.toString('utf8') : body;
}

/** Bodies in another character set are rare enough to be converted before reading. */
function toUtf8(body: Buffer, encoding: string): Buffer {
  if (encoding === 'utf-8' || isUtf8Name(encoding)) return body;
  try {
    return Buffer.from(new TextDecoder(encoding).decode(body), 'utf8');
  } catch (error) {
    throw new DecodeError(`Unknown content encoding ${JSON.stringify(encoding)}.`, {
      cause: error,
    });
  }
}

registerSerializer({
  name: 'json',
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  encode: value => jsonEncode(value),
  decode(bytes) {
    if (!isUtf8(bytes)) throw new DecodeError('Not readable as JSON: the bytes are not UTF-8.');
    return jsonDecode(bytes.toString('utf8'));
  },
});

registerSerializer({
  name: 'raw',
  contentType: 'application/data',
  contentEncoding: 'binary',
  encode(value) {
    if (typeof value === 'string' || value instanceof Uint8Array) return value;
    throw new EncodeError('The raw serializer writes only strings and bytes.');
  },
  decode: bytes => bytes,
});

registerSerializer({
  name: 'text',
  contentType: 'text/plain',
  contentEncoding: 'utf-8',
  encode(value) {
    if (typeof value === 'string') return value;
    throw new EncodeError('The text serializer writes only strings.');
  },
  decode: bytes => bytes.toString('utf8'),
});
