/** A value and what becomes of it on its way. */
import { isDeepStrictEqual } from 'node:util';

export type Format = 'json' | 'yaml' | 'msgpack';

/** Equal, in the form that docs/compatibility.md gives, or not at all: an EncodeError. */
export type Arrival =
  | { readonly how: 'equal' | 'documented'; readonly value: unknown }
  | { readonly how: 'refused' };

export interface Specimen {
  readonly kind: string;
  readonly value: unknown;
  readonly arrives: Arrival;
  /** Its own code throws when anybody looks at it, as `await` does at what a task returns. */
  readonly isHostile?: boolean;
  /** What it becomes when it is the whole result of a task, which is awaited. */
  readonly awaited?: Arrival;
}

export const REFUSED: Arrival = { how: 'refused' };

export function same(kind: string, value: unknown): Specimen {
  return { kind, value, arrives: { how: 'equal', value } };
}

export function becomes(kind: string, value: unknown, arrived: unknown): Specimen {
  return { kind, value, arrives: { how: 'documented', value: arrived } };
}

export function refused(kind: string, value: unknown): Specimen {
  return { kind, value, arrives: REFUSED };
}

/** Of something with parts: not better than its worst part. `build` gets what its parts become. */
export function arrivalOf(
  parts: readonly Specimen[],
  build: (arrived: readonly unknown[]) => unknown,
  how: 'equal' | 'documented' = 'equal',
): Arrival {
  const values: unknown[] = [];
  let worst = how;
  for (const { arrives } of parts) {
    if (arrives.how === 'refused') return REFUSED;
    if (arrives.how === 'documented') worst = 'documented';
    values.push(arrives.value);
  }
  return { how: worst, value: build(values) };
}

/** Also tells -0 from 0, and an own `__proto__` from none. */
export function isEqual(actual: unknown, expected: unknown): boolean {
  return isDeepStrictEqual(actual, expected);
}
