/**
 * What serializers make of objects: the same answers for JSON, YAML, msgpack and pickle, and for
 * values of every realm.
 */
import { types } from 'node:util';
import { className, isError, isRecord } from '../../base/kind-of.ts';

/** Arrays longer than this are looked at before they are gone through: `a[4e9] = 1` takes no memory. */
const LONG_ARRAY = 1_000_000;
const PROBES = 64;

/** Whether it is a long array that is mostly holes: written out it would fill the memory. */
export function isHollow(items: ArrayLike<unknown>): boolean {
  const { length } = items;
  if (length <= LONG_ARRAY) return false;
  let holes = 0;
  for (let i = 0; i < PROBES; i++) if (!(Math.floor((length / PROBES) * i) in items)) holes++;
  return holes > PROBES / 2;
}

export function hollow(items: ArrayLike<unknown>): string {
  return `an array with ${items.length} places, most of them empty,`;
}

/** Of a Uint8Array, an ArrayBuffer or a DataView: its bytes, not copied. */
export function bytesIn(value: object): Uint8Array | undefined {
  if (types.isUint8Array(value)) return value;
  if (types.isArrayBuffer(value)) return new Uint8Array(value);
  if (!types.isArrayBufferView(value) || types.isTypedArray(value)) return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** Of any other typed array: its numbers. */
export function numbersIn(value: object): ArrayLike<number | bigint> | undefined {
  return types.isTypedArray(value) ? (value as ArrayLike<number | bigint>) : undefined;
}

/** What is inside of `new Number(1)` and its kin. */
export function unboxed(value: object): unknown {
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value);
  return Symbol.prototype.valueOf.call(value);
}

/**
 * Why an object cannot be sent, completing "is …"; undefined when its properties are its
 * contents. Those of a class of its own that has none to see keeps them where nobody looks:
 * in private fields, in getters of its class, or behind an iterator.
 */
export function whyRefused(value: object): string | undefined {
  if (isRefusedKind(value)) return `an object of class ${nameOf(value)}`;
  if (isRecord(value) || Object.keys(value).length > 0) return undefined;
  return `an object of class ${nameOf(value)}, of whose contents nothing can be seen (toJSON can tell them),`;
}

function isRefusedKind(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isRegExp(value) ||
    types.isPromise(value) ||
    isError(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isSharedArrayBuffer(value) ||
    types.isGeneratorObject(value)
  );
}

function nameOf(value: object): string {
  return isError(value) ? 'Error' : className(value);
}

/** Whether a text has half of a surrogate pair, which UTF-8 cannot say: it would become U+FFFD. */
export function hasHalf(text: string): boolean {
  return HALF.test(text);
}

const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
