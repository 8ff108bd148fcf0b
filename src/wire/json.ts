/**
 * kombu's JSON: JSON with Python's NaN and long integers, and with typed values such as
 * `{"__type__": "datetime", "__value__": "…"}`. Plain values go through JSON.stringify and
 * JSON.parse; only what needs more pays for more.
 */

import { isUtf8 } from 'node:buffer';
import { floatDigits } from '../base/saferepr.ts';
import { fromIso, hasOffset, isWritable, toIso } from './dates.ts';
import { DecodeError, EncodeError } from './errors.ts';
import { MAX_DEPTH, parsePythonJson } from './json-parser.ts';
import { type RegisteredType, registeredType, registeredTypeOf } from './registered-types.ts';
import { Decimal, PyDate, PyDateTime, PyTime, PyUuid, TypedValue } from './typed-value.ts';

export { Decimal, PyDate, PyDateTime, PyTime, PyUuid, TypedValue } from './typed-value.ts';

export interface JsonEncodeOptions {
  /** `{__type__, __value__}` objects (kombu 5.3 and later) instead of plain strings. Default true. */
  typed?: boolean;
  /** `python` writes `", "`, `": "` and `\uXXXX` as Python's json does. Default `compact`. */
  spacing?: 'compact' | 'python';
  /** What error messages call the value. Default `value`. */
  name?: string;
}

export interface JsonDecodeOptions {
  /** Turn typed values into Date, Buffer, Decimal …; false leaves the objects. Default true. */
  typed?: boolean;
}

/**
 * Throws EncodeError naming the place of a value that JSON has no word for: a function, a
 * symbol, a Map, a cycle. `undefined` is left out of objects and is null elsewhere; Date,
 * Uint8Array, bigint, NaN and the typed values are written as kombu writes them.
 */
export function jsonEncode(value: unknown, options?: JsonEncodeOptions): string {
  if (isPlain(value, 0)) {
    return options?.spacing === 'python' ? pythonText(value) : (JSON.stringify(value) ?? 'null');
  }
  const writer = new Writer(options?.typed ?? true, options?.spacing ?? 'compact');
  return writer.write(value, [options?.name ?? 'value']);
}

/**
 * Throws DecodeError. Integers beyond 2^53 become bigint; a typed value of a type that we do
 * not know stays an object with `__type__` and `__value__`.
 */
export function jsonDecode(text: string, options?: JsonDecodeOptions): unknown {
  try {
    const value = needsTolerance(text) ? undefined : parseStrictly(text);
    return value === undefined ? parseTolerantly(text, options) : value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DecodeError(`Not readable as JSON: ${reason}`, { cause: error });
  }
}

/** Undefined for what is not JSON; Python's NaN and Infinity are not. */
function parseStrictly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseTolerantly(text: string, options?: JsonDecodeOptions): unknown {
  return parsePythonJson(text, options?.typed === false ? undefined : reviveTyped);
}

/** Whether JSON.stringify writes the value as Python would read it, with nothing lost. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || isPlainObject(value, depth);
    default:
      return false;
  }
}

function isPlainObject(value: object, depth: number): boolean {
  // A cycle ends here too.
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const record = value as Record<string, unknown>;
  if (typeof record.toJSON === 'function') return false;
  for (const key in record) if (!isPlain(record[key], depth + 1)) return false;
  return true;
}

/** A plain value with Python's spacing. */
function pythonText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return asciiString(value);
    case 'number':
      return numberText(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) {
        return value.length === 0 ? '[]' : `[${value.map(pythonText).join(', ')}]`;
      }
      return pythonRecord(value as Record<string, unknown>);
    default:
      return value === undefined ? 'null' : String(value);
  }
}

function pythonRecord(record: Record<string, unknown>): string {
  let text = '';
  for (const key of Object.keys(record)) {
    const value = record[key];
    if (value === undefined) continue;
    if (text !== '') text += ', ';
    text += `${asciiString(key)}: ${pythonText(value)}`;
  }
  return `{${text}}`;
}

