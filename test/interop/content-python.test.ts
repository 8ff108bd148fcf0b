/** Bodies of every serializer and compression, written here and read by Python, and the reverse. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { compress, decompress } from '../../src/wire/compression/compression.ts';
import { acceptedContentTypes, decodeContent, serializerNamed } from '../../src/wire/content.ts';
import { PyDate, PyDateTime } from '../../src/wire/serializers/json.ts';
import { python, pythonCelery } from '../support/python.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';

const SERIALIZERS = ['json', 'yaml', 'msgpack', 'pickle'];
const COMPRESSIONS = ['gzip', 'zlib', 'brotli', 'zstd', 'bzip2', 'lzma'];
const ACCEPT = acceptedContentTypes(SERIALIZERS);

const COMMON = {
  text: [
    '',
    'ü 中 😀',
    'yes',
    '1e5',
    '012',
    '~',
    ' a: b #',
    '\t\n\r\u0001\u007f\u0085\u2028\ufeff',
  ],
  numbers: [0, 1, -1, 255, 65536, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, 2n ** 63n, -(2n ** 63n)],
  floats: [1.5, -0.1, 1e300, 1.5e-7, 1e-7],
  other: [null, true, false, [], {}, [[['deep']]]],
};
/** What only some serializers have a word for; on the Python side the values of the same names. */
const EXTRA: Readonly<Record<string, Record<string, unknown>>> = {
  json: {},
  yaml: {
    bytes: Buffer.from([0, 255]),
    moment: new Date('2020-01-02T03:04:05.678Z'),
    naive: new PyDateTime('2020-01-02T03:04:05'),
    day: new PyDate('2020-01-02'),
    infinite: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  },
  msgpack: {
    bytes: Buffer.from([0, 255]),
    infinite: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  },
  pickle: {
    bytes: Buffer.from([0, 255]),
    moment: new Date('2020-01-02T03:04:05.678Z'),
    naive: new PyDateTime('2020-01-02T03:04:05'),
    day: new PyDate('2020-01-02'),
    long: 2n ** 200n,
  },
};

interface Content {
  readonly body: string;
  readonly type: string;
  readonly encoding: string;
}

interface Answer {
  /** Per serializer `same`, or what Python read instead. */
  readonly read: Record<string, string>;
  readonly written: Record<string, Content>;
  /** Per compression `same`, or what Python read instead. */
  readonly expanded: Record<string, string>;
  readonly compressed: Record<string, { body: string; type: string }>;
}

const PYTHON = `
import base64, datetime
from kombu.serialization import dumps, loads
from kombu.compression import compress, decompress
utc = datetime.timezone.utc
common = {
    'text': ['', 'ü 中 😀', 'yes', '1e5', '012', '~', ' a: b #', '\\t\\n\\r\\u0001\\u007f\\u0085\\u2028\\ufeff'],
    'numbers': [0, 1, -1, 255, 65536, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, 2 ** 63, -(2 ** 63)],
    'floats': [1.5, -0.1, 1e300, 1.5e-7, 1e-7],
    'other': [None, True, False, [], {}, [[['deep']]]],
}
extra = {
    'bytes': b'\\x00\\xff',
    'moment': datetime.datetime(2020, 1, 2, 3, 4, 5, 678000, tzinfo=utc),
    'naive': datetime.datetime(2020, 1, 2, 3, 4, 5),
    'day': datetime.date(2020, 1, 2),
    'infinite': [float('inf'), float('-inf')],
    'long': 2 ** 200,
}
def same(found, expected):
    # repr tells 1 from 1.0 and True
    key = lambda value: repr(sorted(value.items())) if isinstance(value, dict) else repr(value)
    return 'same' if key(found) == key(expected) else repr(found)
def attempt(run):
    try:
        return run()
    except Exception as exc:
        return repr(exc)
read, written = {}, {}
for name, content in data['contents'].items():
    expected = {**common, **{key: extra[key] for key in data['extra'][name]}}
    read[name] = attempt(lambda: same(
        loads(base64.b64decode(content['body']), content['type'], content['encoding'], accept=[content['type']]),
        expected))
    type, encoding, body = dumps(expected, serializer=name)
    body = body.encode() if isinstance(body, str) else body
    written[name] = {'type': type, 'encoding': encoding, 'body': base64.b64encode(body).decode()}
text = 'some text to compress '.encode() * 50
expanded, compressed = {}, {}
for name, content in data['compressed'].items():
    expanded[name] = attempt(lambda: same(decompress(base64.b64decode(content['body']), content['type']), text))
    body, type = compress(text, name)
    compressed[name] = {'type': type, 'body': base64.b64encode(body).decode()}
out = {'read': read, 'written': written, 'expanded': expanded, 'compressed': compressed}
`;

describe('content shared with Python', { skip }, () => {
  const text = Buffer.from('some text to compress '.repeat(50));
  const values = Object.fromEntries(SERIALIZERS.map(name => [name, { ...COMMON, ...EXTRA[name] }]));
  let answer: Answer;

  before(async () => {
    const contents = Object.entries(values).map(([name, value]) => {
      const { contentType, contentEncoding, encode } = serializerNamed(name);
      const body = Buffer.from(encode(value)).toString('base64');
      return [name, { body, type: contentType, encoding: contentEncoding }];
    });
    const compressed = COMPRESSIONS.map(name => {
      const { data, type } = compress(text, name);
      return [name, { body: Buffer.from(data).toString('base64'), type }];
    });
    answer = await python<Answer>(PYTHON, {
      contents: Object.fromEntries(contents),
      extra: Object.fromEntries(SERIALIZERS.map(name => [name, Object.keys(EXTRA[name]!)])),
      compressed: Object.fromEntries(compressed),
    });
  });

  for (const name of SERIALIZERS) {
    it(`is read there when written here as ${name}`, () => {
      assert.equal(answer.read[name], 'same');
    });

    it(`is read here when written there as ${name}`, () => {
      const { body, type, encoding } = answer.written[name]!;

      const value = decodeContent(Buffer.from(body, 'base64'), type, encoding, ACCEPT);

      assert.deepEqual(value, values[name]);
    });
  }

  for (const name of COMPRESSIONS) {
    it(`is expanded there when compressed here by ${name}`, () => {
      assert.equal(answer.expanded[name], 'same');
    });

    it(`is expanded here when compressed there by ${name}`, () => {
      const { body, type } = answer.compressed[name]!;

      assert.deepEqual(decompress(Buffer.from(body, 'base64'), type), text);
      assert.equal(compress(text, name).type, type);
    });
  }
});
