/** Values as serializers without kombu's typed values can write them. */

import { types } from 'node:util';
import { isError } from '../../base/kind-of.ts';
import { saferepr, textOf } from '../../base/text/saferepr.ts';
import { EncodeError } from '../errors.ts';
import { MAX_DEPTH } from './json-parser.ts';
import { isTypedValue } from './typed-value.ts';
import { hasHalf, hollow, isHollow, numbersIn, unboxed, whyRefused } from './value-kinds.ts';

export interface PlainFormat {
  /** For error messages: `YAML`. */
  readonly name: string;
  /** What the format itself writes this object as; undefined when it has no word for it. */
  object(value: object): unknown;
  /** Lists and records within each other, where readers take fewer than MAX_DEPTH. */
  readonly maxDepth?: number;
  /** Whether half of a surrogate pair cannot be written, because texts are UTF-8. */
  readonly refusesHalves?: boolean;
  /** What to write for a number; a text is the reason why it cannot be written. */
  number(value: number | bigint): number | bigint | string;
}

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
  #unfolded = 0;

  constructor(format: PlainFormat) {
    this.#format = format;
  }

  copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
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

  #text(value: string): string {
    if (this.#format.refusesHalves && hasHalf(value)) {
      throw this.#refusal('a text with half of a surrogate pair');
    }
    return value;
  }

  #number(value: number | bigint): number | bigint {
    const written = this.#format.number(value);
    if (typeof written === 'string') throw this.#refusal(written);
    return written;
  }

  #guarded(value: object): unknown {
    if (this.#open.has(value)) throw this.#refusal('a reference to an object around it');
    const { name, maxDepth = MAX_DEPTH } = this.#format;
    if (this.#path.length >= maxDepth) {
      throw new EncodeError(
        `The value is nested deeper than ${maxDepth} levels, the most in ${name}.`,
      );
    }
    this.#open.add(value);
    try {
      return Array.isArray(value) ? this.#array(value) : this.#object(value);
    } catch (error) {
      if (error instanceof EncodeError) throw error;
      throw this.#unreadable(error);
    } finally {
      this.#open.delete(value);
    }
  }

  #array(items: ArrayLike<unknown>): unknown[] {
    if (isHollow(items)) throw this.#refusal(hollow(items));
    // not by `map`, which skips the holes of a sparse array
    return Array.from(items, (item, i) => this.#at(i, item));
  }

  #object(value: object): unknown {
    const made = this.#format.object(value);
    if (made !== undefined) return made;
    const numbers = numbersIn(value);
    if (numbers !== undefined) return this.#array(numbers);
    if (types.isBoxedPrimitive(value)) return this.copy(unboxed(value));
    // Both could be written as their text, but would not come back as what they are.
    if (types.isDate(value)) throw this.#refusal('a Date');
    if (isTypedValue(value)) throw this.#refusal(`a ${value.type}`);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.#made(value, toJSON.call(value));
    return this.#contents(value);
  }

  /** What `toJSON` gave, which may be the object itself; asking that again would not end. */
  #made(value: object, made: unknown): unknown {
    if (made === value) return this.#contents(value);
    if (++this.#unfolded > MAX_DEPTH) throw this.#refusal('a toJSON without end');
    const copy = this.copy(made);
    this.#unfolded--;
    return copy;
  }

  #contents(value: object): unknown {
    const refused = whyRefused(value);
    if (refused !== undefined) throw this.#refusal(refused);
    const record: Record<string, unknown> = Object.create(null);
    for (const key of Object.keys(value)) {
      this.#path.push(key);
      const item = (value as Record<string, unknown>)[key];
      if (item !== undefined) record[this.#text(key)] = this.copy(item);
      this.#path.pop();
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
    return new EncodeError(`${this.#place} is ${what} and cannot be sent as ${this.#format.name}.`);
  }

  /** Getters, proxies and toJSON are code of others. */
  #unreadable(error: unknown): EncodeError {
    const reason = isError(error) ? textOf(error) : saferepr(error);
    return new EncodeError(`${this.#place} cannot be read: ${reason}`, { cause: error });
  }

  get #place(): string {
    const steps = this.#path.map(step => `[${JSON.stringify(step)}]`);
    return `value${steps.join('')}`;
  }
}
