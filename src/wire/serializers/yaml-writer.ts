/**
 * YAML that PyYAML's safe_load reads as what it was: flow style, every string quoted, numbers
 * with the point and sign without which YAML 1.1 takes them for strings. (The yaml package
 * writes YAML 1.2's numbers, `1e+21` and the like.)
 */

import { types } from 'node:util';
import { dateIso } from '../dates.ts';
import { MAX_YAML_DEPTH } from './decode-limits.ts';
import { type PlainFormat, toPlain } from './plain-value.ts';
import { isTypedValue } from './typed-value.ts';
import { bytesIn } from './value-kinds.ts';
import { TIMESTAMP } from './yaml-timestamp.ts';

/** Readers look this far for the colon after a key. */
const MAX_SIMPLE_KEY = 1000;

/** A scalar that is written as it is. */
class Scalar {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const FORMAT: PlainFormat = {
  name: 'YAML',
  maxDepth: MAX_YAML_DEPTH,
  object(value) {
    const bytes = bytesIn(value);
    if (bytes !== undefined) return binary(bytes);
    if (types.isDate(value)) return dateScalar(value);
    const isDate = isTypedValue(value) && (value.type === 'datetime' || value.type === 'date');
    return isDate && TIMESTAMP.test(value.text) ? new Scalar(value.text) : undefined;
  },
  number: value => value,
};

function binary(value: Uint8Array): Scalar {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return new Scalar(`!!binary "${bytes.toString('base64')}"`);
}

function dateScalar(date: Date): Scalar | undefined {
  const iso = dateIso(date);
  return iso === undefined ? undefined : new Scalar(iso);
}

/** Throws EncodeError naming the place of a value that YAML has no word for. */
export function yamlEncode(value: unknown): string {
  return `${write(toPlain(value, FORMAT))}\n`;
}

function write(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return numberText(value);
    case 'object':
      if (value === null) return 'null';
      if (value instanceof Scalar) return value.text;
      return Array.isArray(value) ? `[${value.map(write).join(', ')}]` : record(value);
    default:
      return String(value);
  }
}

function record(value: object): string {
  const parts = Object.entries(value).map(([key, item]) => {
    const text = quoted(key);
    return `${text.length > MAX_SIMPLE_KEY ? '? ' : ''}${text}: ${write(item)}`;
  });
  return `{${parts.join(', ')}}`;
}

/** What YAML does not allow in a text, what ends a line, and halves of surrogate pairs. */
const TO_ESCAPE =
  /["\\\p{Cc}\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

function quoted(text: string): string {
  const escaped = text.replace(TO_ESCAPE, char => {
    if (char === '"' || char === '\\') return `\\${char}`;
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  const text = String(value);
  const exponent = text.indexOf('e');
  if (exponent < 0 || text.includes('.')) return text;
  return `${text.slice(0, exponent)}.0${text.slice(exponent)}`;
}
