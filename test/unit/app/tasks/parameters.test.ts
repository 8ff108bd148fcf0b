import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bindArguments,
  checkArguments,
  type ParameterOptions,
  readParameters,
} from '../../../../src/app/tasks/parameters.ts';

type Fn = (...args: never[]) => unknown;

function names(fn: Fn, options?: ParameterOptions): (string | undefined)[] {
  return readParameters(fn, options).positional.map(parameter => parameter.name);
}

function bind(
  fn: Fn,
  args: unknown[],
  kwargs: Record<string, unknown>,
  options?: ParameterOptions,
) {
  return bindArguments(readParameters(fn, { name: 'add', ...options }), args, kwargs);
}

/** From text, because compilers and formatters would change what is tested. */
function fromSource(source: string): Fn {
  return new Function(`return ${source}`)() as Fn;
}

describe('parameter names', () => {
  const sources: [string, (string | undefined)[]][] = [
    ['function add(x, y) { return x + y }', ['x', 'y']],
    ['async function add(x, y) {}', ['x', 'y']],
    ['function* add(x, y) {}', ['x', 'y']],
    ['function (x /* first, (really) */, y // second\n) {}', ['x', 'y']],
    ['(x, y) => x + y', ['x', 'y']],
    ['async (x, y) => x', ['x', 'y']],
    ['x => x', ['x']],
    ['async x => x', ['x']],
    ['async$ => async$', ['async$']],
    ['class$ => class$', ['class$']],
    ['({ class(x, y) {} }).class', ['x', 'y']],
    ['({ class (x, y) {} }).class', ['x', 'y']],
    ['() => 1', []],
    ['({ add(x, y) {} }).add', ['x', 'y']],
    ['({ async add(x, y) {} }).add', ['x', 'y']],
    ['({ async *add(x, y) {} }).add', ['x', 'y']],
    ['({ ["a(b"](x, y) {} })["a(b"]', ['x', 'y']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    ['(x = ")", y = `${"}"})`, z = /[)/,]\\//g) => 1', ['x', 'y', 'z']],
    [
      '(x = (1, 2), y = [3, 4], z = { a: 5, b: 6 }, u = (p, q) => p / q) => 1',
      ['x', 'y', 'z', 'u'],
    ],
    ['(größe, $x, _y,) => 1', ['größe', '$x', '_y']],
    ['([a, b], y) => 1', [undefined, 'y']],
    ['({ a }, y) => 1', [undefined, 'y']],
    ['(x, ...rest) => 1', ['x']],
    ['(x, { a, b } = {}) => 1', ['x']],
  ];
  for (const [source, expected] of sources) {
    test(`of ${source} are ${expected.join(', ') || 'none'}`, () => {
      assert.deepEqual(names(fromSource(source)), expected);
    });
  }

  test('of a bound task leave its context out', () => {
    assert.deepEqual(names(fromSource('(self, x) => x'), { bind: true }), ['x']);
  });

  test('come from params when it is given', () => {
    const parameters = readParameters(fromSource('(a, b, c) => a'), {
      params: ['x', 'y?', '**options'],
    });

    assert.deepEqual(parameters.positional, [
      { name: 'x', optional: false },
      { name: 'y', optional: true },
    ]);
    assert.equal(parameters.keywords?.others, true);
  });

  test('a wrong entry of params is refused by name', () => {
    assert.throws(
      () => readParameters(fromSource('a => a'), { name: 'add', params: ['**kw', 'x'] }),
      /params of add: "x" is no parameter name at this place/,
    );
  });
});

describe('arguments', () => {
  const add = fromSource('(x, y) => x + y');

  test('without keyword arguments come through untouched', () => {
    const args = [1, 2, 3];

    assert.equal(bindArguments(readParameters(add), args, {}), args);
  });

  test('given by keyword are put at their parameter', () => {
    assert.deepEqual(bind(add, [], { y: 2, x: 1 }), [1, 2]);
    assert.deepEqual(bind(add, [1], { y: 2 }), [1, 2]);
  });

  test('skip parameters that have a default', () => {
    const fn = fromSource('(x, y = 5, z = 6) => 1');

    assert.deepEqual(bind(fn, [1], { z: 3 }), [1, undefined, 3]);
  });

  test('that no parameter names go to a trailing destructured object', () => {
    const fn = fromSource('(x, { a, "b-c": b = 2, ...others }) => 1');

    assert.deepEqual(bind(fn, [], { x: 1, a: 2, 'b-c': 3, d: 4 }), [1, { a: 2, 'b-c': 3, d: 4 }]);
  });

  test('join an object that was given by position', () => {
    const fn = fromSource('(x, { a, b }) => 1');

    assert.deepEqual(bind(fn, [1, { a: 2 }], { b: 3 }), [1, { a: 2, b: 3 }]);
    assert.throws(() => bind(fn, [1, { a: 2 }], { a: 3 }), {
      message: "add() got multiple values for argument 'a'",
    });
  });

  test('leave an object parameter empty rather than undefined, unless it has a default', () => {
    assert.deepEqual(bind(fromSource('(x, { a }) => 1'), [], { x: 1 }), [1, {}]);
    assert.deepEqual(bind(fromSource('(x, { a } = { a: 7 }) => 1'), [], { x: 1 }), [1]);
  });

  test('named __proto__ stay data', () => {
    const [options] = bind(
      fromSource('({ ...all }) => 1'),
      [],
      JSON.parse('{"__proto__": {"a": 1}}'),
    );

    assert.equal(Object.getPrototypeOf(options), Object.prototype);
    assert.deepEqual(Object.keys(options as object), ['__proto__']);
  });

  const failures: [string, Fn, unknown[], Record<string, unknown>, string][] = [
    ['an unknown name', add, [1, 2], { z: 3 }, "add() got an unexpected keyword argument 'z'"],
    [
      'an unknown name beside a destructured object',
      fromSource('(x, { a }) => 1'),
      [1],
      { b: 3 },
      "add() got an unexpected keyword argument 'b'",
    ],
    ['a value given twice', add, [1], { x: 3 }, "add() got multiple values for argument 'x'"],
    ['one value missing', add, [], { x: 3 }, "add() missing 1 required positional argument: 'y'"],
    [
      'three values missing',
      fromSource('(w, x, y, z) => 1'),
      [],
      { w: 3 },
      "add() missing 3 required positional arguments: 'x', 'y', and 'z'",
    ],
  ];
  for (const [what, fn, args, kwargs, message] of failures) {
    test(`with ${what} are refused in Python's words`, () => {
      assert.throws(() => bind(fn, args, kwargs), { name: 'TypeError', message });
    });
  }

  test('by keyword for a function whose source is hidden ask for params', () => {
    const hidden = add.bind(null);

    assert.throws(() => bind(hidden, [], { x: 1 }), /declare them with params/);
    assert.deepEqual(bind(hidden, [], { x: 1, y: 2 }, { params: ['x', 'y'] }), [1, 2]);
  });

  test('are too many when the caller gives more than there are parameters', () => {
    const check = (source: string, args: unknown[]) =>
      checkArguments(readParameters(fromSource(source), { name: 'f' }), args, {});

    assert.throws(() => check('(x, y) => 1', [1, 2, 3]), {
      message: 'f() takes 2 positional arguments but 3 were given',
    });
    assert.throws(() => check('(x, y = 1) => 1', [1, 2, 3]), {
      message: 'f() takes from 1 to 2 positional arguments but 3 were given',
    });
    assert.throws(() => check('() => 1', [1]), {
      message: 'f() takes 0 positional arguments but 1 was given',
    });
    assert.doesNotThrow(() => check('(x, ...others) => 1', [1, 2, 3]));
  });
});
