import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import {
  className,
  isAggregate,
  isClass,
  isError,
  isErrorClass,
  isInstanceOf,
  isMap,
  isPlainRecord,
  isRecord,
  isThenable,
} from '../../../src/base/kind-of.ts';

/** Throws at every touch. */
function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const trap = (name: string, target: object = {}) =>
  Object.defineProperty(target, name, {
    get: () => {
      throw new Error(`nobody reads ${name}`);
    },
  });

const elsewhere = (source: string): unknown => runInNewContext(source);

class OwnError extends Error {}
class OwnOwnError extends OwnError {}

describe('an error', () => {
  const rows: readonly (readonly [string, unknown, boolean])[] = [
    ['one of ours', new OwnOwnError(), true],
    ['one of another realm', elsewhere('new TypeError("x")'), true],
    ['a DOMException', new DOMException('x', 'AbortError'), true],
    ['one made from the prototype', Object.create(Error.prototype), true],
    ['an object with a message', { name: 'Error', message: 'x' }, false],
    ['a text', 'Error: x', false],
    ['nothing', undefined, false],
    ['null', null, false],
    ['a class of errors', Error, false],
    ['a revoked proxy of an error', revoked(new Error('x')), false],
    ['an object whose constructor throws', trap('constructor'), false],
  ];
  for (const [what, value, expected] of rows) {
    it(`is${expected ? '' : ' not'} ${what}`, () => assert.equal(isError(value), expected));
  }
});

describe('an error of a class', () => {
  const rows: readonly (readonly [
    string,
    unknown,
    { name: string; prototype: unknown },
    boolean,
  ])[] = [
    ['its own', new OwnError(), OwnError, true],
    ['one below', new OwnOwnError(), OwnError, true],
    ['one above', new OwnError(), OwnOwnError, false],
    ['that of all errors', new OwnError(), Error, true],
    ['the same of another realm', elsewhere('new RangeError("x")'), RangeError, true],
    ['all errors, from another realm', elsewhere('new RangeError("x")'), Error, true],
    ['another one of another realm', elsewhere('new RangeError("x")'), TypeError, false],
    ['one of the same name', Object.assign(new Error(), { name: 'OwnError' }), OwnError, true],
    ['one whose name cannot be read', trap('name', new Error('x')), OwnError, false],
    ['its own, whose name cannot be read', trap('name', new OwnError('x')), OwnError, true],
    ['any, that is a revoked proxy', revoked(new OwnError()), OwnError, false],
    ['all errors, that is a revoked proxy', revoked(new OwnError()), Error, false],
  ];
  for (const [what, error, Class, expected] of rows) {
    it(`is told: ${what}`, () => assert.equal(isInstanceOf(error as Error, Class), expected));
  }
});

describe('an error that holds others', () => {
  const rows: readonly (readonly [string, unknown, boolean])[] = [
    ['an AggregateError', new AggregateError([new Error('a')]), true],
    ['one of another realm', elsewhere('new AggregateError([])'), true],
    ['one that only has a list of that name', Object.assign(new Error(), { errors: [] }), false],
    ['one whose list was taken away', Object.assign(new AggregateError([]), { errors: 1 }), false],
    ['an ordinary one', new Error('x'), false],
    ['one whose list cannot be read', trap('errors', new Error('x')), false],
    ['a revoked proxy', revoked(new AggregateError([])), false],
  ];
  for (const [what, error, expected] of rows) {
    it(`is${expected ? '' : ' not'} ${what}`, () =>
      assert.equal(isAggregate(error as Error), expected));
  }
});

describe('a class', () => {
  const rows: readonly (readonly [string, unknown, boolean, boolean])[] = [
    ['of errors', OwnOwnError, true, true],
    ['of other things', class Thing {}, false, true],
    ['of errors, of the language', TypeError, true, false],
    ['of errors, of another realm', elsewhere('class E extends Error {}; E'), true, true],
    ['that is a function', function old() {}, false, false],
    ['that is an arrow', () => {}, false, false],
    ['that is a function of a similar name', function classical() {}, false, false],
    ['without a name', class {}, false, true],
    ['that is an arrow with such a parameter', elsewhere('class$ => class$'), false, false],
    ['that is a method with a space', elsewhere('({ class (x) {} }).class'), false, false],
    ['that is a method', { class() {} }.class, false, false],
    ['that is an error', new Error('x'), false, false],
    ['that is nothing', undefined, false, false],
    ['that is a revoked proxy', revoked(OwnError), false, false],
  ];
  for (const [what, value, ofErrors, asClass] of rows) {
    it(`${what} is told`, () => {
      assert.deepEqual([isErrorClass(value), isClass(value)], [ofErrors, asClass]);
    });
  }
});

describe('something to wait for', () => {
  // biome-ignore lint/suspicious/noThenProperty: it is what is looked for
  const foreign = { then: () => {} };
  // biome-ignore lint/suspicious/noThenProperty: it is what is looked for
  const callable = Object.assign(() => {}, { then: () => {} });
  const rows: readonly (readonly [string, unknown, boolean])[] = [
    ['a promise', Promise.resolve(), true],
    ['a promise of another library', foreign, true],
    ['a function with one', callable, true],
    // biome-ignore lint/suspicious/noThenProperty: it is what is looked for
    ['an object whose then is no function', { then: 1 }, false],
    ['a function', () => {}, false],
    ['a text', 'then', false],
    ['null', null, false],
  ];
  for (const [what, value, expected] of rows) {
    it(`is${expected ? '' : ' not'} ${what}`, () => assert.equal(isThenable(value), expected));
  }
});

describe('an object', () => {
  class Thing {}
  const bare = Object.create(null) as object;
  const rows: readonly (readonly [
    string,
    unknown,
    string,
    readonly [boolean, boolean, boolean],
  ])[] = [
    // the name of its class; whether it is a map, a plain record here, a record anywhere
    ['a literal', {}, 'Object', [true, true, true]],
    ['one without a prototype', bare, 'object', [true, true, true]],
    ['one of another realm', elsewhere('({})'), 'Object', [true, false, true]],
    ['an instance', new Thing(), 'Thing', [true, false, false]],
    ['one made from a literal', Object.create({ a: 1 }), 'Object', [true, false, false]],
    ['a list', [], 'Array', [false, false, false]],
    ['a date', new Date(0), 'Date', [true, false, false]],
    ['a map', new Map(), 'Map', [true, false, false]],
    ['bytes', Buffer.from(''), 'Buffer', [true, false, false]],
    ['one whose constructor is a text', { constructor: 'x' }, 'object', [true, true, true]],
    ['one whose constructor throws', trap('constructor'), 'object', [true, true, true]],
    ['one of a class without a name', new (class {})(), 'object', [true, false, false]],
    ['a revoked proxy', revoked({}), 'object', [false, false, false]],
    ['a revoked proxy of a list', revoked([]), 'object', [false, false, false]],
  ];
  for (const [what, value, name, kinds] of rows) {
    it(`is told: ${what}`, () => {
      assert.equal(className(value as object), name);
      assert.deepEqual([isMap(value), isPlainRecord(value), isRecord(value as object)], kinds);
    });
  }

  it('is not told of what is none', () => {
    for (const value of [undefined, null, 1, 'x', true, 1n, Symbol('s'), () => {}]) {
      assert.deepEqual([isMap(value), isPlainRecord(value)], [false, false]);
    }
  });
});
