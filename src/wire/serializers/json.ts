/**
 * kombu's JSON: JSON with Python's NaN and long integers, and with typed values such as
 * `{"__type__": "datetime", "__value__": "…"}`. Plain values go through JSON.stringify and
 * JSON.parse; only what needs more pays for more.
 */

import { fromIso, hasOffset } from '../dates.ts';
import { DecodeError } from '../errors.ts';
import { MAX_DEPTH, parsePythonJson } from './json-parser.ts';
import { asciiString, JsonWriter, numberText } from './json-writer.ts';
import { registeredType } from './registered-types.ts';
import { Decimal, PyDate, PyDateTime, PyTime, PyUuid } from './typed-value.ts';
import { isHollow } from './value-kinds.ts';

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
  try {
    if (isPlain(value, 0)) {
      return options?.spacing === 'python' ? pythonText(value) : (JSON.stringify(value) ?? 'null');
    }
  } catch {
    // getters and proxies are code of others: the writer finds and names the place
  }
  const writer = new JsonWriter(options?.typed ?? true, options?.spacing ?? 'compact');
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
    if (isHollow(value)) return false;
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

function pythonText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return asciiString(value);
    case 'number':
      return numberText(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value)
        ? pythonList(value)
        : pythonRecord(value as Record<string, unknown>);
    default:
      return value === undefined ? 'null' : String(value);
  }
}

/** Not by `map`, which skips the holes of a sparse array. */
function pythonList(items: readonly unknown[]): string {
  let text = '';
  for (let i = 0; i < items.length; i++) {
    text += i === 0 ? pythonText(items[i]) : `, ${pythonText(items[i])}`;
  }
  return `[${text}]`;
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
    (text.length > 2 * MAX_DEPTH && hasManyBrackets(text) && mayBeDeep(text))
  );
}

/** Native search is quicker through long texts than `mayBeDeep`. */
function hasManyBrackets(text: string): boolean {
  let left = MAX_DEPTH;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return true;
    }
  }
  return false;
}

/**
 * Whether the brackets allow more than MAX_DEPTH levels; those in strings count too, as that costs
 * only the slower parser.
 */
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
