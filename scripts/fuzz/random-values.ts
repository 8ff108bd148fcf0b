/** Random values with parts, of every kind that a program may come by. */
import { foreign, leaf, ofText } from './leaves.ts';
import { Random } from './random.ts';
import { arrivalOf, becomes, type Format, refused, type Specimen } from './specimen.ts';

const DEEPEST = 4;
const KEYS = [
  ...['a', 'b', 'c', '', '0', '-1', 'a b', 'é', '😀', '\ud83d', '\u0000', 'then', 'toJSON'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '__type__', '__value'],
  'k'.repeat(2000),
];

interface Place {
  readonly random: Random;
  readonly format: Format;
  readonly depth: number;
}

/** The value with this number; the same in every process. */
export function valueAt(seed: number, index: number, format: Format): Specimen {
  return value({ random: new Random(seed, index), format, depth: 0 });
}

function value(place: Place): Specimen {
  const { random, format, depth } = place;
  if (depth >= DEEPEST || random.chance(0.4 + depth * 0.1)) return leaf(random, format);
  return random.pick(CONTAINERS)({ ...place, depth: depth + 1 });
}

type Container = (place: Place) => Specimen;
type Parts = Map<string, Specimen>;

function put(target: object, key: string, item: unknown): void {
  // an assignment to __proto__ is none
  const property = { value: item, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(target, key, property);
}

/** Functions below these names are called. */
const CALLED = new Set(['then', 'toJSON']);

function partsOf(place: Place): Parts {
  const parts: Parts = new Map();
  for (let left = place.random.below(4); left > 0; left--) {
    const key = place.random.pick(KEYS);
    const part = value(place);
    if (typeof part.value !== 'function' || !CALLED.has(key)) parts.set(key, part);
  }
  return parts;
}

function recordOf(parts: Parts, kind: string, target: object, format: Format): Specimen {
  for (const [key, part] of parts) put(target, key, part.value);
  return { kind, value: target, arrives: arrivalOfRecord(parts, format, 'equal') };
}

function arrivalOfRecord(parts: Parts, format: Format, how: 'equal' | 'documented') {
  // what is undefined is left out
  const sent = [...parts].filter(([, part]) => part.value !== undefined);
  const isCut = sent.length < parts.size;
  const keys = sent.map(([key]) => ofText(key, format));
  const items = sent.map(([, part]) => part);
  return arrivalOf(
    [...keys, ...items],
    arrived => {
      const record = {};
      for (const [i, [key]] of sent.entries()) put(record, key, arrived[keys.length + i]);
      return record;
    },
    isCut ? 'documented' : how,
  );
}

const record: Container = place => recordOf(partsOf(place), 'record', {}, place.format);

const nullRecord: Container = place => ({
  ...recordOf(partsOf(place), 'null prototype', Object.create(null) as object, place.format),
});

const foreignRecord: Container = place =>
  recordOf(partsOf(place), 'record of another realm', foreign<object>('{}'), place.format);

class Thing {}

const instance: Container = place => {
  const parts = partsOf(place).set('own', leaf(place.random, place.format));
  const target = new Thing();
  for (const [key, part] of parts) put(target, key, part.value);
  return {
    kind: 'instance',
    value: target,
    arrives: arrivalOfRecord(parts, place.format, 'documented'),
  };
};

const symbols: Container = place => {
  const made = recordOf(partsOf(place), 'symbol keys', {}, place.format);
  Object.assign(made.value as object, { [Symbol('key')]: 1 });
  return made;
};

const getters: Container = place => {
  const parts = partsOf(place);
  const target = {};
  for (const [key, part] of parts) {
    Object.defineProperty(target, key, { enumerable: true, get: () => part.value });
  }
  return {
    kind: 'getters',
    value: target,
    arrives: arrivalOfRecord(parts, place.format, 'documented'),
  };
};

function itemsOf(place: Place): Specimen[] {
  return Array.from({ length: place.random.below(4) }, () => value(place));
}

const list: Container = place => {
  const items = itemsOf(place);
  return {
    kind: 'list',
    value: items.map(item => item.value),
    arrives: arrivalOf(items, arrived => [...arrived]),
  };
};

const foreignList: Container = place => {
  const made = list(place);
  const target = foreign<unknown[]>('[]');
  target.push(...(made.value as unknown[]));
  return { ...made, kind: 'list of another realm', value: target };
};

const sparse: Container = place => {
  const items = itemsOf(place);
  const target: unknown[] = [];
  target.length = items.length * 2;
  for (const [i, item] of items.entries()) target[i * 2] = item.value;
  const build = (arrived: readonly unknown[]) => arrived.flatMap(item => [item, null]);
  return { kind: 'sparse list', value: target, arrives: arrivalOf(items, build, 'documented') };
};

const shared: Container = place => {
  const one = value(place);
  const build = ([arrived]: readonly unknown[]) => [arrived, { again: arrived }];
  const isLeftOut = one.value === undefined;
  return {
    kind: 'shared',
    value: [one.value, { again: one.value }],
    arrives: isLeftOut ? becomes('', undefined, [null, {}]).arrives : arrivalOf([one], build),
  };
};

class Told {
  readonly #inside: unknown;
  constructor(inside: unknown) {
    this.#inside = inside;
  }
  toJSON(): unknown {
    return this.#inside;
  }
}

const told: Container = place => {
  const inside = value(place);
  return {
    kind: 'toJSON',
    value: new Told(inside.value),
    arrives: arrivalOf([inside], ([arrived]) => arrived, 'documented'),
  };
};

/** A proxy that does nothing looks like what is behind it. */
const proxied: Container = place => {
  const behind = place.random.chance(0.5) ? record(place) : list(place);
  return { ...behind, kind: 'proxy', value: new Proxy(behind.value as object, {}) };
};

const cycle: Container = place => {
  const made = place.random.chance(0.5) ? record(place) : list(place);
  const target = made.value as object;
  if (Array.isArray(target)) target.push({ up: target });
  else put(target, 'up', [target]);
  return refused('cycle', target);
};

/** Formats and their readers take 1000 levels, YAML's 500. */
const deep: Container = place => {
  const isTooDeep = place.random.chance(0.5);
  const inside = leaf(place.random, place.format);
  const most = place.format === 'yaml' ? 500 : 1000;
  let made = inside.value;
  const wrap = (item: unknown) => [item];
  const levels = most + (isTooDeep ? 100 : -100);
  for (let i = 0; i < levels; i++) made = wrap(made);
  if (isTooDeep) return refused('too deep', made);
  const build = ([arrived]: readonly unknown[]) => {
    let nested = arrived;
    for (let i = 0; i < levels; i++) nested = wrap(nested);
    return nested;
  };
  return { kind: 'deep', value: made, arrives: arrivalOf([inside], build) };
};

const CONTAINERS: readonly Container[] = [
  ...[record, record, record, record, list, list, list, list, nullRecord, foreignRecord],
  ...[instance, symbols, getters, foreignList, sparse, shared, told, proxied, cycle],
  place => (place.random.chance(0.2) ? deep(place) : list(place)),
];
