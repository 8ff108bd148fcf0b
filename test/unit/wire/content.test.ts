import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import { compress, decompress } from '../../../src/wire/compression.ts';
import {
  acceptedContentTypes,
  decodeContent,
  registerSerializer,
  serializerNamed,
} from '../../../src/wire/content.ts';
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  SerializerNotInstalled,
} from '../../../src/wire/errors.ts';

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
    const accept = acceptedContentTypes(['msgpack']);

    assert.throws(
      () => decodeContent(Buffer.from('x'), 'application/x-msgpack', 'binary', accept),
      { name: 'DecodeError', message: /application\/x-msgpack/ },
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

  test('can be registered', () => {
    registerSerializer({
      name: 'reversed',
      contentType: 'application/x-reversed',
      contentEncoding: 'utf-8',
      encode: value => [...String(value)].reverse().join(''),
      decode: bytes => [...bytes.toString()].reverse().join(''),
    });
    const accept = acceptedContentTypes(['reversed']);

    const body = Buffer.from(serializerNamed('reversed').encode('abc'));

    assert.equal(decodeContent(body, 'application/x-reversed', 'utf-8', accept), 'abc');
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
  ] as const) {
    test(`${name} is undone by its name and by its type`, () => {
      const compressed = compress(data, name);

      assert.equal(compressed.type, type);
      assert.ok(compressed.data.length < data.length);
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

  test('that is known but not to this Node.js is refused', () => {
    assert.throws(() => compress(data, 'bzip2'), SerializerNotInstalled);
    assert.throws(() => decompress(data, 'xz'), DecodeError);
  });

  test('of zstd works where Node.js has it', () => {
    if (typeof zlib.zstdCompressSync === 'function') {
      assert.deepEqual(decompress(compress(data, 'zstd').data, 'application/zstd'), data);
    } else {
      assert.throws(() => compress(data, 'zstd'), SerializerNotInstalled);
      assert.throws(() => decompress(data, 'zstd'), DecodeError);
    }
  });

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
