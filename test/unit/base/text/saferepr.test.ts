import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { argsRepr, numberRepr, saferepr, stringRepr } from '../../../../src/base/text/saferepr.ts';
import {
  Decimal,
  PyDate,
  PyDateTime,
  PyTime,
  PyUuid,
} from '../../../../src/wire/serializers/json.ts';

/** Texts are those of Celery 5.2.6 for the same values, where Python has them. */
const CASES: readonly (readonly [string, unknown, string])[] = [
  ['a string with a quote', "it's", "'it\\'s'"],
  ['a string with double quotes', 'say "x"', `'say "x"'`],
  ['a line break as it is', 'a\nb\\c', "'a\nb\\c'"],
  ['text bytes', Buffer.from('abc'), "b'abc'"],
  ['binary bytes in hex', Buffer.from([0xff, 0]), "b'ff00'"],
  ['null and undefined', [null, undefined], '[None, None]'],
  ['booleans', [true, false], '[True, False]'],
  [
    'numbers',
    [1, -1, 1.5, 1e300, 1e-5, 10n ** 30n],
    `[1, -1, 1.5, 1e+300, 1e-05, 1${'0'.repeat(30)}]`,
  ],
  ['numbers that JSON lacks', [Number.NaN, Infinity, -Infinity], '[nan, inf, -inf]'],
  ['an object', { a: 1, 'b c': [2] }, "{'a': 1, 'b c': [2]}"],
  ['empty containers', [[], {}], '[[], {}]'],
  ['lists nested too deep', [1, [2, [3, [4, [5]]]]], '[1, [2, [3, [...]]]]'],
  ['objects nested too deep', { a: { b: { c: { d: 1 } } } }, "{'a': {'b': {'c': {...}}}}"],
  ['a Map', new Map([[1, 'x']]), "{1: 'x'}"],
  ['a Set', new Set([1, 2]), '{1, 2}'],
  ['an empty Set', new Set(), 'set()'],
  ['a function', [() => 1, function named() {}], '[<function anonymous>, <function named>]'],
  ['an error', new TypeError('no'), "TypeError('no')"],
  ['a signature-like object', { toJSON: () => ({ task: 'x' }) }, "{'task': 'x'}"],
  [
    'a Date',
    new Date('2020-01-02T03:04:05Z'),
    'datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)',
  ],
  [
    'a naive datetime',
    new PyDateTime('2020-01-02T03:04:05.000006'),
    'datetime.datetime(2020, 1, 2, 3, 4, 5, 6)',
  ],
  [
    'a datetime elsewhere',
    new PyDateTime('2020-01-02T03:04:00.000001-05:30'),
    'datetime.datetime(2020, 1, 2, 3, 4, 0, 1, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=66600)))',
  ],
  ['a date', new PyDate('2020-01-02'), 'datetime.date(2020, 1, 2)'],
  ['a time', new PyTime('03:04:05'), 'datetime.time(3, 4, 5)'],
  ['a decimal', new Decimal('1.10'), "Decimal('1.10')"],
  [
    'a uuid',
    new PyUuid('00000000-0000-0000-0000-000000000005'),
    "UUID('00000000-0000-0000-0000-000000000005')",
  ],
];

describe('saferepr', () => {
  for (const [what, value, text] of CASES) {
    test(`shows ${what}`, () => {
      assert.equal(saferepr(value), text);
    });
  }

  test('cuts a list in the middle of a number and closes it', () => {
    assert.equal(saferepr([11, 22, 33, 44], { maxLength: 6 }), '[11, 2..., ...]');
    assert.equal(saferepr([1, [2, [3, 4, 5]]], { maxLength: 10 }), '[1, [2, [3..., ...]]]');
  });

  test('cuts a long text at a space', () => {
    assert.equal(saferepr(['hello world foo bar'], { maxLength: 12 }), "['hello...']");
    assert.equal(saferepr('ab\u{1f600}cd', { maxLength: 3 }), "'ab...'");
    assert.equal(saferepr('ab\u{1f600}cd', { maxLength: 4 }), "'ab\u{1f600}...'");
  });

  test('stays near its limit whatever is shown', () => {
    const wide = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`key ${i}`, ['x '.repeat(i)]]),
    );

    for (const value of ['x'.repeat(1e6), wide, Array(1e5).fill(wide), Buffer.alloc(1e5)]) {
      assert.ok(saferepr(value).length < 1024 + 40);
    }
  });

  test('ends for an object that contains itself', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;

    assert.equal(saferepr(loop), "{'self': {'self': {'self': {...}}}}");
  });

  test('does not throw for objects that do', () => {
    const thrower = {
      get value(): never {
        throw new Error('no');
      },
    };
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();

    assert.match(saferepr([thrower, 1]), /<object>, 1\]$/);
    assert.match(saferepr({ a: revoked.proxy }), /<object>/);
    assert.doesNotThrow(() => saferepr({ toJSON: () => thrower }));
    assert.doesNotThrow(() =>
      saferepr({
        toJSON() {
          return this;
        },
      }),
    );
  });
});

describe('the arguments of a call', () => {
  test('look like a tuple, or like the list that they were', () => {
    assert.equal(argsRepr([], true), '()');
    assert.equal(argsRepr([1], true), '(1,)');
    assert.equal(argsRepr([1, [2, [3, [4]]]], true), '(1, [2, [3, [...]]])');
    assert.equal(argsRepr([1, 2], false), '[1, 2]');
    assert.equal(argsRepr(['x'.repeat(2000)], true), `('${'x'.repeat(1023)}...')`);
  });
});

describe('a string in Python notation', () => {
  test('is quoted and escaped as by repr', () => {
    assert.equal(stringRepr('plain'), "'plain'");
    assert.equal(stringRepr("it's"), `"it's"`);
    assert.equal(stringRepr(`it's "x"`), `'it\\'s "x"'`);
    assert.equal(stringRepr('a\nb\t\\\u0001'), "'a\\nb\\t\\\\\\x01'");
    assert.equal(stringRepr('é中'), "'é中'");
  });
});

describe('a number in Python notation', () => {
  test('has exponents as Python writes them', () => {
    assert.equal(numberRepr(1e-7), '1e-07');
    assert.equal(numberRepr(0.0001), '0.0001');
    assert.equal(numberRepr(1.5e21), '1.5e+21');
    assert.equal(numberRepr(0), '0');
  });
});
