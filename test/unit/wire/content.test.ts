import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { compress, decompress } from '../../../src/wire/compression/compression.ts';
import {
  acceptedContentTypes,
  decodeContent,
  registerSerializer,
  type Serializer,
  serializerNamed,
} from '../../../src/wire/content.ts';
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  SerializerNotInstalled,
} from '../../../src/wire/errors.ts';
import { requirePackage } from '../../../src/wire/optional-package.ts';
import { MAX_BODY_BYTES } from '../../../src/wire/serializers/decode-limits.ts';
import { TYPESCRIPT } from '../../support/typescript.ts';

const run = promisify(execFile);
const CONTENT = new URL('../../../src/wire/content.ts', import.meta.url).href;
const JSON_ONLY = acceptedContentTypes(['json']);

describe('accepted content', () => {
  test('is named by serializer or by type', () => {
    const types = acceptedContentTypes(['json', 'application/x-mine', 'pickle']);

    assert.deepEqual(
      [...types],
      ['application/json', 'application/x-mine', 'application/x-python-serialize'],
    );
  });

  test('with an unknown name is refused with the nearest one', () => {
    assert.throws(() => acceptedContentTypes(['jsn']), {
      name: 'SerializerNotInstalled',
      code: 'SERIALIZER_NOT_INSTALLED',
      message: /"jsn".*Did you mean "json"\?/,
    });
    assert.throws(() => acceptedContentTypes(['constructor']), SerializerNotInstalled);
  });

  test('does not include what is not listed', () => {
    assert.throws(
      () => decodeContent(Buffer.from('1'), 'application/json', 'utf-8', new Set()),
      ContentDisallowed,
    );
    assert.throws(
      () => decodeContent(Buffer.from('x'), 'application/x-python-serialize', 'binary', JSON_ONLY),
      { name: 'ContentDisallowed', message: /x-python-serialize.*accepted: application\/json/ },
    );
  });

  test('without a serializer is refused by name', () => {
    const accept = acceptedContentTypes(['application/x-nobody']);

    assert.throws(() => decodeContent(Buffer.from('x'), 'application/x-nobody', 'binary', accept), {
      name: 'DecodeError',
      message: /application\/x-nobody/,
    });
  });

  test('of more than 256 MiB is refused', () => {
    assert.throws(
      () => decodeContent(Buffer.alloc(MAX_BODY_BYTES + 1), 'application/json', 'utf-8', JSON_ONLY),
      { name: 'DecodeError', message: /268435457 bytes is too large/ },
    );
  });

  test('always includes plain bytes and text', () => {
    const bytes = Buffer.from([0xff, 1]);

    assert.deepEqual(decodeContent(bytes, 'application/data', 'binary', new Set()), bytes);
    assert.equal(decodeContent(Buffer.from('é'), 'text/plain', 'utf-8', new Set()), 'é');
    assert.equal(decodeContent(Buffer.from('x'), 'application/data', 'utf-8', new Set()), 'x');
    assert.deepEqual(decodeContent(bytes, 'application/data', 'utf-8', new Set()), bytes);
  });

  test('may be in another character set', () => {
    const latin = Buffer.from('"\u00e9"', 'latin1');

    assert.equal(decodeContent(latin, 'application/json', 'latin1', JSON_ONLY), 'é');
    assert.throws(() => decodeContent(latin, 'application/json', 'utf-8', JSON_ONLY), DecodeError);
    assert.throws(
      () => decodeContent(latin, 'application/json', 'klingon', JSON_ONLY),
      DecodeError,
    );
  });
});

const REVERSED = {
  contentEncoding: 'utf-8',
  encode: (value: unknown) => [...String(value)].reverse().join(''),
  decode: (bytes: Buffer) => [...bytes.toString()].reverse().join(''),
};

