/**
 * Values in Python's notation, cut to a length, for people who read monitors and logs.
 * Not a format: nothing reads these texts again.
 */

import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { isError, isRecord } from '../kind-of.ts';

/**
 * A class that knows its Python notation has a method under this key, which is the same in every
 * copy of the library.
 */
export const REPR: unique symbol = Symbol.for('tscelery.repr') as never;

const DEFAULT_MAX_LENGTH = 1024;
const DEFAULT_MAX_DEPTH = 3;

interface Sink {
  text: string;
  left: number;
  /**
   * Whether the innermost container has said that something is missing, which those around it need
   * not say again.
   */
  cut: boolean;
  readonly maxDepth: number;
}

export interface SafereprOptions {
  /** Characters before the text is cut with `...`; 1024, as in Celery. */
  maxLength?: number;
  /** Containers nested deeper are shown as `[...]`; 3, as in Celery. */
  maxDepth?: number;
}

/** `{'a': [1, 'two', None]}`; long and deep values are cut. Never throws. */
export function saferepr(value: unknown, options: SafereprOptions = {}): string {
  const sink = newSink(options);
  put(sink, value, 0);
  return sink.text;
}

/** A text itself; of everything else what `String` makes of it, or its notation when that throws. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return saferepr(value);
  }
}

/** Arguments of a call: `(1, 2)`, `(1,)`, or `[1, 2]` when the caller passed a list. */
export function argsRepr(args: readonly unknown[], asTuple: boolean): string {
  const sink = newSink({});
  if (asTuple) putTuple(sink, args);
  else put(sink, args, 0);
  return sink.text;
}

/**
 * A number as Python prints a float; whole numbers look like Python's integers, since JavaScript
 * does not tell them apart.
 */
export function numberRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  return floatDigits(value);
}

/** Digits of a finite float with Python's choice of exponent notation: `1e-05`, `1e+300`. */
export function floatDigits(value: number): string {
  const size = Math.abs(value);
  const text = size !== 0 && size < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** A string as Python's `repr` writes it, quotes and escapes included. */
export function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"\p{Cc}\u2028\u2029]/gu, char => {
    if (char === '\\' || char === quote) return `\\${char}`;
    if (char === "'" || char === '"') return char;
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\\t';
    const code = char.charCodeAt(0);
    return code > 0xff
      ? `\\u${code.toString(16).padStart(4, '0')}`
      : `\\x${code.toString(16).padStart(2, '0')}`;
  });
  return quote + escaped + quote;
}

function newSink(options: SafereprOptions): Sink {
  return {
    text: '',
    left: options.maxLength ?? DEFAULT_MAX_LENGTH,
    cut: false,
    maxDepth: options.maxDepth ?? DEFAULT_MAX_DEPTH,
  };
}

/** Writes a token that is never cut. */
function putToken(sink: Sink, token: string): void {
  sink.text += token;
  sink.left -= token.length;
}

/** At most `length` characters; half a code point at its end is left out, since no encoding can write it. */
function startOf(text: string, length: number): string {
  const end = Math.max(0, length);
  const last = text.charCodeAt(end - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end);
}

function putLiteral(sink: Sink, token: string): void {
  if (token.length < sink.left) {
    putToken(sink, token);
    return;
  }
  sink.text += `${startOf(token, sink.left)}...`;
  sink.left = 0;
}

function putQuoted(sink: Sink, prefix: string, content: string): void {
  if (content.length < sink.left) {
    const escaped = content.includes("'") ? content.replaceAll("'", "\\'") : content;
    putToken(sink, `${prefix}'${escaped}'`);
    return;
  }
  const start = startOf(content, sink.left);
  const space = start.lastIndexOf(' ');
  const shown = space > 0 ? start.slice(0, space) : start;
  sink.text += `${prefix}'${shown.replaceAll("'", "\\'")}...'`;
  sink.left = 0;
}

function putTuple(sink: Sink, items: readonly unknown[]): void {
  if (items.length === 1) {
    putToken(sink, '(');
    put(sink, items[0], 1);
    putToken(sink, sink.left > 0 ? ',)' : ')');
  } else {
    putItems(sink, items, '()', 0);
  }
}

