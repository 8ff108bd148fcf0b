/** Random things to throw. */
import { foreign } from './leaves.ts';
import { Random } from './random.ts';
import { valueAt } from './random-values.ts';
import type { Format } from './specimen.ts';

export interface Thrown {
  readonly kind: string;
  readonly value: unknown;
  /** Of the error that arrives; undefined where something readable is all that can be asked for. */
  readonly name?: string;
  readonly message?: string;
}

interface Place {
  readonly random: Random;
  readonly seed: number;
  readonly index: number;
  readonly format: Format;
}

export function errorAt(seed: number, index: number, format: Format): Thrown {
  const random = new Random(seed + 1, index);
  const thrown = random.pick(KINDS)({ random, seed, index, format });
  return format === 'msgpack' ? withoutHalves(thrown) : thrown;
}

/** What is no UTF-8 arrives as U+FFFD where the format has nothing else for it. */
function withoutHalves({ name, message, ...thrown }: Thrown): Thrown {
  return {
    ...thrown,
    ...(name !== undefined && { name: Buffer.from(name).toString() }),
    ...(message !== undefined && { message: Buffer.from(message).toString() }),
  };
}

type Kind = (place: Place) => Thrown;

const CLASSES = [Error, TypeError, RangeError, SyntaxError, URIError, EvalError, ReferenceError];

const builtin: Kind = ({ random }) => {
  const Class = random.pick(CLASSES);
  const message = random.text();
  return { kind: 'built in', value: new Class(message), name: Class.name, message };
};

const elsewhere: Kind = ({ random }) => {
  const Class = random.pick(CLASSES);
  const message = random.text();
  const value = foreign<new (text: string) => Error>(Class.name);
  return { kind: 'of another realm', value: new value(message), name: Class.name, message };
};

class Overdrawn extends Error {}

const own: Kind = ({ random }) => {
  const message = random.text();
  return { kind: 'own class', value: new Overdrawn(message), name: 'Overdrawn', message };
};

const named: Kind = ({ random }) => {
  const names = ['__proto__', 'constructor', 'KeyError', 'Retry', 'EncodeError', 'a b\n', '\ud83d'];
  const name = random.pick(names);
  const message = random.text();
  return { kind: 'odd name', value: Object.assign(new Error(message), { name }), name, message };
};

/** A property that is not what everybody takes it for. */
const odd: Kind = ({ random, seed, index, format }) => {
  const property = random.pick([
    ...['message', 'name', 'stack', 'cause', 'code', 'errors', 'args', 'constructor'],
    ...['toString', 'toJSON', 'then', 'excModule'],
  ]);
  const { value: content } = valueAt(seed, index, format);
  const error = new (random.pick([Overdrawn, ...CLASSES]))('odd');
  Object.defineProperty(error, property, { value: content, enumerable: random.chance(0.5) });
  return { kind: `odd ${property}`, value: error };
};

const trapped: Kind = ({ random, seed, index, format }) => {
  const property = random.pick([
    ...['message', 'name', 'stack', 'cause', 'code', 'errors', 'args', 'constructor'],
    ...['toString', 'toJSON', 'then', 'excModule'],
  ]);
  const { value: content } = valueAt(seed, index, format);
  const error = random.chance(0.1)
    ? new AggregateError([], 'trapped')
    : new (random.pick([Overdrawn, ...CLASSES]))('trapped');
  Object.defineProperty(error, property, {
    get() {
      throw content;
    },
  });
  return { kind: `trapped ${property}`, value: error };
};

const caused: Kind = ({ random, seed, index, format }) => {
  const message = random.text();
  const inner = new Error('inner');
  const error = new TypeError(message, { cause: inner });
  inner.cause = random.chance(0.5) ? error : valueAt(seed, index, format).value;
  return { kind: 'caused', value: error, name: 'TypeError', message };
};

const aggregate: Kind = ({ random, seed, index, format }) => {
  const errors: unknown[] = [new Error('one'), valueAt(seed, index, format).value];
  const error = new AggregateError(errors, random.text());
  error.errors.push(error);
  if (random.chance(0.1)) error.errors.length = random.pick([5000, 3_000_000_000]);
  return { kind: 'aggregate', value: error, name: 'AggregateError' };
};

const withArgs: Kind = ({ random, seed, index, format }) => {
  const args = [valueAt(seed, index, format).value, random.text()];
  if (random.chance(0.1)) args.length = random.pick([1000, 3_000_000_000]);
  return {
    kind: 'arguments',
    value: Object.assign(new Overdrawn('x'), { args }),
    name: 'Overdrawn',
  };
};

const text: Kind = ({ random }) => {
  const message = random.text();
  return { kind: 'text', value: message, name: 'Error', message };
};

/** Not even an error. */
const anything: Kind = ({ seed, index, format }) => ({
  kind: 'anything',
  value: valueAt(seed, index, format).value,
});

const strange: Kind = ({ random }) => {
  const { proxy, revoke } = Proxy.revocable(new Error('revoked'), {});
  revoke();
  const value = random.pick<unknown>([
    proxy,
    new Proxy(new TypeError('behind a proxy'), {}),
    Object.setPrototypeOf(new Error('no prototype'), null),
    Object.create(Error.prototype),
    Object.freeze(new Error('frozen')),
    new DOMException('gone', 'AbortError'),
    // biome-ignore lint/suspicious/noThenProperty: it is thrown, not awaited
    { then: (_: unknown, reject: (why: unknown) => void) => reject(1) },
    Object.create(null),
    undefined,
    null,
    Symbol('thrown'),
    0,
    1n,
  ]);
  return { kind: 'strange', value };
};

const KINDS: readonly Kind[] = [
  ...[builtin, elsewhere, own, named, odd, odd, odd, trapped, trapped],
  ...[caused, aggregate, withArgs, text, anything, strange],
];
