/** Random values without parts. */
import { createContext, runInContext } from 'node:vm';
import type { Random } from './random.ts';
import { becomes, type Format, refused, type Specimen, same } from './specimen.ts';

type Leaf = (random: Random, format: Format) => Specimen;

const elsewhere = createContext({});

/** A value of another realm, whose classes are not ours. */
export function foreign<T>(code: string): T {
  return runInContext(`(${code})`, elsewhere) as T;
}

const NUMBERS = [
  0,
  1,
  -1,
  0.1,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  Number.EPSILON,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 53,
  -(2 ** 53),
  2 ** 31,
  2 ** 60,
  2 ** 63,
  2 ** 64,
  1e20,
  1e21,
  1e-7,
  123456789.12345679,
];

/** A whole number beyond 2^53 cannot be told from a bigint, once written. */
export function ofNumber(value: number, format: Format): Specimen {
  if (Object.is(value, -0)) return becomes('-0', value, 0);
  const isLong = Number.isInteger(value) && !Number.isSafeInteger(value);
  if (!isLong) return same('number', value);
  if (format === 'msgpack') {
    const fits = Math.abs(value) < 2 ** 63;
    return fits ? becomes('long number', value, BigInt(value)) : same('long number', value);
  }
  const isWritten = Math.abs(value) < 1e21;
  return isWritten ? becomes('long number', value, BigInt(String(value))) : same('number', value);
}

