import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  decodeFields,
  encodeTable,
  UNREADABLE,
} from '../../../../src/messaging/amqp/field-table.ts';

const GOLDEN = new URL('../../../golden/amqp-5.6.3/publish/', import.meta.url);

/** The bytes of a table, without its length. */
function encode(table: object): Buffer {
  const buffer = Buffer.alloc(65_536);
  const size = encodeTable(buffer, table, 0);
  assert.equal(buffer.readUInt32BE(0), size - 4);
  return buffer.subarray(4, size);
}

const field = (tag: string, ...bytes: number[]) =>
  Buffer.from([1, 'k'.charCodeAt(0), tag.charCodeAt(0), ...bytes]);

/** A value as captured from Python: its tag, and what it is. */
interface Tagged {
  readonly t: string;
  readonly v: unknown;
}

function plain({ t, v }: Tagged): unknown {
  if (t === 'A') return (v as Tagged[]).map(plain);
  return t === 'F' ? plainTable(v as Record<string, Tagged>) : v;
}

function plainTable(table: Record<string, Tagged>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, plain(value)]));
}

/** The bytes that Python writes for a captured table. */
function python(table: Record<string, Tagged>): Buffer {
  const parts = Object.entries(table).map(([key, value]) => {
    const name = Buffer.from(key);
    return Buffer.concat([Buffer.from([name.length]), name, pythonValue(value)]);
  });
  return Buffer.concat(parts);
}

function pythonValue({ t, v }: Tagged): Buffer {
  const sized = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([Buffer.from(t), length, bytes]);
  };
  const number = Buffer.alloc(t === 'I' ? 4 : 8);
  if (t === 'S') return sized(Buffer.from(v as string));
  if (t === 'F') return sized(python(v as Record<string, Tagged>));
  if (t === 'A') return sized(Buffer.concat((v as Tagged[]).map(pythonValue)));
  if (t === 'V') return Buffer.from(t);
  if (t === 't') return Buffer.concat([Buffer.from(t), Buffer.from([v ? 1 : 0])]);
  if (t === 'I') number.writeInt32BE(v as number);
  else if (t === 'd') number.writeDoubleBE(v as number);
  else assert.fail(`no such tag in the samples: ${t}`);
  return Buffer.concat([Buffer.from(t), number]);
}

