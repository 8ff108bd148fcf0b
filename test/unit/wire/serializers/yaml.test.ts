import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decimal, PyDate, PyDateTime, PyTime } from '../../../../src/wire/serializers/json.ts';
import { yamlDecode, yamlEncode } from '../../../../src/wire/serializers/yaml.ts';

const read = (text: string) => yamlDecode(Buffer.from(text));
const refused = (text: string, message: RegExp) =>
  assert.throws(() => read(text), { name: 'DecodeError', message });

describe('a word in YAML', () => {
  const MEANINGS: readonly [unknown, ...string[]][] = [
    [true, 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'],
    [false, 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'],
    [null, '~', 'null', 'Null', 'NULL', ''],
    [8, '010', '0b1000', '0x8', '8', '+8', '0_10'],
    [685230, '685_230', '190:20:30', '0xA_74_AE'],
    [-5, '-5', '-0b101', '-05'],
    [1.5, '1.5', '+1.5', '0.15e+1', '1_.5'],
    [0.5, '.5', '0.5', '5.0e-1'],
    [685230.15, '190:20:30.15'],
    [Number.POSITIVE_INFINITY, '.inf', '.Inf', '+.INF'],
    [Number.NEGATIVE_INFINITY, '-.inf'],
    [Number.NaN, '.nan', '.NaN', '.NAN'],
    [9007199254740993n, '9007199254740993'],
    [18446744073709551616n, '0x10000000000000000'],
  ];
  for (const [meaning, ...words] of MEANINGS) {
    test(`is ${String(meaning)} where PyYAML says so: ${words.join(' ')}`, () => {
      for (const word of words) assert.deepEqual(read(`- ${word}`), [meaning], word);
    });
  }

  test('stays a string where PyYAML leaves it one', () => {
    const words = ['y', 'n', 'Y', 'N', 'yEs', '1e5', '1e+5', '0o17', '08', 'nUll'];
    const others = ['1.2.3', '12:99', '2001-1-1', '2001-12-14 21:59:43 +0530', '=', '0b', '_1'];
    const expected = [...words, ...others];

    assert.deepEqual(read(expected.map(word => `- ${word}\n`).join('')), expected);
  });

  test('is the same Date in every year', () => {
    for (const text of ['0001-01-01T00:00:00.001Z', '9453-10-21T01:55:39.247Z']) {
      assert.deepEqual(read(yamlEncode(new Date(text))), new Date(text));
    }
  });

  test('that is a time is a Date when it says where, else Python’s naive one', () => {
    assert.deepEqual(
      read(`
- 2001-12-14t21:59:43.10-05:00
- 2001-12-14 21:59:43.10 -5
- 2001-12-15T02:59:43Z
- 2001-12-15 02:59:43.123456Z
- 2001-12-15 2:59:43
- 2001-12-15
`),
      [
        new Date('2001-12-15T02:59:43.100Z'),
        new Date('2001-12-15T02:59:43.100Z'),
        new Date('2001-12-15T02:59:43.000Z'),
        new PyDateTime('2001-12-15T02:59:43.123456+00:00'),
        new PyDateTime('2001-12-15T02:59:43'),
        new PyDate('2001-12-15'),
      ],
    );
  });
});

describe('a YAML document', () => {
  test('may be in any of the styles', () => {
    const document = `
# comment
plain: one
  two
'single': 'it''s'
"double": "\\x41\\u00fc\\U0001F600\\n"
folded: >
  a
  b

  c
literal: |-
  a
   b
flow: {a: [1, 2,], b: {}}
? explicit
: value
1: one
`;

    assert.deepEqual(read(document), {
      plain: 'one two',
      single: "it's",
      double: 'Aü😀\n',
      folded: 'a b\nc\n',
      literal: 'a\n b',
      flow: { a: [1, 2], b: {} },
      explicit: 'value',
      '1': 'one',
    });
  });

  test('with anchors gives the same object in each place', () => {
    const { a, b } = read('a: &x [1]\nb: *x\n') as { a: unknown; b: unknown };

    assert.equal(a, b);
  });

  test('with tags of plain data is read', () => {
    const value = read(`[!!binary "AP8=", !!str 5, !!int "5", !!set {a, b}, !!float "1.5"]`);

    assert.deepEqual(value, [Buffer.from([0, 255]), '5', 5, new Set(['a', 'b']), 1.5]);
  });

  test('cannot name a prototype', () => {
    const value = read('__proto__: {polluted: true}') as Record<string, unknown>;

    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.equal(value.polluted, undefined);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  test('with tags of anything else is refused', () => {
    refused('!!python/object/apply:os.system ["true"]', /python\/object\/apply:os\.system/);
    refused('!!python/tuple [1]', /python\/tuple/);
    refused('!mine x', /!mine/);
    refused('!!int x', /int/);
  });

  test('that is none is refused', () => {
    refused('[1', /Not readable as YAML/);
    refused('a: b: c', /Not readable as YAML/);
    refused('*nowhere', /nowhere/);
    refused('a: 1\n---\nb: 2\n', /more than one document/);
    refused('<<: {a: 1}', /merge keys/);
    assert.throws(() => yamlDecode(Buffer.from([0xff])), /UTF-8/);
  });

  test('that is empty is null, as in Python', () => {
    assert.equal(read(''), null);
  });
});

describe('a value written as YAML', () => {
  test('comes back equal', () => {
    const value = {
      strings: ['', 'y', '1e5', '012', ' a ', 'a: b', '# c', '<<', '\t', 'ü😀', '\u0085\u2028'],
      numbers: [0, -1, 1.5, 1e21, 1e-7, 1.5e300, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 70n],
      others: [null, true, false, [], {}, [[]]],
      bytes: Buffer.from([0, 255]),
      dates: [
        new Date(1600000000123),
        new PyDate('2020-01-02'),
        new PyDateTime('2020-01-02T03:04:05'),
      ],
      ['k'.repeat(3000)]: 'long key',
    };

    assert.deepEqual(yamlDecode(Buffer.from(yamlEncode(value))), value);
  });

  test('loses undefined as in JSON', () => {
    assert.equal(yamlEncode({ a: undefined, b: [undefined] }), '{"b": [null]}\n');
    assert.equal(yamlEncode(undefined), 'null\n');
  });

  test('with something that YAML has no word for is refused by its place', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const cases: readonly [unknown, RegExp][] = [
      [{ a: [() => {}] }, /value\["a"\]\[0\] is a function/],
      [[Symbol('x')], /value\[0\] is a symbol/],
      [new Map(), /an object of class Map/],
      [[new Decimal('1.5')], /value\[0\] is a decimal/],
      [[new PyTime('01:02')], /value\[0\] is a time/],
      [new Date(Number.NaN), /a Date/],
      [cycle, /an object around it/],
    ];

    for (const [value, message] of cases) {
      assert.throws(() => yamlEncode(value), { name: 'EncodeError', message });
    }
  });
});
