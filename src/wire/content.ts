/**
 * Bodies as bytes: which serializer writes and reads a content type, and which content
 * types a receiver is willing to read at all (`accept_content`).
 */

import { isUtf8 } from 'node:buffer';
import { CeleryError } from '../base/errors.ts';
import { checkArgument, map } from '../base/option-kinds.ts';
import { processWide } from '../base/process/process-wide.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { ContentDisallowed, DecodeError, EncodeError, SerializerNotInstalled } from './errors.ts';
import { MAX_BODY_BYTES } from './serializers/decode-limits.ts';
import { jsonDecode, jsonEncode } from './serializers/json.ts';
import { msgpackDecode, msgpackEncode } from './serializers/msgpack.ts';
import { pickleDecode, pickleEncode } from './serializers/pickle.ts';
import { yamlDecode, yamlEncode } from './serializers/yaml.ts';

/** One way to turn values into bytes and back. Errors of other classes become the ones named. */
export interface Serializer {
  /** For the option `serializer` and the settings, for example `json`. */
  readonly name: string;
  /** As the message says it, for example `application/json`. */
  readonly contentType: string;
  /** `utf-8` for text, `binary` for bytes. */
  readonly contentEncoding: string;
  /** Throws EncodeError. */
  encode(value: unknown): string | Uint8Array;
  /** Throws DecodeError. */
  decode(bytes: Buffer): unknown;
}

/** Content that is only bytes or text; reading it cannot do harm. */
const TRUSTED: ReadonlySet<string> = new Set(['application/data', 'text/plain']);

interface Registry {
  readonly byName: Map<string, Serializer>;
  readonly byType: Map<string, Serializer>;
}

const { byName, byType } = processWide<Registry>('serializers', () => ({
  byName: new Map(),
  byType: new Map(),
}));

/**
 * Adds a serializer for the whole process, or replaces the one of the same name. Whoever reads
 * its messages has to list it in `accept_content`. Throws TypeError for an incomplete one.
 */
export function registerSerializer(serializer: Serializer): void {
  checkArgument(serializer, map, 'What registerSerializer takes');
  const { name, contentType, contentEncoding } = serializer;
  for (const [field, value] of Object.entries({ name, contentType, contentEncoding })) {
    if (typeof value === 'string' && value !== '') continue;
    throw new TypeError(`A serializer's ${field} must be a non-empty string, not ${String(value)}`);
  }
  for (const field of ['encode', 'decode'] as const) {
    if (typeof serializer[field] === 'function') continue;
    throw new TypeError(`The serializer ${JSON.stringify(name)} has no function ${field}`);
  }
  if (!contentType.includes('/')) {
    throw new TypeError(
      `The content type of the serializer ${JSON.stringify(name)} must be like "application/x-mine", not ${JSON.stringify(contentType)}`,
    );
  }
  install({
    name,
    contentType,
    contentEncoding,
    encode: value => orError(() => serializer.encode(value), name, EncodeError),
    decode: bytes => orError(() => serializer.decode(bytes), name, DecodeError),
  });
}

function install(serializer: Serializer): void {
  byName.set(serializer.name, serializer);
  byType.set(serializer.contentType, serializer);
}

function orError<T>(
  run: () => T,
  name: string,
  ErrorClass: typeof EncodeError | typeof DecodeError,
): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof CeleryError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ErrorClass(`The serializer ${JSON.stringify(name)} failed: ${reason}`, {
      cause: error,
    });
  }
}

/** By name or content type. Throws SerializerNotInstalled naming the nearest one. */
export function serializerNamed(name: string): Serializer {
  const found = byName.get(name) ?? byType.get(name);
  if (found !== undefined) return found;
  const known = [...(name.includes('/') ? byType : byName).keys()];
  const hint =
    name === 'auth' ? ' Call app.setupSecurity() to sign messages.' : didYouMean(name, known);
  throw new SerializerNotInstalled(
    `No serializer named ${JSON.stringify(name)} (installed: ${known.join(', ')}).${hint}`,
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
  // May be listed before `setupSecurity` has installed it; until then nothing is readable as it.
  if (name === 'auth') return 'application/data';
  const known = [...byName.keys(), 'auth'];
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
  if (body.length > MAX_BODY_BYTES) {
    throw new DecodeError(
      `A body of ${body.length} bytes is too large (${MAX_BODY_BYTES} at most).`,
    );
  }
  const serializer = byType.get(contentType);
  // Signed messages travel as plain bytes; once they are checked here, unsigned ones fail.
  if (TRUSTED.has(contentType) && serializer?.name !== 'auth') {
    return readTrusted(body, contentEncoding);
  }
  if (!TRUSTED.has(contentType)) assertAccepted(contentType, accept);
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

/** Serializers read UTF-8; bodies in another character set are rare enough to be converted before. */
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

/** A second copy of the library leaves what is there: the user may have replaced it. */
function installBuiltIn(serializer: Serializer): void {
  if (!byName.has(serializer.name)) install(serializer);
}

installBuiltIn({
  name: 'json',
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  encode: value => jsonEncode(value),
  decode(bytes) {
    if (!isUtf8(bytes)) throw new DecodeError('Not readable as JSON: the bytes are not UTF-8.');
    return jsonDecode(bytes.toString('utf8'));
  },
});

installBuiltIn({
  name: 'yaml',
  contentType: 'application/x-yaml',
  contentEncoding: 'utf-8',
  encode: yamlEncode,
  decode: yamlDecode,
});

installBuiltIn({
  name: 'msgpack',
  contentType: 'application/x-msgpack',
  contentEncoding: 'binary',
  encode: msgpackEncode,
  decode: msgpackDecode,
});

installBuiltIn({
  name: 'pickle',
  contentType: 'application/x-python-serialize',
  contentEncoding: 'binary',
  encode: pickleEncode,
  decode: pickleDecode,
});

installBuiltIn({
  name: 'raw',
  contentType: 'application/data',
  contentEncoding: 'binary',
  encode(value) {
    if (typeof value === 'string' || value instanceof Uint8Array) return value;
    throw new EncodeError('The raw serializer writes only strings and bytes.');
  },
  decode: bytes => bytes,
});

installBuiltIn({
  name: 'text',
  contentType: 'text/plain',
  contentEncoding: 'utf-8',
  encode(value) {
    if (typeof value === 'string') return value;
    throw new EncodeError('The text serializer writes only strings.');
  },
  decode: bytes => bytes.toString('utf8'),
});
