import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decimal, PyDateTime } from '../../../../src/wire/serializers/json.ts';
import { msgpackDecode, msgpackEncode } from '../../../../src/wire/serializers/msgpack.ts';

const hex = (value: unknown) => Buffer.from(msgpackEncode(value)).toString('hex');
const read = (text: string) => msgpackDecode(Buffer.from(text, 'hex'));

describe('a value written as msgpack', () => {
  test('has integers of the size that Python would choose', () => {
    assert.equal(hex(127), '7f');
    assert.equal(hex(-33), 'd0df');
    assert.equal(hex(65536), 'ce00010000');
    assert.equal(hex(2 ** 31), 'cf0000000080000000');
    assert.equal(hex(2 ** 40), 'cf0000010000000000');
    assert.equal(hex(-(2 ** 40)), 'd3ffffff0000000000');
    assert.equal(hex(2n ** 64n - 1n), 'cfffffffffffffffff');
    assert.equal(hex(-(2n ** 63n)), 'd38000000000000000');
    assert.equal(hex(2 ** 60), 'cf1000000000000000');
  });

  test('tells bytes from text', () => {
    assert.equal(hex('a'), 'a161');
    assert.equal(hex(Buffer.from('a')), 'c40161');
    assert.equal(hex(new Uint8Array([97]).buffer), 'c40161');
  });

  test('loses undefined as in JSON', () => {
    assert.equal(hex({ a: undefined, b: [undefined] }), '81a16291c0');
  });

  test('comes back equal', () => {
    const value = {
      list: [null, true, 1.5, -0.1, 1e300, 'ü😀', [], {}],
      numbers: [2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 53n, 2n ** 64n - 1n],
      bytes: Buffer.from([0, 255]),
    };

    assert.deepEqual(msgpackDecode(Buffer.from(msgpackEncode(value))), value);
  });

  test('keeps a byte order mark, wherever and however long the text is', () => {
    for (const text of ['\ufeff', `\ufeff${'x'.repeat(198)}`, 'x\ufeff'.repeat(300)]) {
      const value = { [text]: [text, `${text}\ufeff`], next: 'plain' };
      assert.deepEqual(msgpackDecode(Buffer.from(msgpackEncode(value))), value);
    }
  });

  test('may have a key __proto__, which changes no prototype', () => {
    const value = JSON.parse('{"a": 1, "__proto__": {"b": [2]}, "other-key": 3}');

    const back = msgpackDecode(Buffer.from(msgpackEncode([value]))) as object[];

    assert.deepStrictEqual(back, [value]);
    assert.deepEqual(Object.keys(back[0]!), ['a', '__proto__', 'other-key']);
  });

  test('with something that Python could not read is refused by its place', () => {
    const cases: readonly [unknown, RegExp][] = [
      [{ at: new Date(0) }, /value\["at"\] is a Date and cannot be sent as msgpack/],
      [[new PyDateTime('2020-01-02T03:04:05')], /value\[0\] is a datetime/],
      [[new Decimal('1')], /value\[0\] is a decimal/],
      [[2n ** 64n], /value\[0\] is an integer of more than 64 bits/],
      [[() => {}], /value\[0\] is a function/],
      [new Set(), /an object of class Set/],
    ];

    for (const [value, message] of cases) {
      assert.throws(() => msgpackEncode(value), { name: 'EncodeError', message });
    }
  });
});

describe('msgpack from Python', () => {
  test('has long integers as numbers where nothing is lost by it', () => {
    assert.equal(read('cf0000000100000000'), 2 ** 32);
    assert.equal(read('cf001fffffffffffff'), Number.MAX_SAFE_INTEGER);
    assert.equal(read('cf0020000000000001'), 2n ** 53n + 1n);
    assert.equal(read('d3ffffffff00000000'), -(2 ** 32));
    assert.deepEqual(read('81a16193cf000000010000000001d38000000000000000'), {
      a: [2 ** 32, 1, -(2n ** 63n)],
    });
  });

  test('has bytes as Buffer', () => {
    assert.deepEqual(read('92c40200ffa161'), [Buffer.from([0, 255]), 'a']);
  });

  test('that is broken is refused', () => {
    for (const [bytes, message] of [
      ['', /ends early/],
      ['92', /ends early/],
      ['c1', /Not readable as msgpack/],
      ['0101', /more behind its end/],
      ['a3616', /ends early/],
      ['d40500', /extension type/],
      ['c70305616263', /extension type/],
      ['81c0c0', /Not readable as msgpack/],
    ] as const) {
      assert.throws(() => read(bytes), { name: 'DecodeError', message }, bytes);
    }
  });
});
