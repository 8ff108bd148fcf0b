/**
 * How much a message may ask of whoever reads it. Each serializer keeps to these limits in
 * its own way; this file has the numbers, and the check for formats that can refer to a value
 * twice and so grow when they are written out.
 */

import { DecodeError } from '../errors.ts';
import { MAX_DEPTH } from './json-parser.ts';
import { TypedValue } from './typed-value.ts';

export { MAX_DEPTH } from './json-parser.ts';

/** Of a body, after decompression: a small message must not fill the memory of whoever reads it. */
export const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** Of a YAML document: its reader needs a hundred times the memory and time of JSON's. */
export const MAX_YAML_BYTES = 8 * 1024 * 1024;
/** Of a YAML document: its reader recurses. PyYAML's own ends earlier. */
export const MAX_YAML_DEPTH = 500;
/**
 * Of a value once everything that refers to another part of it is written out, since each reference
 * may double it.
 */
export const MAX_VALUES = 10_000_000;

/**
 * Throws DecodeError for a value that is nested deeper than MAX_DEPTH or would be more than
 * MAX_VALUES values when written out (a reference to something around it counts as one).
 */
export function assertWithinLimits(value: unknown, format: string): void {
  const sizes = new Map<object, number>();
  const open = new Set<object>();
  const sizeOf = (item: unknown, depth: number): number => {
    if (typeof item !== 'object' || item === null || isLeaf(item)) return 1;
    const known = sizes.get(item);
    if (known !== undefined) return known;
    if (open.has(item)) return 1;
    if (depth >= MAX_DEPTH) {
      throw new DecodeError(`Not readable as ${format}: nested deeper than ${MAX_DEPTH} levels.`);
    }
    open.add(item);
    let size = 1;
    for (const child of children(item)) {
      size += sizeOf(child, depth + 1);
      if (size > MAX_VALUES) {
        throw new DecodeError(`Not readable as ${format}: more than ${MAX_VALUES} values.`);
      }
    }
    open.delete(item);
    sizes.set(item, size);
    return size;
  };
  sizeOf(value, 0);
}

function isLeaf(value: object): boolean {
  return value instanceof Uint8Array || value instanceof Date || value instanceof TypedValue;
}

function children(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  return Object.values(value);
}
