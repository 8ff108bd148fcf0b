import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import { SecurityError } from '../../../src/base/errors.ts';
import { compress, decompress } from '../../../src/wire/compression/compression.ts';
import { serializerNamed } from '../../../src/wire/content.ts';
import { DecodeError } from '../../../src/wire/errors.ts';
import { MAX_VALUES, MAX_YAML_BYTES } from '../../../src/wire/serializers/decode-limits.ts';
import { MAX_DEPTH } from '../../../src/wire/serializers/json-parser.ts';

/** Content that was made to hurt, and content that was damaged at random. */

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 3000);
const SEED = Number(process.env.FUZZ_SEED ?? 20261121);
const COMPRESSIONS = ['gzip', 'brotli', 'zstd', 'bzip2', 'lzma'];

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function damaged(bytes: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = () => Math.floor(random() * copy.length);
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const kind = random();
    if (kind < 0.5) copy[at()] = Math.floor(random() * 256);
    else if (kind < 0.7) copy[at()]! ^= 1 << Math.floor(random() * 8);
    else if (kind < 0.85) copy.copyWithin(at(), at());
    else return copy.subarray(0, at());
  }
  return copy;
}

function assertReadOrRefused(read: (bytes: Buffer) => unknown, intact: Buffer): void {
  const random = seeded(SEED);
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = damaged(intact, random);
    try {
      read(bytes);
    } catch (error) {
      refused++;
      if (error instanceof DecodeError || error instanceof SecurityError) continue;
      throw new assert.AssertionError({
        message: `${String(error)} for ${bytes.toString('hex')} (seed ${SEED})`,
      });
    }
  }
  assert.ok(refused > ROUNDS / 20, `only ${refused} were refused`);
}

const VALUE = {
  text: ['a', 'ü', '', 'x'.repeat(300)],
  numbers: [0, -1, 255, 65536, 2 ** 40, -(2 ** 40), 1.5, -1e300],
  nested: { list: [[], [[1]], {}], none: null, yes: true },
};

describe('damaged content', () => {
  for (const name of ['json', 'yaml', 'msgpack', 'pickle']) {
    test(`in ${name} is read or refused`, () => {
      const serializer = serializerNamed(name);

      assertReadOrRefused(bytes => serializer.decode(bytes), Buffer.from(serializer.encode(VALUE)));
    });
  }

  for (const name of COMPRESSIONS) {
    test(`compressed by ${name} is read or refused`, () => {
      const text = Buffer.from(JSON.stringify([VALUE, VALUE]));

      assertReadOrRefused(
        bytes => decompress(bytes, name, 1_000_000),
        Buffer.from(compress(text, name).data),
      );
    });
  }
});

describe('nesting', () => {
  const nested = (depth: number) => {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };
  const pickled = (depth: number) => `\x80\x05${']'.repeat(depth)}K\x01${'a'.repeat(depth)}.`;
  const deep: Readonly<Record<string, (depth: number) => Buffer>> = {
    json: depth => Buffer.from('['.repeat(depth) + ']'.repeat(depth)),
    yaml: depth => Buffer.from('['.repeat(depth) + ']'.repeat(depth)),
    msgpack: depth => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([1])]),
    pickle: depth => Buffer.from(pickled(depth), 'latin1'),
  };

  for (const [name, make] of Object.entries(deep)) {
    test(`in ${name} is read to 400 levels and refused beyond ${MAX_DEPTH}`, () => {
      const { decode } = serializerNamed(name);

      assert.doesNotThrow(() => decode(make(400)));
      for (const depth of [MAX_DEPTH + 2, 100_000]) {
        assert.throws(() => decode(make(depth)), { name: 'DecodeError', message: /deep/ });
      }
    });

    test(`in ${name} beyond ${MAX_DEPTH} levels is not sent`, () => {
      const { encode } = serializerNamed(name);

      assert.doesNotThrow(() => encode(nested(400)));
      assert.throws(() => encode(nested(100_000)), { name: 'EncodeError', message: /deep/ });
    });
  }
});

