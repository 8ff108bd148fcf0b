/**
 * AMQP field tables (headers, arguments) as Python can read and as Python writes them.
 *
 * amqplib's own codec will not do. It writes an integer in as few bytes as it needs, and
 * Python reads its 16 bit tag `s` as a string and its 8 bit tag `b` as unsigned: the table
 * falls apart and the Python worker loses its connection over the same message for ever. And
 * it gives up the whole connection over the tag `L`, which Python writes for large integers.
 */

import { KnownKeys } from './known-keys.ts';

/** Set on a table that could not be read to its end; the value says why. */
export const UNREADABLE: unique symbol = Symbol('unreadable');

export type FieldTable = Record<string, unknown> & { [UNREADABLE]?: string };

const MAX_DEPTH = 100;
const INT32_MIN = -0x8000_0000;
const INT32_MAX = 0x7fff_ffff;
const INT64_LIMIT = 2n ** 63n;

function room(buffer: Buffer, offset: number, size: number): void {
  if (offset + size <= buffer.length) return;
  throw new RangeError(`headers or arguments take more than ${buffer.length} bytes`);
}

function writeTag(buffer: Buffer, tag: string, offset: number, size: number): number {
  room(buffer, offset, size + 1);
  buffer[offset] = tag.charCodeAt(0);
  return offset + 1;
}

function writeString(buffer: Buffer, text: string, offset: number): number {
  const length = Buffer.byteLength(text);
  const start = writeTag(buffer, 'S', offset, 4 + length);
  buffer.writeUInt32BE(length, start);
  buffer.write(text, start + 4, 'utf8');
  return start + 4 + length;
}

function writeDouble(buffer: Buffer, value: number, offset: number): number {
  // the broker would close the connection
  if (!Number.isFinite(value)) throw new RangeError(`the number ${value} cannot be sent`);
  return buffer.writeDoubleBE(value, writeTag(buffer, 'd', offset, 8));
}

function writeInteger(buffer: Buffer, value: number | bigint, offset: number): number {
  if (value >= INT32_MIN && value <= INT32_MAX) {
    return buffer.writeInt32BE(Number(value), writeTag(buffer, 'I', offset, 4));
  }
  const wide = BigInt(value);
  if (wide < -INT64_LIMIT || wide >= INT64_LIMIT) return writeDouble(buffer, Number(value), offset);
  return buffer.writeBigInt64BE(wide, writeTag(buffer, 'l', offset, 8));
}

function writeBytes(buffer: Buffer, bytes: Uint8Array, offset: number): number {
  const start = writeTag(buffer, 'x', offset, 4 + bytes.length);
  buffer.writeUInt32BE(bytes.length, start);
  buffer.set(bytes, start + 4);
  return start + 4 + bytes.length;
}

function writeSized(
  buffer: Buffer,
  tag: string,
  offset: number,
  write: (start: number) => number,
): number {
  const start = writeTag(buffer, tag, offset, 4);
  const end = write(start + 4);
  buffer.writeUInt32BE(end - start - 4, start);
  return end;
}

