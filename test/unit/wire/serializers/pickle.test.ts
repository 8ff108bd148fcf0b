import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SecurityError } from '../../../../src/base/errors.ts';
import { DecodeError, EncodeError } from '../../../../src/wire/errors.ts';
import type { ResultTuple } from '../../../../src/wire/result-shapes.ts';
import { Decimal, PyDate, PyDateTime, PyTime } from '../../../../src/wire/serializers/json.ts';
import {
  pickleDecode,
  pickleEncode,
  pickleGroup,
} from '../../../../src/wire/serializers/pickle.ts';

const fromHex = (hex: string) => pickleDecode(Buffer.from(hex, 'hex'));
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

describe('a pickle', () => {
  test('of plain data reads back equal', () => {
    const values = [
      null,
      true,
      false,
      0,
      255,
      256,
      65535,
      65536,
      -1,
      -(2 ** 31),
      2 ** 31,
      Number.MAX_SAFE_INTEGER,
      2n ** 70n,
      -(2n ** 63n),
      -(2n ** 70n),
      2n ** 3000n,
      1.5,
      Number.NaN,
      -Infinity,
      '',
      'é中😀',
      'x'.repeat(300),
      Buffer.from([0, 255]),
      Buffer.alloc(300),
      [],
      [[]],
      {},
      { a: { b: [1] } },
      new Set([1, 'x']),
      new Date(1e12 + 5),
      new PyDateTime('2020-01-02T03:04:05.000006'),
      new PyDateTime('2020-01-02T03:04:05.000006-05:30'),
      new PyDate('2020-01-02'),
      new PyTime('03:04:05'),
      new PyTime('03:04:05.500000'),
      new Decimal('1.10'),
    ];

    for (const value of values) assert.deepEqual(pickleDecode(pickleEncode(value)), value);
    assert.deepEqual(pickleDecode(pickleEncode({ all: values })), { all: values });
  });

  test('of a group reads back equal', () => {
    const group: ResultTuple = [
      ['g', null],
      [
        [['a', null], null],
        [['b', [['p', null], null]], null],
      ],
    ];

    assert.deepEqual(pickleDecode(pickleGroup(group)), group);
  });

  // Made by Python 3.11: pickle.dumps({'t': (1, 2.5, 'x'), 'b': b'\0', 'd': datetime(2020, 1, 2, 3, 4, 5)}, 2)
  test('of the oldest protocol that we read', () => {
    const pickle =
      `8002${ascii('}q\0(X\x01\0\0\0tq\x01K\x01G@\x04\0\0\0\0\0\0X\x01\0\0\0xq\x02\x87q\x03')}` +
      `${ascii('X\x01\0\0\0bq\x04c_codecs\nencode\nq\x05X\x01\0\0\0\0q\x06X\x06\0\0\0latin1q\x07\x86q\x08Rq\x09u.')}`;

    assert.deepEqual(fromHex(pickle), { t: [1, 2.5, 'x'], b: Buffer.from([0]) });
  });

  test('of an exception is its type and arguments', () => {
    const pickle = ascii(
      '\x80\x04\x8c\x08builtins\x94\x8c\x0aValueError\x94\x93\x94\x8c\x01x\x94K\x01\x86\x94R\x94.',
    );

    assert.deepEqual(fromHex(pickle), {
      exc_type: 'ValueError',
      exc_message: ['x', 1],
      exc_module: 'builtins',
    });
  });

  test('may hold keys that are no texts, and hostile ones', () => {
    const read = fromHex(ascii('\x80\x04}(K\x01N\x8c\x09__proto__}\x8c\x03bad\x88su.')) as object;

    assert.deepEqual(Object.keys(read), ['1', '__proto__']);
    assert.equal((read as { bad?: unknown }).bad, undefined);
  });

  test('may hold a list that holds itself', () => {
    const read = fromHex(ascii('\x80\x04]\x94h\x00a.')) as unknown[];

    assert.equal(read[0], read);
  });

  for (const [what, text] of [
    ['a function of the system', '\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.'],
    ['a function of the system, old style', '\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R.'],
    ['eval', '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.'],
    ['getattr', '\x80\x04c__builtin__\ngetattr\n.'],
    ['an object of an app', '\x80\x04\x8c\x04shop\x8c\x05Order\x93)\x81}b.'],
    ['a class itself', '\x80\x04\x8c\x08datetime\x8c\x08datetime\x93.'],
    ['a class within data', '\x80\x04]\x8c\x08builtins\x8c\x0aValueError\x93a.'],
    ['a time span', '\x80\x04\x8c\x08datetime\x8c\x09timedelta\x93K\x01K\x00K\x00\x87R.'],
    ['a call of a text', '\x80\x04\x8c\x01x)R.'],
    ['a prototype name', '\x80\x04\x8c\x06Object\x8c\x0bconstructor\x93)R.'],
    [
      'another result object',
      '\x80\x04\x8c\x0fcelery.app.base\x8c\x11_unpickle_appattr\x93\x8c\x04Task\x8c\x01x\x85\x86R.',
    ],
  ] as const) {
    test(`that refers to ${what} is refused`, () => {
      assert.throws(() => fromHex(ascii(text)), SecurityError);
    });
  }

  for (const [what, text] of [
    ['nothing', ''],
    ['text', 'hello'],
    ['an unknown protocol', '\x80\x09N.'],
    ['no end', '\x80\x04N'],
    ['a text that ends early', '\x80\x04X\xff\0\0\0x.'],
    ['a length beyond its end', '\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.'],
    ['an empty stack', '\x80\x04.'],
    ['no mark', '\x80\x04]e.'],
    ['an empty memo', '\x80\x04h\x05.'],
    ['an unknown opcode', '\x80\x04\xff.'],
    ['a persistent id', '\x80\x04\x8c\x01xQ.'],
  ] as const) {
    test(`with ${what} is unreadable`, () => {
      assert.throws(() => fromHex(ascii(text)), DecodeError);
    });
  }

  test('is not written of values that Python would not understand', () => {
    const loop: unknown[] = [];
    loop.push(loop);

    for (const value of [
      () => 1,
      Symbol('x'),
      new Error('x'),
      loop,
      new Date(Number.NaN),
      [new (class Foo {})()],
    ]) {
      assert.throws(() => pickleEncode(value), EncodeError);
    }
  });
});