function putItems(
  sink: Sink,
  items: readonly unknown[],
  brackets: '()' | '[]' | '{}',
  depth: number,
): void {
  if (depth >= sink.maxDepth) {
    putToken(sink, `${brackets[0]}...${brackets[1]}`);
    return;
  }
  putToken(sink, brackets[0]!);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) putToken(sink, ', ');
    put(sink, items[i], depth + 1);
    if (sink.left <= 0) {
      markCut(sink, i + 1 < items.length);
      break;
    }
  }
  putToken(sink, brackets[1]!);
}

function putEntries(sink: Sink, entries: readonly [unknown, unknown][], depth: number): void {
  if (depth >= sink.maxDepth) {
    putToken(sink, '{...}');
    return;
  }
  putToken(sink, '{');
  for (let i = 0; i < entries.length; i++) {
    const [key, value] = entries[i]!;
    if (i > 0) putToken(sink, ', ');
    put(sink, key, depth + 1);
    if (sink.left > 0) {
      putToken(sink, ': ');
      put(sink, value, depth + 1);
    }
    if (sink.left <= 0) {
      markCut(sink, i + 1 < entries.length);
      break;
    }
  }
  putToken(sink, '}');
}

function markCut(sink: Sink, more: boolean): void {
  if (more && !sink.cut) sink.text += ', ...';
  sink.cut = true;
}

function put(sink: Sink, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
      putQuoted(sink, '', value);
      break;
    case 'number':
      putLiteral(sink, numberRepr(value));
      break;
    case 'boolean':
      putLiteral(sink, value ? 'True' : 'False');
      break;
    case 'bigint':
      putLiteral(sink, value.toString());
      break;
    case 'undefined':
      putLiteral(sink, 'None');
      break;
    case 'symbol':
      putLiteral(sink, `<${value.toString()}>`);
      break;
    case 'function':
      putLiteral(sink, `<function ${value.name || 'anonymous'}>`);
      break;
    case 'object':
      putObject(sink, value, depth);
  }
}

function putObject(sink: Sink, value: object | null, depth: number): void {
  if (value === null) {
    putLiteral(sink, 'None');
  } else {
    // Getters, proxies and toJSON are user code, and a display text is no reason to fail.
    try {
      if (Array.isArray(value)) putItems(sink, value, '[]', depth);
      else putSpecial(sink, value, depth);
    } catch {
      putLiteral(sink, '<object>');
    }
  }
}

function putSpecial(sink: Sink, value: object, depth: number): void {
  if (isRecord(value)) {
    putOther(sink, value, depth);
  } else if (types.isUint8Array(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    putQuoted(sink, 'b', bytes.toString(isUtf8(bytes) ? 'utf8' : 'hex'));
  } else if (types.isDate(value)) {
    putLiteral(sink, dateRepr(value));
  } else if (types.isMap(value)) {
    putEntries(sink, [...value], depth);
  } else if (types.isSet(value)) {
    if (value.size === 0) putLiteral(sink, 'set()');
    else putItems(sink, [...value], '{}', depth);
  } else if (isError(value)) {
    const shown = value.message === '' ? '' : stringRepr(value.message);
    putLiteral(sink, `${value.name}(${shown})`);
  } else {
    putOther(sink, value, depth);
  }
}

function putOther(sink: Sink, value: object, depth: number): void {
  if (hasMethod(value, REPR)) {
    putLiteral(sink, String(value[REPR]()));
  } else if (hasMethod(value, 'toJSON') && depth < sink.maxDepth) {
    put(sink, value.toJSON(), depth + 1);
  } else {
    putEntries(sink, Object.entries(value), depth);
  }
}

function hasMethod<K extends string | symbol>(
  value: object,
  key: K,
): value is Record<K, () => unknown> {
  return typeof (value as Record<K, unknown>)[key] === 'function';
}

function dateRepr(date: Date): string {
  if (Number.isNaN(date.getTime())) return 'datetime.datetime(invalid)';
  const parts = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  parts.push(date.getUTCHours(), date.getUTCMinutes());
  const seconds = date.getUTCSeconds();
  const micros = date.getUTCMilliseconds() * 1000;
  if (seconds !== 0 || micros !== 0) parts.push(seconds);
  if (micros !== 0) parts.push(micros);
  return `datetime.datetime(${parts.join(', ')}, tzinfo=datetime.timezone.utc)`;
}