function asciiString(text: string): string {
  const json = JSON.stringify(text);
  if (!NOT_ASCII.test(json)) return json;
  return json.replace(NOT_ASCII_ALL, char => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const NOT_ASCII = /[\u007f-\uffff]/;
const NOT_ASCII_ALL = /[\u007f-\uffff]/g;

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return Object.is(value, -0) ? '0' : floatDigits(value);
}

const LONG = 16;

/**
 * Whether there is an integer that may be beyond 2^53. Looks at every sixteenth character,
 * which no run of sixteen digits escapes; a regular expression takes a quarter of the time
 * of parsing.
 */
function hasLongInteger(text: string): boolean {
  for (let i = LONG - 1; i < text.length; i += LONG) {
    if (!isDigit(text.charCodeAt(i))) continue;
    let start = i;
    while (start > 0 && isDigit(text.charCodeAt(start - 1))) start--;
    let end = i + 1;
    while (isDigit(text.charCodeAt(end))) end++;
    if (end - start >= LONG && text[start - 1] !== '.') return true;
    i = end - 1;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether JSON.parse would read it, but not as it is meant. */
function needsTolerance(text: string): boolean {
  return (
    text.includes('__type__') ||
    hasLongInteger(text) ||
    (text.length > 2 * MAX_DEPTH && mayBeDeep(text))
  );
}

/** Whether the brackets allow more than MAX_DEPTH levels; those in strings count too. */
function mayBeDeep(text: string): boolean {
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b) open++;
    else if (code === 0x5d || code === 0x7d) open--;
    if (open > MAX_DEPTH) return true;
  }
  return false;
}

function reviveTyped(object: Record<string, unknown>): unknown {
  const type = object.__type__;
  if (typeof type !== 'string' || !('__value__' in object)) return object;
  if (Object.keys(object).length !== 2) return object;
  const registered = registeredType(type);
  if (registered !== undefined) return registered.decode(object.__value__);
  const revive = Object.hasOwn(REVIVERS, type) ? REVIVERS[type] : undefined;
  return revive?.(object.__value__) ?? object;
}

/** From `__value__`; undefined leaves the object as it is. */
const REVIVERS: Readonly<Record<string, (value: unknown) => unknown>> = {
  datetime: value => (typeof value === 'string' ? reviveDateTime(value) : undefined),
  date: value => (typeof value === 'string' ? new PyDate(value) : undefined),
  time: value => (typeof value === 'string' ? new PyTime(value) : undefined),
  decimal: value => (typeof value === 'string' ? new Decimal(value) : undefined),
  uuid: reviveUuid,
  bytes: value => (typeof value === 'string' ? Buffer.from(value, 'utf8') : undefined),
  base64: value => (typeof value === 'string' ? Buffer.from(value, 'base64') : undefined),
};

const WHOLE_MILLISECONDS = /^[^.]*(?:\.\d{1,3}0*)?(?:[zZ]|[+-][\d:]+)$/;

/** A Date when nothing is lost by it, else the text; undefined when it is no date. */
export function reviveDateTime(text: string): Date | PyDateTime | undefined {
  try {
    const seconds = fromIso(text);
    return hasOffset(text) && WHOLE_MILLISECONDS.test(text)
      ? new Date(Math.round(seconds * 1000))
      : new PyDateTime(text);
  } catch {
    return undefined;
  }
}

function reviveUuid(value: unknown): PyUuid | undefined {
  const hex = (value as { hex?: unknown } | null)?.hex;
  if (typeof hex !== 'string' || !/^[0-9a-fA-F]{32}$/.test(hex)) return undefined;
  return new PyUuid(hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
}

type Path = (string | number)[];

class Writer {
  readonly #typed: boolean;
  readonly #python: boolean;
  readonly #comma: string;
  readonly #colon: string;
  readonly #open = new Set<object>();

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
    const text = this.#object(value, path);
    this.#open.delete(value);
    return text;
  }

  #object(value: object, path: Path): string {
    if (Array.isArray(value)) return this.#array(value, path);
    const registered = registeredTypeOf(value);
    if (registered !== undefined) {
      const encoded = encodeRegistered(registered, value, path);
      if (!this.#typed) return this.write(encoded, path);
      return this.#record({ __type__: registered.name, __value__: encoded }, path);
    }
    if (value instanceof TypedValue) {
      return this.#typedValue(value.type, value.wireValue, value.text, path);
    }
    if (value instanceof Date) return this.#date(value, path);
    if (value instanceof Uint8Array) return this.#bytes(value, path);
    if (value instanceof ArrayBuffer) return this.#bytes(new Uint8Array(value), path);
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return this.write(value.valueOf(), path);
    }
    const record = value as Record<string, unknown>;
    if (typeof record.toJSON === 'function') return this.write(record.toJSON(), path);
    const refused = REFUSED.find(kind => value instanceof kind);
    if (refused !== undefined) throw cannotWrite(`an object of class ${refused.name}`, path);
    return this.#record(record, path);
  }

  #array(items: readonly unknown[], path: Path): string {
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
      const value = record[key];
      if (value === undefined) continue;
      path.push(key);
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
    if (Number.isNaN(date.getTime())) throw cannotWrite('an invalid Date', path);
    if (!isWritable(date.getTime() / 1000)) {
      throw cannotWrite(`the Date ${date.toISOString()}, not in the years 1 to 9999,`, path);
    }
    const iso = toIso(date.getTime() / 1000);
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

/** Classes that JSON.stringify would quietly turn into `{}`. */
const REFUSED = [Map, Set, WeakMap, WeakSet, WeakRef, Promise, RegExp, Error, SharedArrayBuffer];

function encodeRegistered(type: RegisteredType, value: object, path: Path): unknown {
  try {
    return type.encode(value as never);
  } catch (error) {
    if (error instanceof EncodeError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new EncodeError(`${place(path)} could not be encoded as ${type.name}: ${reason}`, {
      cause: error,
    });
  }
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
