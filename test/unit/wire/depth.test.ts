import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serializerNamed } from '../../../src/wire/content.ts';

/** Lists and records within each other, around something. */
function nested(levels: number, inside: unknown, wrap: (item: unknown) => unknown): unknown {
  let value = inside;
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}

describe('the deepest value that is written', () => {
  for (const [name, most] of [
    ['json', 1000],
    ['msgpack', 1000],
    ['pickle', 1000],
    ['yaml', 500],
  ] as const) {
    test(`as ${name} can be read, and one level more is refused`, () => {
      const { encode, decode } = serializerNamed(name);
      for (const wrap of [(item: unknown) => [item], (item: unknown) => ({ a: item })]) {
        const deepest = nested(most, 1, wrap);

        assert.deepEqual(decode(Buffer.from(encode(deepest) as string)), deepest);
        assert.throws(() => encode(wrap(deepest)), {
          name: 'EncodeError',
          message: new RegExp(`nested deeper than ${most} levels`),
        });
      }
    });
  }
});