describe('a bomb', () => {
  const laughs = (levels: number) => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < levels; i++) {
      text += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    }
    return Buffer.from(text);
  };

  test('of yaml aliases is refused', () => {
    assert.throws(() => serializerNamed('yaml').decode(laughs(10)), {
      name: 'DecodeError',
      message: /alias|values/,
    });
  });

  test('of yaml aliases that is small is read', () => {
    const { a2 } = serializerNamed('yaml').decode(laughs(3)) as { a2: unknown[] };

    assert.equal(a2.flat(2).length, 1000);
  });

  test('of references in a pickle is refused', () => {
    // l = []; ten times: l = [l] * 10, by the memo
    const level = `](${'h\x00'.repeat(10)}eq\x00`;
    const bomb = Buffer.from(`\x80\x02]q\x00${level.repeat(12)}.`, 'latin1');

    assert.throws(() => serializerNamed('pickle').decode(bomb), {
      name: 'DecodeError',
      message: new RegExp(`${MAX_VALUES}`),
    });
  });

  test('that is a value around itself is read, and not sent on', () => {
    const cycle = Buffer.from('\x80\x02]q\x00h\x00a.', 'latin1');

    for (const [name, bytes] of [
      ['pickle', cycle],
      ['yaml', Buffer.from('&a [*a]')],
    ] as const) {
      const list = serializerNamed(name).decode(bytes) as unknown[];
      assert.equal(list[0], list);
      assert.throws(() => serializerNamed('json').encode(list), { name: 'EncodeError' });
    }
  });

  test('of msgpack lengths that are not there is refused before memory is taken', () => {
    const { decode } = serializerNamed('msgpack');
    const claims = [
      Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0xdf, 0x7f, 0xff, 0xff, 0xff]),
      Buffer.concat([...Array(500)].map(() => Buffer.from([0xdd, 0x01, 0x00, 0x00, 0x00]))),
      Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff]),
    ];

    for (const claim of claims) {
      assert.throws(() => decode(claim), { name: 'DecodeError', message: /ends early/ });
    }
  });

  test('of yaml text is refused by its size', () => {
    assert.throws(() => serializerNamed('yaml').decode(Buffer.alloc(MAX_YAML_BYTES + 1, 'a')), {
      name: 'DecodeError',
      message: new RegExp(`${MAX_YAML_BYTES}`),
    });
  });

  test('of a huge integer in a pickle is read in reasonable time', () => {
    const length = 1_000_000;
    const head = Buffer.from([0x80, 2, 0x8b, 0, 0, 0, 0]);
    head.writeUInt32LE(length, 3);
    const started = performance.now();

    const value = serializerNamed('pickle').decode(
      Buffer.concat([head, Buffer.alloc(length, 1), Buffer.from('.')]),
    );

    assert.equal(typeof value, 'bigint');
    assert.ok(performance.now() - started < 5000);
  });

  for (const name of COMPRESSIONS) {
    test(`compressed by ${name} is stopped at the limit`, () => {
      const bomb = Buffer.from(compress(Buffer.alloc(10_000_000), name).data);

      assert.throws(() => decompress(bomb, name, 1_000_000), { name: 'DecodeError' });
      assert.equal(decompress(bomb, name, 10_000_000).length, 10_000_000);
    });
  }

  test('of zstd that does not tell its size is stopped at the limit', () => {
    // three million zeros, from a writer that streams
    const bomb = Buffer.from(
      '28b52ffd00585400001000000100fbff39c00202001000020010000200100002001000020010000200100002001000020010000200100002001000020010000200100002001000020010000200100002001000020010000200100002001000020010000200100003360e00',
      'hex',
    );

    assert.throws(() => decompress(bomb, 'zstd', 1_000_000), { name: 'DecodeError' });
    assert.equal(decompress(bomb, 'zstd', 3_000_000).length, 3_000_000);
  });

  test('of a zstd window is refused before memory is taken', () => {
    // a frame with a window of 2 GB and no content
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);

    assert.throws(() => decompress(frame, 'zstd', 1_000_000), { name: 'DecodeError' });
  });

  test('in a second xz stream is refused', () => {
    const { data } = compress(Buffer.alloc(1000), 'lzma');

    assert.throws(() => decompress(Buffer.concat([data, data]), 'lzma', 1_000_000), {
      name: 'DecodeError',
    });
  });

  test('in a second bzip2 stream counts', () => {
    const { data } = compress(Buffer.alloc(1000), 'bzip2');

    assert.equal(decompress(Buffer.concat([data, data]), 'bzip2', 2000).length, 2000);
    assert.throws(() => decompress(Buffer.concat([data, data]), 'bzip2', 1999), {
      name: 'DecodeError',
      message: /1999 bytes/,
    });
  });

  test('in the names of compressions is no way around the limit', () => {
    const bomb = zlib.deflateSync(Buffer.alloc(10_000_000));

    assert.throws(() => decompress(bomb, 'application/x-gzip', 1_000_000), DecodeError);
  });
});
