/** Writes pickles (protocol 5) of plain data that any Python since 3.8 reads. */

import { types } from 'node:util';
import { className, isError, isRecord } from '../../base/kind-of.ts';
import { saferepr, textOf } from '../../base/text/saferepr.ts';
import { EncodeError } from '../errors.ts';
import type { ResultTuple } from '../result-shapes.ts';
import { isTypedValue, type TypedValue } from './typed-value.ts';
import {
  bytesIn,
  hasHalf,
  hollow,
  isHollow,
  numbersIn,
  unboxed,
  whyRefused,
} from './value-kinds.ts';

const MAX_DEPTH = 1000;
const PROTO_5 = Buffer.from([0x80, 5]);
const STOP = Buffer.from('.');

/**
 * null, booleans, numbers, bigint, strings, bytes, arrays, plain objects, Sets, Maps, dates and
 * kombu's typed values. Throws EncodeError for anything else.
 */
export function pickleEncode(value: unknown): Uint8Array {
  const writer = new PickleWriter();
  writer.value(value, 0);
  return writer.finish();
}

/** A saved group as Python's SQL backend stores it: a GroupResult object of AsyncResults. */
export function pickleGroup(group: ResultTuple): Uint8Array {
  const writer = new PickleWriter();
  writer.result(group);
  return writer.finish();
}

class PickleWriter {
  readonly #parts: Buffer[] = [PROTO_5];
  readonly #open = new Set<object>();

  finish(): Uint8Array {
    this.#parts.push(STOP);
    return Buffer.concat(this.#parts);
  }

  value(value: unknown, depth: number): void {
    if (value === undefined || value === null) this.#op('N');
    else if (typeof value === 'boolean') this.#byte(value ? 0x88 : 0x89);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#integer(value);
    else if (typeof value === 'string') this.#wholeText(value);
    else if (typeof value === 'object') this.#guarded(value, depth);
    else throw new EncodeError(`A ${typeof value} cannot be pickled.`);
  }

  /** `_unpickle_appattr('AsyncResult', (id, backend, name, app, parent))` and the like. */
  result([[id, parent], members]: ResultTuple): void {
    this.#global('celery.app.base', '_unpickle_appattr');
    this.#text(members === null ? 'AsyncResult' : 'GroupResult');
    this.#op('(');
    this.#text(id);
    if (members === null) {
      for (let i = 0; i < 3; i++) this.#op('N');
      if (parent === null) this.#op('N');
      else this.result(parent);
    } else {
      this.#op(']');
      this.#op('(');
      for (const member of members) this.result(member);
      this.#op('e');
    }
    this.#op('t');
    this.#byte(0x86);
    this.#op('R');
  }

  #guarded(value: object, depth: number): void {
    if (this.#open.has(value)) throw new EncodeError('A cycle of objects cannot be pickled.');
    if (depth >= MAX_DEPTH) {
      throw new EncodeError(`A value nested deeper than ${MAX_DEPTH} levels cannot be pickled.`);
    }
    this.#open.add(value);
    try {
      this.#object(value, depth);
    } catch (error) {
      if (error instanceof EncodeError) throw error;
      const reason = isError(error) ? textOf(error) : saferepr(error);
      throw new EncodeError(`A value to be pickled cannot be read: ${reason}`, { cause: error });
    } finally {
      this.#open.delete(value);
    }
  }

  #object(value: object, depth: number): void {
    const bytes = bytesIn(value);
    const list = Array.isArray(value) ? value : numbersIn(value);
    if (bytes !== undefined) this.#bytes(bytes);
    else if (list !== undefined) this.#list(list, depth);
    else if (types.isSet(value)) this.#set(value, depth);
    else if (types.isMap(value)) this.#marked('}', 'u', pairsOf(value), depth);
    else if (types.isDate(value)) this.#date(value);
    else if (isTypedValue(value)) this.#typedValue(value);
    else if (types.isBoxedPrimitive(value)) this.value(unboxed(value), depth);
    else this.#record(value as Record<string, unknown>, depth);
  }