function writeObject(buffer: Buffer, value: object, offset: number, depth: number): number {
  if (depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`);
  if (value instanceof Uint8Array) return writeBytes(buffer, value, offset);
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new RangeError('an invalid date cannot be sent');
    const seconds = BigInt(Math.max(0, Math.floor(value.getTime() / 1000)));
    return buffer.writeBigUInt64BE(seconds, writeTag(buffer, 'T', offset, 8));
  }
  if (!Array.isArray(value)) {
    return writeSized(buffer, 'F', offset, start => writeFields(buffer, value, start, depth + 1));
  }
  return writeSized(buffer, 'A', offset, start =>
    value.reduce<number>((at, item) => writeValue(buffer, item ?? null, at, depth + 1), start),
  );
}

function writeValue(buffer: Buffer, value: unknown, offset: number, depth: number): number {
  switch (typeof value) {
    case 'string':
      return writeString(buffer, value, offset);
    case 'number':
      return Number.isInteger(value)
        ? writeInteger(buffer, value, offset)
        : writeDouble(buffer, value, offset);
    case 'bigint':
      return writeInteger(buffer, value, offset);
    case 'boolean':
      return buffer.writeUInt8(value ? 1 : 0, writeTag(buffer, 't', offset, 1));
    case 'object':
      if (value === null) return writeTag(buffer, 'V', offset, 0);
      return writeObject(buffer, value, offset, depth);
    default:
      throw new TypeError(`a ${typeof value} cannot be sent`);
  }
}

function writeFields(buffer: Buffer, table: object, offset: number, depth: number): number {
  let at = offset;
  // inherited fields count too: amqplib adds to what it is given in this way
  for (const key in table) {
    const value = (table as Record<string, unknown>)[key];
    if (value === undefined) continue;
    const length = Buffer.byteLength(key);
    if (length > 255) throw new RangeError(`the key ${key.slice(0, 40)}… is longer than 255 bytes`);
    room(buffer, at, 1 + length);
    buffer[at] = length;
    buffer.write(key, at + 1, 'utf8');
    at = writeValue(buffer, value, at + 1 + length, depth);
  }
  return at;
}

/**
 * Writes a table at `offset` and returns the bytes it took, its length included. Throws
 * RangeError when it is too large or too deep and TypeError for a value that cannot be sent.
 */
export function encodeTable(buffer: Buffer, table: object, offset: number): number {
  room(buffer, offset, 4);
  const end = writeFields(buffer, table, offset + 4, 0);
  buffer.writeUInt32BE(end - offset - 4, offset);
  return end - offset;
}

const KEYS = new KnownKeys();

/** A reader stands somewhere in a table; a table within it is read by the same reader. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  fields(end: number, depth: number, into: FieldTable): FieldTable {
    if (depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`);
    while (this.#at < end) {
      const key = this.#key(this.#bytes[this.#at++]!);
      const value = this.#value(depth);
      if (key === '__proto__') define(into, key, value);
      else into[key] = value;
    }
    return into;
  }

  #key(length: number): string {
    const start = this.#skip(length);
    return KEYS.text(this.#bytes, start, this.#at);
  }

  #text(length: number): string {
    const start = this.#skip(length);
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** Returns where it stood. */
  #skip(size: number): number {
    const start = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) throw new RangeError('a field goes beyond the end');
    return start;
  }

  #length(): number {
    return this.#bytes.readUInt32BE(this.#skip(4));
  }

  #value(depth: number): unknown {
    const bytes = this.#bytes;
    const tag = bytes[this.#skip(1)]!;
    switch (tag) {
      case 0x53: // S
        return this.#text(this.#length());
      case 0x56: // V
        return null;
      case 0x49: // I
        return bytes.readInt32BE(this.#skip(4));
      case 0x74: // t
        return bytes[this.#skip(1)] !== 0;
      case 0x46: // F
        return this.#table(depth);
      case 0x41: // A
        return this.#array(depth);
      case 0x64: // d
        return bytes.readDoubleBE(this.#skip(8));
      case 0x6c: // l
      case 0x4c: // L, as Python writes it
        return narrow(bytes.readBigInt64BE(this.#skip(8)));
      default:
        return this.#rareValue(tag);
    }
  }

  #rareValue(tag: number): unknown {
    const bytes = this.#bytes;
    switch (String.fromCharCode(tag)) {
      case 'b':
        return bytes.readInt8(this.#skip(1));
      case 'B':
        return bytes.readUInt8(this.#skip(1));
      case 's':
        return bytes.readInt16BE(this.#skip(2));
      case 'u':
        return bytes.readUInt16BE(this.#skip(2));
      case 'i':
        return bytes.readUInt32BE(this.#skip(4));
      case 'f':
        return bytes.readFloatBE(this.#skip(4));
      case 'T':
        return moment(bytes, this.#skip(8));
      case 'D': {
        const scale = 10 ** bytes[this.#skip(1)]!;
        return bytes.readInt32BE(this.#skip(4)) / scale;
      }
      case 'x': {
        const length = this.#length();
        const start = this.#skip(length);
        return new Uint8Array(bytes.subarray(start, start + length));
      }
      default:
        throw new TypeError(`unknown type tag ${JSON.stringify(String.fromCharCode(tag))}`);
    }
  }

  #table(depth: number): FieldTable {
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a table goes beyond the end');
    return this.fields(end, depth + 1, {});
  }

  #array(depth: number): unknown[] {
    if (depth >= MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`);
    const length = this.#length();
    const end = this.#at + length;
    const items: unknown[] = [];
    while (this.#at < end) items.push(this.#value(depth + 1));
    return items;
  }
}

/** Of seconds; a moment that no clock shows (somebody wrote microseconds) is the number as it stands. */
function moment(bytes: Buffer, at: number): Date | number | bigint {
  const date = new Date(Number(bytes.readBigUInt64BE(at)) * 1000);
  return Number.isNaN(date.getTime()) ? narrow(bytes.readBigInt64BE(at)) : date;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function define(table: FieldTable, key: string, value: unknown): void {
  Object.defineProperty(table, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/**
 * The fields in `bytes` (a table without its length). Never throws: a bad table is one
 * message's trouble and must not cost the connection, over which it would only come again.
 * What could be read is returned, with the reason under `UNREADABLE`.
 */
export function decodeFields(bytes: Buffer): FieldTable {
  const table: FieldTable = {};
  try {
    return new Reader(bytes).fields(bytes.length, 0, table);
  } catch (error) {
    Object.defineProperty(table, UNREADABLE, { value: (error as Error).message });
    return table;
  }
}