export function ofBigint(value: bigint, format: Format): Specimen {
  const isTooLong = value < -(2n ** 63n) || value >= 2n ** 64n;
  if (format === 'msgpack' && isTooLong) return refused('bigint', value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? becomes('bigint', value, number) : same('bigint', value);
}

export function ofText(value: string, format: Format): Specimen {
  const isHalf = Buffer.from(value).toString() !== value;
  return format === 'msgpack' && isHalf ? refused('half a pair', value) : same('text', value);
}

const number: Leaf = (random, format) => {
  if (random.chance(0.6)) return ofNumber(random.pick(NUMBERS), format);
  return ofNumber((random.next() - 0.5) * 10 ** random.below(40), format);
};

const bigint: Leaf = (random, format) => {
  const size = BigInt(random.below(2 ** 31)) ** BigInt(random.below(6));
  return ofBigint(random.chance(0.5) ? size : -size, format);
};

/** Milliseconds since 1970 of the first moment that every implementation knows, and after the last. */
const [FIRST, END] = [-62_135_596_800_000, 253_402_300_800_000];
const MOMENTS = [0, -1, 1, FIRST, FIRST - 1, END - 1, END, 8.64e15, -8.64e15, Number.NaN];

const date: Leaf = (random, format) => {
  const isRandom = random.chance(0.6);
  const ms = isRandom ? FIRST + random.below(END - FIRST) : random.pick(MOMENTS);
  const value = random.chance(0.3) ? foreign<Date>(`new Date(${ms})`) : new Date(ms);
  if (format === 'msgpack' || !(ms >= FIRST && ms < END)) return refused('date', value);
  return value instanceof Date
    ? same('date', value)
    : becomes('date of another realm', value, new Date(ms));
};

const bytes: Leaf = random => {
  const buffer = random.bytes();
  const copy = new Uint8Array(buffer);
  switch (random.below(4)) {
    case 0:
      return becomes('Uint8Array', copy, buffer);
    case 1:
      return becomes('ArrayBuffer', copy.buffer, buffer);
    case 2:
      return becomes('DataView', new DataView(copy.buffer), buffer);
    default:
      return same('Buffer', buffer);
  }
};

const numbers: Leaf = (random, format) => {
  const items = Array.from({ length: random.below(4) }, () => random.pick(NUMBERS));
  const typed = random.pick([
    new Float64Array(items),
    new Float32Array(items),
    new Int32Array(items),
    new Uint8ClampedArray(items),
  ]);
  const arrived = Array.from(typed, item => ofNumber(item, format).arrives);
  const list = arrived.map(one => (one.how === 'refused' ? undefined : one.value));
  return becomes('typed array', typed, list);
};

const boxed: Leaf = (random, format) => {
  const text = random.text();
  const inner = ofText(text, format);
  if (random.chance(0.5)) return { ...inner, kind: 'boxed', value: Object(text) };
  return becomes('boxed', Object(true), true);
};

class Hidden {
  readonly #inside = 1;
  get inside(): number {
    return this.#inside;
  }
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const trap = (): never => {
  throw new Error('a trap');
};
const TRAPS = { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap };

/** What has no word in any format. */
const SILENT: readonly (() => unknown)[] = [
  () => () => 1,
  () => Symbol('s'),
  () => Object(Symbol('s')),
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => new WeakMap(),
  () => /x/g,
  () => new Error('as a value'),
  () => new SharedArrayBuffer(4),
  () => new Hidden(),
  () => new URLSearchParams('a=1'),
  () => foreign('new Map([[1, 2]])'),
  () => foreign('new Error("elsewhere")'),
  () => foreign('() => 1'),
  () => class {},
];

const silent: Leaf = random => refused('without words', random.pick(SILENT)());

const promise: Leaf = () => ({
  ...refused('promise', Promise.resolve(1)),
  awaited: { how: 'documented', value: 1 },
});

const HOSTILE: readonly (() => unknown)[] = [
  () => revoked({}),
  () => revoked([]),
  () => new Proxy({}, TRAPS),
  () => new Proxy([1], TRAPS),
  () =>
    new Proxy(
      { a: 1 },
      {
        get: () => {
          throw revoked({});
        },
      },
    ),
];

const hostile: Leaf = random => ({
  ...refused('hostile proxy', random.pick(HOSTILE)()),
  isHostile: true,
});

class Endless {
  toJSON(): unknown {
    return new Endless();
  }
}

const throwing: Leaf = random => {
  const value = random.pick([
    {
      get bad() {
        return trap();
      },
    },
    { toJSON: trap },
    new Endless(),
    Object.create(null, { bad: { enumerable: true, get: trap } }) as object,
    {
      get toJSON() {
        return trap();
      },
    },
  ]);
  return refused('throws', value);
};

/** kombu's typed values, written by hand: JSON takes them for what they say. */
const typed: Leaf = (random, format) => {
  const [type, text, arrived] = random.pick<[unknown, unknown, unknown?]>([
    ['datetime', '2020-01-02T03:04:05.006000+00:00', new Date('2020-01-02T03:04:05.006Z')],
    ['bytes', 'abc', Buffer.from('abc')],
    ['base64', 'AAEC', Buffer.from([0, 1, 2])],
    ['datetime', 'soon'],
    ['uuid', 5],
    ['uuid', { hex: 'zz' }],
    ['__proto__', 1],
    ['constructor', []],
    ['nobody.Knows', { a: 1 }],
    [5, 5],
  ]);
  const value = { __type__: type, __value__: text };
  if (arrived === undefined || format !== 'json') return same('like a typed value', value);
  return becomes('like a typed value', value, arrived);
};

const hollow: Leaf = random => {
  const items: unknown[] = [];
  items[random.pick([1_000_001, 4_000_000_000])] = 1;
  return refused('hollow array', items);
};

const plain: Leaf = random =>
  random.pick([
    same('null', null),
    same('boolean', true),
    same('boolean', false),
    becomes('undefined', undefined, null),
  ]);

const text: Leaf = (random, format) => ofText(random.text(), format);

/** The common ones several times. */
const LEAVES: readonly Leaf[] = [
  ...[plain, plain, text, text, text, number, number, number, bigint, date, bytes, numbers],
  ...[plain, text, number, plain, text, number, plain, text, number, boxed, typed],
  ...[silent, silent, promise, hostile, throwing],
];

export function leaf(random: Random, format: Format): Specimen {
  return random.chance(0.002) ? hollow(random, format) : random.pick(LEAVES)(random, format);
}