describe('field tables', () => {
  for (const file of readdirSync(GOLDEN)) {
    test(`the headers of ${file} are written byte for byte as Python writes them, and read`, () => {
      const sample = JSON.parse(readFileSync(new URL(file, GOLDEN), 'utf8'));

      for (const { properties } of sample.publishes) {
        const headers = plainTable(properties.headers);
        assert.deepEqual(encode(headers), python(properties.headers));
        assert.deepEqual(decodeFields(python(properties.headers)), headers);
      }
    });
  }

  test('every integer is written in 32 or 64 bits, which Python reads, wherever it is', () => {
    const values = [0, 1, -1, 127, 128, -129, 300, 32_767, -32_768, 2 ** 31 - 1, -(2 ** 31)];
    for (const value of values) assert.equal(encode({ k: value })[2], 'I'.charCodeAt(0));
    for (const value of [2 ** 31, -(2 ** 31) - 1, 1_700_000_000_000, 2n ** 62n]) {
      assert.equal(encode({ k: value })[2], 'l'.charCodeAt(0));
    }

    const nested = encode({ k: [{ k: [300] }] });

    assert.ok(nested.includes(Buffer.from([0x49, 0, 0, 1, 44])), nested.toString('hex'));
  });

  test('values of every kind survive', () => {
    const table = {
      text: 'žluťoučký 🐰',
      list: [1, -2.5, null, true, [], {}],
      nested: { ключ: { deep: false } },
      large: 9_007_199_254_740_991,
      larger: 2n ** 60n,
      bytes: new Uint8Array([0, 255]),
      moment: new Date('2026-11-21T10:00:00Z'),
      '!': 'int16',
    };

    assert.deepEqual(decodeFields(encode({ ...table, gone: undefined })), table);
  });

  test('an integer beyond 64 bits is a double', () => {
    const read = decodeFields(encode({ c: 2n ** 70n, d: 1e300 }));

    assert.deepEqual(read, { c: 2 ** 70, d: 1e300 });
  });

  test('what a broker cannot read is refused: numbers that are none, and invalid dates', () => {
    for (const value of [Number.NaN, -Infinity, 10n ** 400n]) {
      assert.throws(() => encode({ a: [value] }), /the number (NaN|-?Infinity) cannot be sent/);
    }
    assert.throws(() => encode({ a: new Date(Number.NaN) }), /an invalid date cannot be sent/);
  });

  test('tags that other clients write are read', () => {
    const eight = [0, 0, 1, 139, 207, 229, 104, 0];

    assert.deepEqual(decodeFields(field('L', ...eight)), { k: 1_700_000_000_000 });
    assert.deepEqual(decodeFields(field('b', 0xff)), { k: -1 });
    assert.deepEqual(decodeFields(field('B', 0xff)), { k: 255 });
    assert.deepEqual(decodeFields(field('s', 0xff, 0xfe)), { k: -2 });
    assert.deepEqual(decodeFields(field('u', 0xff, 0xfe)), { k: 65_534 });
    assert.deepEqual(decodeFields(field('i', 0xff, 0xff, 0xff, 0xff)), { k: 4_294_967_295 });
    assert.deepEqual(decodeFields(field('f', 0x3f, 0xc0, 0, 0)), { k: 1.5 });
    assert.deepEqual(decodeFields(field('D', 2, 0, 0, 0, 150)), { k: 1.5 });
    assert.deepEqual(decodeFields(field('T', 0, 0, 0, 0, 0, 0, 0, 1)), { k: new Date(1000) });
    // microseconds, and the largest of all: no moments, and still to be sent on
    const micros = decodeFields(field('T', 0, 6, 0x40, 0, 0, 0, 0, 0));
    assert.deepEqual(micros, { k: 0x6_4000_0000_0000 });
    assert.deepEqual(decodeFields(field('T', 255, 255, 255, 255, 255, 255, 255, 255)), { k: -1 });
  });

  test('a bad table costs no exception: what was read is there, with the reason', () => {
    const good = encode({ task: 'add' });
    const bad = [
      field('Q', 1),
      field('S', 0xff, 0xff, 0xff, 0xff),
      field('F', 0, 0, 0, 99),
      field('A', 0, 0, 0, 99),
      field('l', 1),
      Buffer.from([200, 1]),
      Buffer.from([1]),
    ];

    for (const rest of bad) {
      const read = decodeFields(Buffer.concat([good, rest]));
      assert.equal(read.task, 'add');
      assert.equal(typeof read[UNREADABLE], 'string', rest.toString('hex'));
    }
    assert.equal(decodeFields(good)[UNREADABLE], undefined);
  });

  test('a table nested a hundred thousand times overflows no stack', () => {
    const depth = 20_000;
    const bytes = Buffer.alloc(7 * depth);
    for (let level = 0; level < depth; level++) {
      const at = 7 * level;
      bytes.set([1, 0x6b, 0x46], at);
      bytes.writeUInt32BE(bytes.length - at - 7, at + 3);
    }

    assert.match(decodeFields(bytes)[UNREADABLE]!, /deeper/);
  });

  test('a key like __proto__ is a key', () => {
    const read = decodeFields(
      Buffer.concat([Buffer.from([9]), Buffer.from('__proto__'), Buffer.from('V')]),
    );

    assert.deepEqual(Object.keys(read), ['__proto__']);
    assert.equal(Object.getPrototypeOf(read), Object.prototype);
    assert.equal(read.toString, Object.prototype.toString);
  });

  test('what AMQP cannot carry is refused, with the reason', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;

    assert.throws(() => encode({ k: 'x'.repeat(70_000) }), /more than 65536 bytes/);
    assert.throws(() => encode({ ['k'.repeat(300)]: 1 }), /longer than 255 bytes/);
    assert.throws(() => encode({ k: () => 1 }), /a function cannot be sent/);
    assert.throws(() => encode(loop), /nested deeper/);
  });
});