  #typedValue(value: TypedValue): void {
    const { text } = value;
    if (value.type === 'datetime') this.#dateTimeText(text);
    else if (value.type === 'date') {
      this.#call('datetime', 'date', () => this.#bytes(dateBytes(text)));
    } else if (value.type === 'time') {
      this.#call('datetime', 'time', () => this.#bytes(timeBytes(text)));
    } else if (value.type === 'decimal') {
      this.#call('decimal', 'Decimal', () => this.#text(text));
    } else if (value.type === 'uuid') {
      this.#call('uuid', 'UUID', () => this.#text(text));
    } else throw new EncodeError(`A ${value.type} cannot be pickled.`);
  }

  #record(record: Record<string, unknown>, depth: number): void {
    const toJson = record.toJSON;
    if (typeof toJson === 'function') this.value(toJson.call(record), depth + 1);
    else if (!isRecord(record) || whyRefused(record) !== undefined) {
      throw new EncodeError(`A ${className(record)} cannot be pickled.`);
    } else {
      const defined = Object.entries(record).filter(([, item]) => item !== undefined);
      this.#marked('}', 'u', pairsOf(defined), depth);
    }
  }

  #list(items: ArrayLike<unknown>, depth: number): void {
    if (isHollow(items))
      throw new EncodeError(`A value is ${hollow(items)} and cannot be pickled.`);
    this.#marked(']', 'e', Array.from(items), depth);
  }

  #marked(open: string, close: string, items: readonly unknown[], depth: number): void {
    this.#op(open);
    if (items.length === 0) return;
    this.#op('(');
    for (const item of items) this.value(item, depth + 1);
    this.#op(close);
  }

  #set(set: ReadonlySet<unknown>, depth: number): void {
    this.#byte(0x8f);
    this.#op('(');
    for (const item of set) this.value(item, depth + 1);
    this.#byte(0x90);
  }

  #date(date: Date): void {
    if (Number.isNaN(date.getTime())) throw new EncodeError('An invalid Date cannot be pickled.');
    this.#dateTimeText(date.toISOString());
  }

  #dateTimeText(text: string): void {
    const state = Buffer.concat([dateBytes(text.slice(0, 10)), timeBytes(text.slice(11))]);
    const offset = offsetSeconds(text.slice(11));
    this.#global('datetime', 'datetime');
    this.#bytes(state);
    if (offset !== undefined) {
      this.#call('datetime', 'timezone', () => this.#timedelta(offset));
    }
    this.#byte(offset === undefined ? 0x85 : 0x86);
    this.#op('R');
  }

  #timedelta(seconds: number): void {
    const days = Math.floor(seconds / 86400);
    this.#global('datetime', 'timedelta');
    this.#integer(BigInt(days));
    this.#integer(BigInt(seconds - days * 86400));
    this.#byte(0x86);
    this.#op('R');
  }

  #call(module: string, name: string, argument: () => void): void {
    this.#global(module, name);
    argument();
    this.#byte(0x85);
    this.#op('R');
  }

  #global(module: string, name: string): void {
    this.#text(module);
    this.#text(name);
    this.#byte(0x93);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) this.#integer(BigInt(value));
    else this.#float(value);
  }

  #integer(value: bigint): void {
    if (value >= 0n && value < 256n) this.#numbered(0x4b, 1, Number(value));
    else if (value >= 0n && value < 65536n) this.#numbered(0x4d, 2, Number(value));
    else if (value >= -(2n ** 31n) && value < 2n ** 31n) {
      this.#numbered(0x4a, 4, Number(BigInt.asUintN(32, value)));
    } else {
      const bytes = longBytes(value);
      const short = bytes.length < 256;
      this.#numbered(short ? 0x8a : 0x8b, short ? 1 : 4, bytes.length);
      this.#parts.push(bytes);
    }
  }

  #float(value: number): void {
    const part = Buffer.alloc(9);
    part[0] = 0x47;
    part.writeDoubleBE(value, 1);
    this.#parts.push(part);
  }

  #wholeText(text: string): void {
    if (hasHalf(text)) {
      throw new EncodeError('A text with half of a surrogate pair cannot be pickled.');
    }
    this.#text(text);
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    const short = bytes.length < 256;
    this.#numbered(short ? 0x8c : 0x58, short ? 1 : 4, bytes.length);
    this.#parts.push(bytes);
  }

  #bytes(value: Uint8Array): void {
    const short = value.length < 256;
    this.#numbered(short ? 0x43 : 0x42, short ? 1 : 4, value.length);
    this.#parts.push(Buffer.from(value));
  }

  #numbered(code: number, size: number, value: number): void {
    const part = Buffer.alloc(1 + size);
    part[0] = code;
    part.writeUIntLE(value, 1, size);
    this.#parts.push(part);
  }

  #op(char: string): void {
    this.#byte(char.charCodeAt(0));
  }

  #byte(code: number): void {
    this.#parts.push(Buffer.from([code]));
  }
}

/** Two's complement, little endian, as short as the sign allows. */
function longBytes(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const byte = Number(BigInt.asUintN(8, rest));
    bytes.push(byte);
    rest >>= 8n;
    const negative = (byte & 0x80) !== 0;
    if ((rest === 0n && !negative) || (rest === -1n && negative)) return Buffer.from(bytes);
  }
}

function dateBytes(text: string): Buffer {
  const [year = 1, month = 1, day = 1] = text.split('-').map(Number);
  return Buffer.from([year >> 8, year & 0xff, month, day]);
}

function timeBytes(text: string): Buffer {
  const [clock = '', fraction = ''] = text.replace(/(?:[zZ]|[+-][\d:]+)$/, '').split('.');
  const [hour = 0, minute = 0, second = 0] = clock.split(':').map(Number);
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'));
  return Buffer.from([hour, minute, second, micros >> 16, (micros >> 8) & 0xff, micros & 0xff]);
}

function offsetSeconds(text: string): number | undefined {
  const match = /(?:([zZ])|([+-])(\d{2}):?(\d{2}))$/.exec(text);
  if (match === null) return undefined;
  const [, utc, sign, hours, minutes] = match;
  if (utc !== undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

/** Keys and values in turn; a value that is a list stays one. */
function pairsOf(entries: Iterable<readonly [unknown, unknown]>): unknown[] {
  const flat: unknown[] = [];
  for (const [key, value] of entries) flat.push(key, value);
  return flat;
}
