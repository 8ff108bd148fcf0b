/**
 * What a value is, wherever it was made. Another realm (`vm`, Jest, a worker tool) or another copy
 * of a module has classes of its own, so `instanceof` says no to its errors, dates and maps.
 * None of these throw, not even for a proxy that was revoked.
 */
import { types } from 'node:util';

/**
 * Whether it is an error: of this realm or another, a DOMException, which is no native error to V8,
 * or made from `Error.prototype`.
 */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  if (types.isNativeError(value)) return true;
  try {
    return value instanceof Error || (className(value) === 'DOMException' && 'message' in value);
  } catch {
    return false;
  }
}

/** An error that holds others (`errors`), as `Promise.any` and failed connections throw. */
export function isAggregate(error: Error): error is AggregateError {
  try {
    const { errors } = error as { errors?: unknown };
    return Array.isArray(errors) && isInstanceOf(error, AggregateError);
  } catch {
    return false;
  }
}

/** Whether `error` is of the class, or of one of that name: it may come from another copy or realm. */
export function isInstanceOf(
  error: Error,
  Class: { readonly name: string; readonly prototype: unknown },
): boolean {
  for (let proto = protoOf(error); proto !== null; proto = protoOf(proto)) {
    if (proto === Class.prototype || ownName(proto) === Class.name) return true;
  }
  if (Class.name === 'Error' && isError(error)) return true;
  try {
    return error.name === Class.name;
  } catch {
    return false;
  }
}

export function isErrorClass(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  try {
    let proto = value.prototype as unknown;
    for (; typeof proto === 'object' && proto !== null; proto = protoOf(proto)) {
      if (ownName(proto) === 'Error') return true;
    }
  } catch {
    // revoked: it can make no errors
  }
  return false;
}

/** Whether it was written as a class: it cannot be called without `new`. */
export function isClass(value: unknown): value is abstract new () => object {
  return typeof value === 'function' && isClassSource(Function.prototype.toString.call(value));
}

/** Methods may be named class, and parameters may begin with it. */
export function isClassSource(source: string): boolean {
  return /^class(?![\p{ID_Continue}$])(?!\s*\()/u.test(source);
}

/**
 * Whether `await` would wait for it; promises of other libraries are no `Promise`. Throws what its
 * getter `then` throws.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/**
 * The name of the class that made it; `object` when that cannot be told, since `constructor` may be
 * missing, or throw.
 */
export function className(value: object): string {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== '' ? name : 'object';
  } catch {
    return 'object';
  }
}

/** Any object but an array: options, whoever made them. */
export function isMap(value: unknown): value is Record<string, unknown> {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** A mapping of this realm, as decoders make it, as opposed to a list, a Date, bytes or a value of Python's. */
export function isPlainRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
  } catch {
    return false;
  }
}

/** Whether it was made by a literal, `JSON.parse` or `Object.create(null)`, in whatever realm. */
export function isRecord(value: object): boolean {
  try {
    const proto = Object.getPrototypeOf(value) as object | null;
    if (proto === null || proto === Object.prototype) return true;
    return protoOf(proto) === null && ownName(proto) === 'Object';
  } catch {
    return false;
  }
}

function protoOf(value: object): object | null {
  try {
    return Object.getPrototypeOf(value) as object | null;
  } catch {
    return null;
  }
}

function ownName(proto: object): unknown {
  try {
    const made = Object.getOwnPropertyDescriptor(proto, 'constructor')?.value as unknown;
    return typeof made === 'function' ? made.name : undefined;
  } catch {
    return undefined;
  }
}
