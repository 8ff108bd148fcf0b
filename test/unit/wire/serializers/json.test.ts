import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import vm from 'node:vm';
import { DecodeError, EncodeError } from '../../../../src/wire/errors.ts';
import {
  Decimal,
  jsonDecode,
  jsonEncode,
  PyDate,
  PyDateTime,
  PyTime,
  PyUuid,
} from '../../../../src/wire/serializers/json.ts';

class Hidden {
  readonly #secret = 1;
  get secret() {
    return this.#secret;
  }
}

class Endless {
  toJSON(): Endless {
    return new Endless();
  }
}

function sparse(length: number): unknown[] {
  const holes: unknown[] = [];
  if (length < 2 ** 31) holes[length] = 1;
  else holes.length = length + 1;
  return holes;
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('JSON from Python', () => {
  test('may hold NaN and the infinities', () => {
    const read = jsonDecode('[NaN, Infinity, -Infinity, "NaN", {"Infinity": 1}]');

    assert.deepEqual(read, [Number.NaN, Infinity, -Infinity, 'NaN', { Infinity: 1 }]);
  });

  test('keeps the digits of long integers', () => {
    const read = jsonDecode('[9223372036854775808, -9007199254740993, 9007199254740991, 1e300]');

    assert.deepEqual(read, [9223372036854775808n, -9007199254740993n, 9007199254740991, 1e300]);
  });

  test('keeps them wherever they stand', () => {
    for (let spaces = 0; spaces < 40; spaces++) {
      const text = `[${' '.repeat(spaces)}0.1234567890123450000, 9007199254740993, "${'1'.repeat(spaces)}"]`;

      assert.deepEqual(jsonDecode(text), [
        0.123456789012345,
        9007199254740993n,
        '1'.repeat(spaces),
      ]);
    }
  });

  test('keeps floats with many digits as numbers', () => {
    const text = '[0.30000000000000004, 12345678901234567890.5, 1234567890123456.7e3]';

    assert.deepEqual(jsonDecode(text), JSON.parse(text));
  });

  test('gives dates, decimals, uuids and bytes as values of their own', () => {
    const typed = (type: string, value: unknown) => ({ __type__: type, __value__: value });
    const text = JSON.stringify([
      typed('datetime', '2020-01-02T03:04:05+00:00'),
      typed('datetime', '2020-01-02T03:04:05.120000+02:00'),
      typed('datetime', '2020-01-02T03:04:05'),
      typed('datetime', '2020-01-02T03:04:05.000006+00:00'),
      typed('date', '2020-01-02'),
      typed('time', '03:04:05'),
      typed('decimal', '1.10'),
      typed('uuid', { hex: '00000000000000000000000000000005' }),
      typed('bytes', 'aé'),
      typed('base64', '/wA='),
    ]);

    const read = jsonDecode(text);

    assert.deepEqual(read, [
      new Date('2020-01-02T03:04:05Z'),
      new Date('2020-01-02T01:04:05.120Z'),
      new PyDateTime('2020-01-02T03:04:05'),
      new PyDateTime('2020-01-02T03:04:05.000006+00:00'),
      new PyDate('2020-01-02'),
      new PyTime('03:04:05'),
      new Decimal('1.10'),
      new PyUuid('00000000-0000-0000-0000-000000000005'),
      Buffer.from('aé'),
      Buffer.from([255, 0]),
    ]);
  });

  test('leaves typed values that we do not know as they are', () => {
    const values = [
      { __type__: 'money', __value__: '3 EUR' },
      { __type__: 'datetime', __value__: 'yesterday' },
      { __type__: 'uuid', __value__: 'x' },
      { __type__: 'uuid', __value__: null },
      { __type__: 'constructor', __value__: 1 },
      { __type__: 'date', __value__: '2020-01-02', more: 1 },
      { __type__: 5, __value__: 1 },
    ];

    const read = jsonDecode(JSON.stringify(values));

    assert.deepEqual(read, values);
    assert.deepEqual(JSON.parse(jsonEncode(read)), values);
  });

  test('gives values that read as their text', () => {
    assert.equal(
      `${new PyUuid('00000000-0000-0000-0000-000000000005')}`,
      '00000000-0000-0000-0000-000000000005',
    );
    assert.equal(Number(new Decimal('1.10')), 1.1);
    assert.equal(
      new PyDateTime('2020-01-02T03:04:05.678901').toDate().toISOString(),
      '2020-01-02T03:04:05.678Z',
    );
  });
});

describe('JSON for Python', () => {
  test('keeps the millisecond of a Date in every year', () => {
    for (const year of ['0001', '1969', '2026', '5064', '9453', '9999']) {
      const date = new Date(`${year}-10-21T01:55:39.247Z`);

      assert.equal(
        jsonEncode(date),
        `{"__type__":"datetime","__value__":"${year}-10-21T01:55:39.247000+00:00"}`,
      );
      assert.deepEqual(jsonDecode(jsonEncode(date)), date);
    }
  });

  test('holds values of its own in a form that reads back equal', () => {
    const values = [
      new Date('2020-01-02T03:04:05.120Z'),
      new PyDateTime('2020-01-02T03:04:05.000006'),
      new PyDate('2020-01-02'),
      new PyTime('03:04:05'),
      new Decimal('1.10'),
      new PyUuid('00000000-0000-0000-0000-000000000005'),
      Buffer.from('text'),
      Buffer.from([255, 0]),
      2n ** 64n,
      Number.NaN,
      -Infinity,
      { nested: [new Date(0)] },
    ];

    const text = jsonEncode(values);

    assert.deepEqual(jsonDecode(text), values);
    assert.match(
      text,
      /^\[\{"__type__":"datetime","__value__":"2020-01-02T03:04:05.120000\+00:00"\}/,
    );
    assert.match(text, /18446744073709551616,NaN,-Infinity/);
  });

  test('has plain strings for peers before kombu 5.3', () => {
    const values = [
      new Date(0),
      new Decimal('1.10'),
      new PyUuid('00000000-0000-0000-0000-000000000005'),
    ];

    const text = jsonEncode(values, { typed: false });

    assert.equal(text, '["1970-01-01T00:00:00Z","1.10","00000000-0000-0000-0000-000000000005"]');
    assert.throws(() => jsonEncode([Buffer.from('x')], { typed: false }), EncodeError);
  });

  test('can have the spacing of Python', () => {
    const value = { a: [1, 2.5, 'é😀', null, true, {}], b: { c: [], d: undefined }, e: 1e-7 };

    const text = jsonEncode(value, { spacing: 'python' });

    assert.equal(
      text,
      '{"a": [1, 2.5, "\\u00e9\\ud83d\\ude00", null, true, {}], "b": {"c": []}, "e": 1e-07}',
    );
    assert.equal(
      jsonEncode([{ a: new Date(0) }, 'é', 1n], { spacing: 'python' }),
      '[{"a": {"__type__": "datetime", "__value__": "1970-01-01T00:00:00+00:00"}}, "\\u00e9", 1]',
    );
  });

  test('is what JSON.stringify writes for plain values', () => {
    const value = { a: [1, undefined, 'x\ud800'], b: undefined, c: { d: null }, 'e-f': -0 };

    assert.equal(jsonEncode(value), JSON.stringify(value));
    assert.equal(jsonEncode(undefined), 'null');
    assert.equal(jsonEncode([undefined, 1n]), '[null,1]');
  });

  test('asks objects with toJSON for their value', () => {
    assert.equal(
      jsonEncode({ url: new URL('http://x/'), sig: { toJSON: () => [1n] } }),
      '{"url":"http://x/","sig":[1]}',
    );
  });

  for (const [what, value, place] of [
    ['a function', { a: [() => 1] }, 'args.a[0] is a function'],
    ['a symbol', [Symbol('x')], 'args[0] is a symbol'],
    ['a Map', [{ 'x-y': new Map() }], 'args[0]["x-y"] is an object of class Map'],
    ['a Set', new Set(), 'args is an object of class Set'],
    ['a promise', [Promise.resolve()], 'args[0] is an object of class Promise'],
    ['an error', [new Error('x')], 'args[0] is an object of class Error'],
    ['an invalid date', [new Date(Number.NaN)], 'args[0] is an invalid Date'],
    [
      'a Map of another realm',
      [vm.runInNewContext('new Map()')],
      'args[0] is an object of class Map',
    ],
    [
      'an error of another realm',
      vm.runInNewContext('new Error("x")'),
      'args is an object of class Error',
    ],
    [
      'parameters of a URL',
      [new URLSearchParams('a=1')],
      'args[0] is an object of class URLSearchParams',
    ],
    [
      'private fields',
      { a: new Hidden() },
      'args.a is an object of class Hidden, of whose contents',
    ],
    ['an iterator', [[1].values()], 'args[0] is an object of class'],
    [
      'a getter that throws',
      [
        {
          get bad() {
            throw new Error('no');
          },
        },
      ],
      'args[0].bad cannot be read: Error: no',
    ],
    ['a revoked proxy', { a: [revokedProxy()] }, 'args.a[0] cannot be read: TypeError'],
    [
      'a toJSON that throws',
      [
        {
          toJSON() {
            throw new Error('no');
          },
        },
      ],
      'args[0] cannot be read: Error: no',
    ],
    ['a toJSON without end', [new Endless()], 'args[0] is a toJSON without end'],
    ['billions of holes', { a: sparse(4e9) }, 'args.a is an array with 4000000001 places'],
  ] as const) {
    test(`refuses ${what} and says where it is`, () => {
      assert.throws(
        () => jsonEncode(value, { name: 'args' }),
        (error: Error) => error instanceof EncodeError && error.message.startsWith(place),
      );
    });
  }

  test('writes the holes of a sparse array as null', () => {
    const holes = sparse(2);

    assert.equal(jsonEncode(holes, { spacing: 'python' }), '[null, null, 1]');
    assert.equal(jsonEncode([holes, 1n], { spacing: 'python' }), '[[null, null, 1], 1]');
    assert.equal(jsonEncode(holes), '[null,null,1]');
  });

  test('writes values of another realm as those of this one', () => {
    const made = (code: string) => jsonEncode(vm.runInNewContext(code));

    assert.equal(made('({ a: [{}] })'), '{"a":[{}]}');
    assert.equal(made('new Date(0)'), jsonEncode(new Date(0)));
    assert.equal(made('new Uint8Array([255])'), jsonEncode(Buffer.from([255])));
    assert.equal(made('new Uint8Array([255]).buffer'), jsonEncode(Buffer.from([255])));
    assert.equal(made('[new Number(1), new String("x"), new Boolean(false)]'), '[1,"x",false]');
  });

  test('writes typed arrays other than bytes as lists of numbers', () => {
    const value = [new Float64Array([0.5, Number.NaN]), new BigInt64Array([-(2n ** 60n)])];

    assert.equal(jsonEncode(value), '[[0.5,NaN],[-1152921504606846976]]');
  });

  test('writes the properties of an object whose toJSON gives itself', () => {
    const self = { a: 1n, toJSON: (): unknown => self };
    Object.defineProperty(self, 'toJSON', { enumerable: false });

    assert.equal(jsonEncode(self), '{"a":1}');
  });

  test('says where a value is even after others that needed a closer look', () => {
    const value = { a: { x: 1n }, list: [[2n], { y: [3n] }, () => 1] };

    assert.throws(() => jsonEncode(value), { message: /^value\.list\[2\] is a function/ });
  });

  test('refuses cycles and says where they close', () => {
    const loop: Record<string, unknown> = { list: [1] };
    (loop.list as unknown[]).push(loop);

    assert.throws(() => jsonEncode(loop), {
      name: 'EncodeError',
      message: 'value.list[1] is a reference to an object around it and cannot be sent as JSON.',
    });
    const shared = { x: 1n };
    assert.equal(jsonEncode([shared, shared]), '[{"x":1},{"x":1}]');
  });

  test('refuses what is nested deeper than Python can read', () => {
    let deep: unknown = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];

    assert.throws(() => jsonEncode(deep), EncodeError);
  });
});

describe('hostile JSON', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '[1,]',
    '{"a":1,}',
    '[NaN',
    '[NaN,]',
    '{"a" NaN}',
    '{NaN: 1}',
    '{"a": NaN "b": 1}',
    '[Infinit]',
    '-NaN',
    'NaNx',
    '[01234567890123456789]',
    '"NaN',
    '"NaN\\',
    '["NaN\n"]',
    '["NaN\\x"]',
    '12345678901234567890 1',
    'undefined',
    '[1] // NaN',
  ]) {
    test(`is refused: ${JSON.stringify(text)}`, () => {
      assert.throws(() => jsonDecode(text), DecodeError);
    });
  }

  test('cannot change prototypes', () => {
    for (const text of [
      '{"__proto__": {"bad": 1}}',
      '{"__proto__": {"bad": NaN}, "n": 12345678901234567890}',
    ]) {
      const read = jsonDecode(text) as Record<string, unknown>;

      assert.equal(read.bad, undefined);
      assert.equal(Object.getPrototypeOf(read), Object.prototype);
      assert.ok(Object.hasOwn(read, '__proto__'));
    }
    assert.equal(({} as Record<string, unknown>).bad, undefined);
  });

  test('nested deeper than Python reads is refused', () => {
    const nested = (depth: number, inner: string) => '['.repeat(depth) + inner + ']'.repeat(depth);

    for (const inner of ['1', 'NaN']) {
      assert.throws(() => jsonDecode(nested(1500, inner)), DecodeError);
      assert.ok(Array.isArray(jsonDecode(nested(900, inner))));
    }
  });

  test('nested without end is refused', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['[NaN,', ']'],
    ] as const) {
      const text = `${open.repeat(200_000)}1${close.repeat(200_000)}`;

      assert.throws(() => jsonDecode(text), DecodeError);
      assert.throws(() => jsonDecode(open.repeat(200_000)), DecodeError);
    }
  });

  test('may be large', () => {
    const text = JSON.stringify({ big: 'x[{"\\'.repeat(1e6), type: '__type__' });

    assert.deepEqual(jsonDecode(text), JSON.parse(text));
  });

  test('with many brackets in its strings is no deep nesting', () => {
    const value = ['['.repeat(5000), { a: '{'.repeat(5000) }];

    assert.deepEqual(jsonDecode(JSON.stringify(value)), value);
  });
});
