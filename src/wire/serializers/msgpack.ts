/**
 * msgpack as Python's msgpack package writes and reads it with `use_bin_type=True` and
 * `raw=False`: bytes and text are told apart, there are no extension types.
 */

import type * as Msgpack from '@msgpack/msgpack';
import { DecodeError } from '../errors.ts';
import { requirePackage } from '../optional-package.ts';
import { MAX_DEPTH } from './decode-limits.ts';
import { type PlainFormat, toPlain } from './plain-value.ts';
import { bytesIn } from './value-kinds.ts';

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 64n - 1n;
/** Extension type of timestamps, the one type that the format itself defines. */
const TIMESTAMP = -1;

function msgpack(): typeof Msgpack {
  return requirePackage<typeof Msgpack>('@msgpack/msgpack', 'msgpack content');
}

const FORMAT: PlainFormat = {
  name: 'msgpack',
  object(value) {
    const bytes = bytesIn(value);
    // of this realm, or the package does not know them
    return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  },
  // UTF-8 has none; they would arrive as U+FFFD
  refusesHalves: true,
  number(value) {
    if (typeof value === 'number') {
      // The package writes a number of more than 32 bits as a float.
      const isLong = Number.isInteger(value) && Math.abs(value) >= 2 ** 31;
      return isLong && Math.abs(value) < 2 ** 63 ? BigInt(value) : value;
    }
    if (value < MIN_INTEGER || value > MAX_INTEGER) return 'an integer of more than 64 bits';
    return value;
  },
};

/** Throws EncodeError, also for a Date: a timestamp would be an extension type. */
export function msgpackEncode(value: unknown): Uint8Array {
  const { encode } = msgpack();
  return encode(toPlain(value, FORMAT), { useBigInt64: true, maxDepth: MAX_DEPTH + 2 });
}

/** Throws DecodeError. Integers beyond 2^53 become bigint, bytes Buffer. */
export function msgpackDecode(bytes: Buffer): unknown {
  try {
    const needsConversion = new Skimmer(bytes).run();
    if (bytes.includes(PROTO)) {
      return converted(decoded(bytes, { keyDecoder: PROTO_KEYS }));
    }
    const value = decoded(bytes, {});
    return needsConversion ? converted(value) : value;
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DecodeError(`Not readable as msgpack: ${reason}`, { cause: error });
  }
}

const MARK = '\ufeff';
const MARK_BYTES = Buffer.from(MARK);

function decoded(bytes: Buffer, options: Msgpack.DecoderOptions): unknown {
  const { Decoder } = msgpack();
  const decoder = new Decoder({ useBigInt64: true, ...options });
  if (bytes.includes(MARK_BYTES)) keepMarks(decoder as unknown as TextReader);
  return decoder.decode(bytes);
}

interface TextReader {
  readonly bytes: Uint8Array;
  readonly pos: number;
  decodeUtf8String(length: number, headerLength: number): string;
}

/** The package takes a byte order mark off long texts that begin with one; they are texts like others. */
function keepMarks(reader: TextReader): void {
  const read = reader.decodeUtf8String;
  reader.decodeUtf8String = function (length, headerLength) {
    const start = this.pos + headerLength;
    const isMarked = MARK_BYTES.equals(this.bytes.subarray(start, start + MARK_BYTES.length));
    const text = read.call(this, length, headerLength);
    return isMarked && !text.startsWith(MARK) ? MARK + text : text;
  };
}

const PROTO = '__proto__';
/** Stands for that key, which the package refuses; no UTF-8 has it. */
const PROTO_KEY = `\ud800${PROTO}`;
const PROTO_KEYS: NonNullable<Msgpack.DecoderOptions['keyDecoder']> = {
  canBeCached: length => length === PROTO.length,
  decode(bytes, at, length) {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString();
    return key === PROTO ? PROTO_KEY : key;
  },
};

/** With `__proto__` as a property of its own, in its place. */
function withProto(record: object): object {
  const entries = Object.entries(record);
  return Object.fromEntries(entries.map(([key, item]) => [key === PROTO_KEY ? PROTO : key, item]));
}

function converted(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  const items = value as Record<string | number, unknown>;
  for (const key of Object.keys(items)) items[key] = converted(items[key]);
  return PROTO_KEY in items ? withProto(items) : value;
}

/**
 * Looks over the structure before anything is built: the package allocates lists of the
 * length that their head claims, and nests as deep as it is told.
 */
class Skimmer {
  readonly #bytes: Buffer;
  #at = 0;
  /** Values left in each open list, the innermost last. */
  readonly #open: number[] = [];
  /** Values that are still to come; each takes a byte at least. */
  #pending = 1;
  #needsConversion = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Whether the package's result has values that are to be converted. */
  run(): boolean {
    while (this.#pending > 0) {
      this.#value();
      while (this.#open.at(-1) === 0) this.#open.pop();
    }
    if (this.#at < this.#bytes.length) throw broken('there is more behind its end');
    return this.#needsConversion;
  }

  #value(): void {
    const code = this.#uint(1);
    this.#pending--;
    if (this.#open.length > 0) this.#open[this.#open.length - 1]!--;
    if (code < 0x80 || code >= 0xe0) return;
    if (code < 0x90) this.#container((code & 0x0f) * 2);
    else if (code < 0xa0) this.#container(code & 0x0f);
    else if (code < 0xc0) this.#skip(code & 0x1f);
    else this.#coded(code);
  }

  #coded(code: number): void {
    if (code <= 0xc3) return; // nil, false, true; 0xc1 is for the package to refuse
    if (code <= 0xc6) {
      this.#needsConversion = true;
      this.#skip(this.#uint(2 ** (code - 0xc4)));
    } else if (code <= 0xc9) {
      const length = this.#uint(2 ** (code - 0xc7));
      this.#extension(length);
    } else if (code <= 0xcb) this.#skip(code === 0xca ? 4 : 8);
    else if (code <= 0xd3) this.#integer(2 ** ((code - 0xcc) % 4));
    else if (code <= 0xd8) this.#extension(2 ** (code - 0xd4));
    else if (code <= 0xdb) this.#skip(this.#uint(2 ** (code - 0xd9)));
    else if (code <= 0xdd) this.#container(this.#uint(2 ** (code - 0xdb)));
    else this.#container(this.#uint(2 ** (code - 0xdd)) * 2);
  }

  #integer(size: number): void {
    if (size === 8) this.#needsConversion = true;
    this.#skip(size);
  }

  #extension(length: number): void {
    const type = this.#uint(1) - 256;
    if (type !== TIMESTAMP) throw broken('it has an extension type');
    this.#skip(length);
  }

  #container(values: number): void {
    if (this.#open.length >= MAX_DEPTH) throw broken(`nested deeper than ${MAX_DEPTH} levels`);
    this.#open.push(values);
    this.#pending += values;
    if (this.#pending > this.#bytes.length - this.#at) throw broken('it ends early');
  }

  #uint(size: number): number {
    if (this.#at + size > this.#bytes.length) throw broken('it ends early');
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  #skip(size: number): void {
    this.#at += size;
    if (this.#at > this.#bytes.length) throw broken('it ends early');
  }
}

function broken(how: string): DecodeError {
  return new DecodeError(`Not readable as msgpack: ${how}.`);
}
