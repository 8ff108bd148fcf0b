/** Values as serializers without kombu's typed values can write them. */

import { EncodeError } from './errors.ts';
import { MAX_DEPTH } from './json-parser.ts';
import { TypedValue } from './typed-value.ts';

export interface PlainFormat {
  /** For error messages: `YAML`. */
  readonly name: string;
  /** What the format itself writes this object as; undefined when it has no word for it. */
  object(value: object): unknown;
  /** What to write for a number; a text is the reason why it cannot be written. */
  number(value: number | bigint): number | bigint | string;
}

/** Of a class of its own, and quietly `{}` for a serializer that does not look. */
const REFUSED = [Map, Set, WeakMap, WeakSet, WeakRef, Promise, RegExp, Error, SharedArrayBuffer];

/**
 * A copy with nothing in it but null, booleans, numbers, strings, lists, records and what
 * `format.object` made. `undefined` is left out of records and is null elsewhere, as in JSON.
 * Throws EncodeError naming the place of what cannot be written.
 */
export function toPlain(value: unknown, format: PlainFormat): unknown {
  return new Copier(format).copy(value);
}

class Copier {
  readonly #format: PlainFormat;
  readonly #path: (string | number)[] = [];
  readonly #open = new Set<object>();

  constructor(format: PlainFormat) {
    this.#format = format;
  }

  copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
      case 'bigint':
        return this.#number(value);
      case 'undefined':
        return null;
      case 'object':
        return value === null ? null : this.#guarded(value);
      default:
        throw this.#refusal(`a ${typeof value}`);
    }
  }

  #number(value: number | bigint): number | bigint {
    const written = this.#format.number(value);
    if (typeof written === 'string') throw this.#refusal(written);
    return written;
  }

  #guarded(value: object): unknown {
    if (this.#open.has(value)) throw this.#refusal('a reference to an object around it');
    if (this.#path.length > MAX_DEPTH) {
      throw new EncodeError(`The value is nested deeper than ${MAX_DEPTH} levels.`);
    }
    this.#open.add(value);
    const copy = Array.isArray(value) ? this.#array(value) : this.#object(value);
    this.#open.delete(value);
    return copy;
  }

  #array(items: readonly unknown[]): unknown[] {
    return items.map((item, i) => this.#at(i, item));
  }

  #object(value: object): unknown {
    const made = this.#format.object(value);
    if (made !== undefined) return made;
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return this.copy(value.valueOf());
    }
    // Both could be written as their text, but would not come back as what they are.
    if (value instanceof Date) throw this.#refusal('a Date');
    if (value instanceof TypedValue) throw this.#refusal(`a ${value.type}`);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.copy(toJSON.call(value));
    const refused = REFUSED.find(kind => value instanceof kind);
    if (refused !== undefined) throw this.#refusal(`an object of class ${refused.name}`);
    const record: Record<string, unknown> = Object.create(null);
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) record[key] = this.#at(key, item);
    }
    return record;
  }

  #at(step: string | number, value: unknown): unknown {
    this.#path.push(step);
    const copy = this.copy(value);
    this.#path.pop();
    return copy;
  }

  #refusal(what: string): EncodeError {
    const place = this.#path
      .map(step => (typeof step === 'number' ? `[${step}]` : `[${JSON.stringify(step)}]`))
      .join('');
    return new EncodeError(`value${place} is ${what} and cannot be sent as ${this.#format.name}.`);
  }
}