describe('a serializer', () => {
  test('is found by name and by content type', () => {
    assert.equal(serializerNamed('json').contentType, 'application/json');
    assert.equal(serializerNamed('application/json').name, 'json');
  });

  test('that nobody registered is refused with the nearest one', () => {
    assert.throws(() => serializerNamed('jason'), {
      name: 'SerializerNotInstalled',
      message: /"jason".*Did you mean "json"\?/,
    });
  });

  test('that signs needs app.setupSecurity', () => {
    assert.throws(() => serializerNamed('auth'), {
      name: 'SerializerNotInstalled',
      message: /app\.setupSecurity\(\)/,
    });
    assert.deepEqual([...acceptedContentTypes(['auth'])], ['application/data']);
  });

  test('can be registered', () => {
    registerSerializer({ ...REVERSED, name: 'reversed', contentType: 'application/x-reversed' });
    const accept = acceptedContentTypes(['reversed']);

    const body = Buffer.from(serializerNamed('reversed').encode('abc'));

    assert.equal(decodeContent(body, 'application/x-reversed', 'utf-8', accept), 'abc');
  });

  test('that is registered again replaces the first one', () => {
    const twice = { ...REVERSED, name: 'twice', contentType: 'application/x-twice' };
    registerSerializer(twice);

    registerSerializer({ ...twice, encode: () => 'second' });

    assert.equal(serializerNamed('twice').encode('abc'), 'second');
  });

  test('of a user fails with the errors of the others', () => {
    const broken = () => {
      throw new RangeError('out of luck');
    };
    const type = 'application/x-broken';
    registerSerializer({
      name: 'broken',
      contentType: type,
      contentEncoding: 'binary',
      encode: broken,
      decode: broken,
    });

    assert.throws(() => serializerNamed('broken').encode(1), {
      name: 'EncodeError',
      message: /"broken" failed: out of luck/,
    });
    assert.throws(() => decodeContent(Buffer.alloc(1), type, 'binary', new Set([type])), {
      name: 'DecodeError',
      message: /"broken" failed: out of luck/,
    });
  });

  test('that is incomplete is refused with what it lacks', () => {
    const { decode, ...rest } = { ...REVERSED, name: 'half', contentType: 'application/x-half' };

    assert.throws(() => registerSerializer(rest as Serializer), {
      name: 'TypeError',
      message: /"half" has no function decode/,
    });
    assert.throws(() => registerSerializer({ ...rest, decode, name: '' }), /name must be/);
    assert.throws(
      () => registerSerializer({ ...rest, decode, contentType: 'half' }),
      /like "application\/x-mine", not "half"/,
    );
  });

  test('is shared by all copies of the library in a process', async () => {
    const copy = (await import('../../../src/wire/content.ts?copy' as string)) as {
      serializerNamed: typeof serializerNamed;
    };
    registerSerializer({ ...REVERSED, name: 'shared', contentType: 'application/x-shared' });

    assert.notEqual(copy.serializerNamed, serializerNamed);
    assert.equal(copy.serializerNamed('shared').encode('ab'), 'ba');
  });

  test('loads its package when it is needed for the first time', async () => {
    const program = `
      import { serializerNamed } from ${JSON.stringify(CONTENT)};
      const packages = () => Object.keys(require.cache).filter(path => /node_modules.(yaml|@msgpack|@napi-rs|fzstd)/.test(path)).length;
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      const seen = [packages()];
      serializerNamed('json').encode({ a: 1 });
      seen.push(packages());
      serializerNamed('msgpack').encode({ a: 1 });
      seen.push(packages() > 0);
      console.log(JSON.stringify(seen));`;

    const { stdout } = await run(process.execPath, [
      ...TYPESCRIPT,
      '--input-type=module',
      '--eval',
      program,
    ]);

    assert.deepEqual(JSON.parse(stdout), [0, 0, true]);
  });

  test('whose package is missing says what to install', () => {
    assert.throws(() => requirePackage('@nobody/here', 'content of nobody'), {
      name: 'SerializerNotInstalled',
      message:
        'No package is installed that can handle content of nobody: npm install @nobody/here',
    });
  });

  test('of text and bytes writes nothing else', () => {
    assert.equal(serializerNamed('text').encode('x'), 'x');
    assert.throws(() => serializerNamed('text').encode(1), EncodeError);
    assert.throws(() => serializerNamed('raw').encode({}), EncodeError);
  });
});

describe('compression', () => {
  const data = Buffer.from('some text '.repeat(100));

  for (const [name, type] of [
    ['gzip', 'application/x-gzip'],
    ['zlib', 'application/x-gzip'],
    ['brotli', 'application/x-brotli'],
    ['zstd', 'application/zstd'],
    ['zstandard', 'application/zstd'],
    ['bzip2', 'application/x-bz2'],
    ['bzip', 'application/x-bz2'],
    ['lzma', 'application/x-lzma'],
    ['xz', 'application/x-lzma'],
  ] as const) {
    test(`${name} is undone by its name and by its type`, () => {
      const compressed = compress(data, name);

      assert.equal(compressed.type, type);
      // Before Node 22.20 the package for xz only stores.
      if (type !== 'application/x-lzma') assert.ok(compressed.data.length < data.length);
      assert.deepEqual(decompress(compressed.data, type), data);
      assert.deepEqual(decompress(compressed.data, name), data);
    });
  }

  test('called gzip is a zlib stream, as in kombu', () => {
    assert.deepEqual(zlib.inflateSync(compress(data, 'gzip').data), data);
  });

  test('that is unknown is refused with the nearest one', () => {
    assert.throws(() => compress(data, 'gzp'), {
      name: 'SerializerNotInstalled',
      message: /"gzp".*Did you mean "gzip"\?/,
    });
    assert.throws(() => decompress(data, 'application/x-rar'), {
      name: 'DecodeError',
      message: /"application\/x-rar"/,
    });
  });

  for (const [name, magic] of [
    ['zstd', '28b52ffd'],
    ['bzip2', '425a6839'],
    ['xz', 'fd377a585a00'],
  ] as const) {
    test(`called ${name} has the head of that format`, () => {
      const head = Buffer.from(compress(data, name).data).toString('hex');

      assert.ok(head.startsWith(magic), head.slice(0, 12));
    });
  }

  for (const [what, bytes] of Object.entries({
    nothing: Buffer.alloc(0),
    'one byte': Buffer.from('a'),
    'long runs': Buffer.alloc(1_000_000, 7),
    'short runs': Buffer.from('aaaabbbbbccccccdddddddd'),
    'a period': Buffer.from('abcabcabd'.repeat(20_000)),
    noise: randomBytes(1_200_000),
    'every byte': Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  })) {
    test(`by bzip2 keeps ${what}`, () => {
      assert.deepEqual(decompress(compress(bytes, 'bzip2').data, 'bzip2'), bytes);
    });
  }

  test('of broken data is refused', () => {
    const { data: bytes } = compress(data, 'gzip');

    assert.throws(() => decompress(bytes.subarray(0, 10), 'gzip'), DecodeError);
    assert.throws(() => decompress(Buffer.from('no zlib'), 'gzip'), DecodeError);
  });

  test('cannot fill the memory', () => {
    const bomb = compress(Buffer.alloc(10_000_000), 'gzip').data;

    assert.throws(() => decompress(bomb, 'gzip', 1_000_000), DecodeError);
    assert.equal(decompress(bomb, 'gzip', 10_000_000).length, 10_000_000);
  });
});
