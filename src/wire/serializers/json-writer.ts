/** Values that need more than JSON.stringify: typed values, Python's numbers, and errors that name a place. */

import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { isError } from '../../base/kind-of.ts';
import { floatDigits, saferepr, textOf } from '../../base/text/saferepr.ts';
import { dateIso } from '../dates.ts';
import { EncodeError } from '../errors.ts';
import { MAX_DEPTH } from './json-parser.ts';
import { type RegisteredType, registeredTypeOf } from './registered-types.ts';
import { isTypedValue } from './typed-value.ts';
import { bytesIn, hollow, isHollow, numbersIn, unboxed, whyRefused } from './value-kinds.ts';

export type Path = (string | number)[];

export class JsonWriter {
  readonly #typed: boolean;
  readonly #python: boolean;
  readonly #comma: string;
  readonly #colon: string;
  readonly #open = new Set<object>();
  #unfolded = 0;

  constructor(typed: boolean, spacing: 'compact' | 'python') {
    this.#typed = typed;
    this.#python = spacing === 'python';
    this.#comma = this.#python ? ', ' : ',';
    this.#colon = this.#python ? ': ' : ':';
  }

  write(value: unknown, path: Path): string {
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        return numberText(value);
      case 'bigint':
        return value.toString();
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return 'null';
      case 'object':
        return value === null ? 'null' : this.#guarded(value, path);
      default:
        throw cannotWrite(`a ${typeof value}`, path);
    }
  }

  #string(text: string): string {
    return this.#python ? asciiString(text) : JSON.stringify(text);
  }

  #guarded(value: object, path: Path): string {
    if (this.#open.has(value)) throw cannotWrite('a reference to an object around it', path);
    if (path.length > MAX_DEPTH) {
      throw new EncodeError(`${path[0]} is nested deeper than ${MAX_DEPTH} levels.`);
    }
    this.#open.add(value);
    try {
      return this.#object(value, path);
    } catch (error) {
      if (error instanceof EncodeError) throw error;
      // the path still leads to where it happened
      throw unreadable(error, path);
    } finally {
      this.#open.delete(value);
    }
  }

  #object(value: object, path: Path): string {
    if (Array.isArray(value)) return this.#array(value, path);
    const registered = registeredTypeOf(value);
    if (registered !== undefined) {
      const encoded = encodeRegistered(registered, value, path);
      if (!this.#typed) return this.write(encoded, path);
      return this.#record({ __type__: registered.name, __value__: encoded }, path);
    }
    if (isTypedValue(value)) {
      return this.#typedValue(value.type, value.wireValue, value.text, path);
    }
    if (types.isDate(value)) return this.#date(value, path);
    const bytes = bytesIn(value);
    if (bytes !== undefined) return this.#bytes(bytes, path);
    const numbers = numbersIn(value);
    if (numbers !== undefined) return this.#array(numbers, path);
    if (types.isBoxedPrimitive(value)) return this.write(unboxed(value), path);
    const record = value as Record<string, unknown>;
    if (typeof record.toJSON === 'function') return this.#made(record, record.toJSON(), path);
    return this.#contents(record, path);
  }

  /** What `toJSON` gave; it is asked once, as by JSON.stringify, so one that gives itself ends. */
  #made(value: Record<string, unknown>, made: unknown, path: Path): string {
    if (made === value) return this.#contents(value, path);
    if (++this.#unfolded > MAX_DEPTH) throw cannotWrite('a toJSON without end', path);
    const text = this.write(made, path);
    this.#unfolded--;
    return text;
  }

  #contents(value: Record<string, unknown>, path: Path): string {
    const refused = whyRefused(value);
    if (refused !== undefined) throw cannotWrite(refused, path);
    return this.#record(value, path);
  }

  #array(items: ArrayLike<unknown>, path: Path): string {
    if (isHollow(items)) throw cannotWrite(hollow(items), path);
    const parts: string[] = [];
    for (let i = 0; i < items.length; i++) {
      path.push(i);
      parts.push(this.write(items[i], path));
      path.pop();
    }
    return `[${parts.join(this.#comma)}]`;
  }

  #record(record: Record<string, unknown>, path: Path): string {
    const parts: string[] = [];
    for (const key of Object.keys(record)) {
      path.push(key);
      const value = record[key];
      if (value !== undefined)
        parts.push(`${this.#string(key)}${this.#colon}${this.write(value, path)}`);
      path.pop();
    }
    return `{${parts.join(this.#comma)}}`;
  }

  #typedValue(type: string, value: unknown, text: string, path: Path): string {
    if (!this.#typed) return this.#string(text);
    return this.#record({ __type__: type, __value__: value }, path);
  }

  #date(date: Date, path: Path): string {
    const iso = dateIso(date);
    if (iso === undefined) throw cannotWrite(farDate(date), path);
    return this.#typedValue('datetime', iso, iso.replace('+00:00', 'Z'), path);
  }

  #bytes(value: Uint8Array, path: Path): string {
    if (!this.#typed) throw cannotWrite('bytes, which peers before kombu 5.3 cannot read,', path);
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return isUtf8(bytes)
      ? this.#typedValue('bytes', bytes.toString('utf8'), '', path)
      : this.#typedValue('base64', bytes.toString('base64'), '', path);
  }
}

function farDate(date: Date): string {
  if (Number.isNaN(date.getTime())) return 'an invalid Date';
  return `the Date ${date.toISOString()}, not in the years 1 to 9999,`;
}

function encodeRegistered(type: RegisteredType, value: object, path: Path): unknown {
  try {
    return type.encode(value as never);
  } catch (error) {
    if (error instanceof EncodeError) throw error;
    const reason = isError(error) ? error.message : textOf(error);
    throw new EncodeError(`${place(path)} could not be encoded as ${type.name}: ${reason}`, {
      cause: error,
    });
  }
}

/** Getters, proxies and toJSON are code of others. */
function unreadable(error: unknown, path: Path): EncodeError {
  const reason = isError(error) ? textOf(error) : saferepr(error);
  return new EncodeError(`${place(path)} cannot be read: ${reason}`, { cause: error });
}

function cannotWrite(what: string, path: Path): EncodeError {
  return new EncodeError(`${place(path)} is ${what} and cannot be sent as JSON.`);
}

function place([name, ...steps]: Path): string {
  const access = steps.map(step => (typeof step === 'number' ? `[${step}]` : memberAccess(step)));
  return `${name}${access.join('')}`;
}

function memberAccess(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** A JSON string without letters beyond ASCII, as Python writes it. */
export function asciiString(text: string): string {
  const json = JSON.stringify(text);
  if (!NOT_ASCII.test(json)) return json;
  return json.replace(NOT_ASCII_ALL, char => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const NOT_ASCII = /[\u007f-\uffff]/;
const NOT_ASCII_ALL = /[\u007f-\uffff]/g;

/** A number as Python's json writes it. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return Object.is(value, -0) ? '0' : floatDigits(value);
}
