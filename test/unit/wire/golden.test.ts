import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { saferepr } from '../../../src/base/text/saferepr.ts';
import { decompress } from '../../../src/wire/compression/compression.ts';
import { acceptedContentTypes, decodeContent } from '../../../src/wire/content.ts';
import { fromIso } from '../../../src/wire/dates.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  markRedelivered,
} from '../../../src/wire/messages/envelope.ts';
import { bodyBytes } from '../../../src/wire/messages/message.ts';
import {
  buildTaskMessage,
  customHeaders,
  readTaskBody,
  readTaskHeaders,
  type TaskCall,
} from '../../../src/wire/messages/task-message.ts';
import type { ResultTuple } from '../../../src/wire/result-shapes.ts';
import { decodeMeta, encodeMeta } from '../../../src/wire/results/result-meta.ts';
import {
  Decimal,
  jsonDecode,
  PyDate,
  PyDateTime,
  PyTime,
  PyUuid,
} from '../../../src/wire/serializers/json.ts';
import { pickleDecode, pickleEncode } from '../../../src/wire/serializers/pickle.ts';
import {
  type CapturedMessage,
  capturedMessages,
  capturedMetas,
  readGolden,
} from './golden-files.ts';

const JSON_ONLY = acceptedContentTypes(['json']);
const ANYTHING = acceptedContentTypes(['json', 'yaml', 'msgpack', 'pickle']);
const NO_EMBED = { callbacks: null, errbacks: null, chain: null, chord: null };
/** What the captured calls said, for bodies that are not JSON. */
const OTHER_BODIES: Readonly<Record<string, readonly unknown[]>> = {
  yaml: [[1, 'two', 1.5, null], { a: 1 }, NO_EMBED],
  msgpack: [[1, 'two', Buffer.from([0, 255]), 1.5, null], {}, NO_EMBED],
  pickle: [[1, 2], {}, NO_EMBED],
};

describe('a message captured from Python', () => {
  const captures = capturedMessages();

  test('there are captures of all three versions', () => {
    const versions = new Set(captures.map(({ version }) => version));

    assert.deepEqual([...versions], ['5.2.6', '5.6.3', 'main']);
    assert.ok(captures.length > 110, `only ${captures.length} files`);
  });

  for (const { path, name, messages } of captures) {
    test(`has its headers read: ${path}`, () => {
      for (const { raw } of messages) assertHeadersRead(raw);
    });

    test(`has its body read: ${path}`, () => {
      for (const { raw } of messages) assertBodyRead(name, raw);
    });

    test(`is the same after reading and writing its envelope: ${path}`, () => {
      for (const { raw } of messages) {
        const { message, exchange, routingKey, deliveryTag } = decodeEnvelope(raw);

        const written = encodeEnvelope(message, {
          exchange,
          routingKey,
          deliveryTag: deliveryTag!,
        });

        assert.deepEqual(untyped(written), untyped(raw));
      }
    });

    test(`keeps everything but the mark when it is put back: ${path}`, () => {
      for (const { raw } of messages) {
        const expected = untyped(raw) as Record<string, Record<string, unknown>>;
        expected.headers = { ...expected.headers, redelivered: true };
        const info = expected.properties!.delivery_info as Record<string, unknown>;
        info.redelivered = true;

        const marked = markRedelivered(raw);

        assert.deepEqual(untyped(marked), expected);
        assert.equal(decodeEnvelope(marked).redelivered, true);
      }
    });
  }
});

function assertHeadersRead(raw: string): void {
  const { message } = decodeEnvelope(raw);
  const v1 = !('task' in message.headers);
  const source = v1
    ? (JSON.parse(bodyBytes(message).toString()) as Record<string, unknown>)
    : message.headers;

  const headers = readTaskHeaders(message);

  assert.equal(headers.task, source.task);
  assert.equal(headers.id, source.id);
  assert.equal(headers.correlationId, headers.id);
  assert.equal(headers.protocol, v1 ? 1 : 2);
  assert.equal(headers.etaText, source.eta);
  assert.equal(headers.expiresText, source.expires);
  assert.equal(headers.retries, source.retries);
  assert.equal(headers.group, source.group ?? null);
  assert.equal(headers.groupIndex, source.group_index ?? null);
  assert.deepEqual(headers.timelimit, source.timelimit);
  assert.equal(headers.rootId, source.root_id ?? headers.id);
  assert.equal(headers.parentId, source.parent_id ?? null);
  if (!v1) assert.equal(headers.argsrepr, source.argsrepr);
  assert.deepEqual(headers.stamps, source.stamps ?? {});
}

function assertBodyRead(name: string, raw: string): void {
  const { message } = decodeEnvelope(raw);
  if (name in OTHER_BODIES) {
    const type = { name: 'ContentDisallowed', message: new RegExp(message.contentType) };
    assert.throws(() => readTaskBody(message, JSON_ONLY), type);
  }

  const body = readTaskBody(message, name in OTHER_BODIES ? ANYTHING : JSON_ONLY);

  const [args, kwargs, embed] = plainBody(raw, name);
  assert.deepEqual(body.args, args);
  assert.deepEqual(body.kwargs, kwargs);
  assert.deepEqual(body.callbacks, embed.callbacks);
  assert.deepEqual(body.errbacks, embed.errbacks);
  assert.deepEqual(body.chain, embed.chain ?? null);
  assert.deepEqual(body.chord, embed.chord);
}

type Parts = [unknown, unknown, Record<string, unknown>];

function plainBody(raw: string, name: string): Parts {
  return (OTHER_BODIES[name] as Parts | undefined) ?? jsonBody(raw);
}

/** The three parts of a JSON body of either protocol. */
function jsonBody(raw: string): Parts {
  const { message } = decodeEnvelope(raw);
  const { compression } = message.headers;
  const bytes = bodyBytes(message);
  const plain = typeof compression === 'string' ? decompress(bytes, compression) : bytes;
  const body = jsonDecode(plain.toString());
  if (Array.isArray(body)) return body as Parts;
  const fields = body as Record<string, unknown>;
  return [fields.args, fields.kwargs, fields];
}

function untyped(text: string): unknown {
  return jsonDecode(text, { typed: false });
}

/**
 * What a caller says to get each captured message. `id`, `replyTo` and the delivery tag come
 * from the capture, and so do `origin` (their process) and the instants that depend on the
 * moment of the call; everything else must come out equal by itself.
 */
const CALLS: Readonly<Record<string, Partial<TaskCall>>> = {
  simple: { args: [2, 3] },
  kwargs: {
    task: 'wapp.echo',
    args: [1, 'two', null, true, 1.5, { k: [1] }],
    argsAsTuple: false,
    kwargs: { a: 1, b: 'é中', c: null },
  },
  countdown: { eta: 'from capture' },
  eta_naive: { eta: '2030-01-02T03:04:05' },
  eta_aware_us: { eta: '2030-01-02T03:04:05.678901+02:00' },
  expires_secs: { expires: 'from capture', expirationSeconds: 60 },
  expires_datetime: { expires: 'from capture', expirationSeconds: null },
  timelimit: { timeLimit: 300, softTimeLimit: 250 },
  task_id_shadow: { shadow: 'shadow.name' },
  ignore_result: { ignoreResult: true },
  custom_headers: { headers: { 'x-trace': 'abc', n: 5 } },
  priority0: { priority: 0 },
  priority5: { priority: 5 },
  priority9: { priority: 9 },
  gzip: { compression: 'gzip' },
  zlib: { compression: 'zlib' },
  bzip2: { compression: 'bzip2' },
  lzma: { compression: 'lzma' },
  yaml: {
    task: 'wapp.echo',
    serializer: 'yaml',
    args: [1, 'two', 1.5, null],
    kwargs: { a: 1 },
  },
  msgpack: {
    task: 'wapp.echo',
    serializer: 'msgpack',
    args: [1, 'two', Buffer.from([0, 255]), 1.5, null],
  },
  pickle: { serializer: 'pickle' },
  json_types: {
    task: 'wapp.echo',
    args: [
      new PyDateTime('2020-01-02T03:04:05.000006'),
      new Date('2020-01-02T03:04:05Z'),
      new PyDate('2020-01-02'),
      new PyTime('03:04:05'),
      new Decimal('1.10'),
      new PyUuid('00000000-0000-0000-0000-000000000005'),
      [1, 2],
      Buffer.from('abc'),
      Buffer.from([0xff, 0x00]),
    ],
    argsAsTuple: false,
  },
  queue_other: {},
  exchange_topic: {},
  expiration_prop: { expirationSeconds: 30 },
  long_args: {
    task: 'wapp.echo',
    args: [Array.from({ length: 2000 }, (_, i) => i), 'x'.repeat(3000)],
  },
  float_special: { task: 'wapp.echo', args: [1.0, 1e300, 9223372036854775808n, -1, 0.1] },
  send_task_by_name: { task: 'other.app.task', args: [1], kwargs: { z: 2 } },
  proto1: {
    protocol: 1,
    eta: 'from capture',
    expires: 'from capture',
    expirationSeconds: 60,
  },
  stamped: { stampedHeaders: ['mystamp'], stamps: { mystamp: 'v1' } },
  stamped_list: {
    stampedHeaders: ['other', 'mystamp'],
    stamps: { other: 3, mystamp: ['a', 'b'] },
  },
};

/** What JavaScript cannot know: that 1.0 is no integer, and that a list was a tuple. */
const OTHER_ARGSREPR: Readonly<Record<string, [theirs: string, ours: string]>> = {
  float_special: ['(1.0, ', '(1, '],
  json_types: ['(1, 2)', '[1, 2]'],
};

describe('a message written again', () => {
  const published = capturedMessages(['publish']).filter(({ version }) => version === '5.6.3');

  test('every publish case without canvas is covered', () => {
    const canvas =
      /^(?:link|chain|group|chord|nested_chord|map|starmap|chunks|proto1_chain|countdown_chain|stamped_group)/;

    const expected = published.map(({ name }) => name).filter(name => !canvas.test(name));

    assert.deepEqual(Object.keys(CALLS).sort(), expected.sort());
  });

  for (const { name, messages } of published) {
    const call = CALLS[name];
    if (call === undefined) continue;
    test(`equals the captured one: ${name}`, () => {
      const [captured] = messages as [CapturedMessage];

      const written = untyped(writeAgain(call, captured.raw)) as Record<string, unknown>;

      const expected = untyped(captured.raw) as Record<string, Record<string, unknown>>;
      if (call.protocol !== 1) expected.headers!.lang = 'js';
      const repr = OTHER_ARGSREPR[name];
      if (repr !== undefined) {
        const theirs = String(expected.headers!.argsrepr);
        expected.headers!.argsrepr = theirs.replace(...repr);
      }
      // Compared decoded: spaces and compression levels differ.
      const bodies = [written, expected].map(envelope => readBody(envelope.body, expected));
      assert.deepEqual(bodies[0], bodies[1]);
      assert.deepEqual({ ...written, body: null }, { ...expected, body: null });
      assert.deepEqual(keyOrder(written), keyOrder(expected));
    });
  }

  const workers = capturedMessages(['worker-published']).filter(
    ({ version }) => version === '5.6.3',
  );
  for (const { path, messages } of [...published, ...workers]) {
    test(`equals what was read: ${path}`, () => {
      for (const { raw } of messages) {
        const { message, exchange, routingKey, deliveryTag } = decodeEnvelope(raw);
        const rebuilt = buildTaskMessage(callFrom(raw));

        const written = encodeEnvelope(rebuilt, {
          exchange,
          routingKey,
          deliveryTag: deliveryTag!,
        });

        assert.deepEqual(readParts(written), readParts(raw));
        const { lang, ...headers } = decodeEnvelope(written).message.headers;
        const { lang: theirLang, ...theirs } = message.headers;
        assert.deepEqual(headers, theirs);
        assert.deepEqual([lang, theirLang], theirLang === undefined ? [lang, lang] : ['js', 'py']);
        assert.deepEqual(decodeEnvelope(written).message.properties, message.properties);
      }
    });
  }
});

/** A body of any kind, decoded. */
function readParts(raw: string): unknown {
  return readTaskBody(decodeEnvelope(raw).message, ANYTHING);
}

function writeAgain(call: Partial<TaskCall>, raw: string): string {
  const { message, exchange, routingKey, deliveryTag } = decodeEnvelope(raw);
  const theirs = readTaskHeaders(message);
  const { expiration } = message.properties;
  const full: TaskCall = {
    task: 'wapp.add',
    args: [1, 2],
    kwargs: {},
    ...call,
    id: theirs.id,
    replyTo: theirs.replyTo,
    origin: theirs.origin,
    // As numbers, so that they are written anew.
    eta: call.eta === 'from capture' ? theirs.eta : call.eta,
    expires: call.expires === 'from capture' ? theirs.expires : call.expires,
    // The capture's own time of publishing.
    ...(call.expirationSeconds === null && {
      now: theirs.expires! - Number(expiration) / 1000 - 0.0005,
    }),
  };
  return encodeEnvelope(buildTaskMessage(full), {
    exchange,
    routingKey,
    deliveryTag: deliveryTag!,
  });
}

function readBody(body: unknown, envelope: Record<string, Record<string, unknown>>): unknown {
  const bytes = Buffer.from(String(body), 'base64');
  const { compression } = envelope.headers!;
  const plain = typeof compression === 'string' ? decompress(bytes, compression) : bytes;
  const type = String(envelope['content-type']);
  if (type !== 'application/json') return decodeContent(plain, type, 'binary', ANYTHING);
  return jsonDecode(plain.toString(), { typed: false });
}

function keyOrder(envelope: Record<string, unknown>): string[] {
  const inner = ['headers', 'properties'].flatMap(key => Object.keys(envelope[key] as object));
  return [...Object.keys(envelope), ...inner];
}

/** A captured message as the call that would send it again. */
function callFrom(raw: string): TaskCall {
  const { message } = decodeEnvelope(raw);
  const headers = readTaskHeaders(message);
  const body = readTaskBody(message, ANYTHING);
  const { expiration, priority, correlation_id, reply_to, delivery_mode, ...properties } =
    message.properties;
  return {
    ...headers,
    ...body,
    eta: headers.etaText,
    expires: headers.expiresText,
    timeLimit: headers.timelimit[0],
    softTimeLimit: headers.timelimit[1],
    ignoreResult: headers.ignoreResult ?? false,
    serializer: message.contentType === 'application/json' ? 'json' : message.contentType,
    priority,
    properties,
    headers: customHeaders(message.headers),
    expirationSeconds: expiration === undefined ? null : Number(expiration) / 1000,
  };
}

describe('a result document captured from Python', () => {
  const metas = capturedMetas();

  test('there are documents of every kind', () => {
    const states = new Set(metas.map(({ raw }) => decodeMeta(raw).status));

    assert.deepEqual([...states].sort(), [
      'FAILURE',
      'PROGRESS',
      'RETRY',
      'REVOKED',
      'STARTED',
      'SUCCESS',
    ]);
  });

  for (const path of new Set(metas.map(meta => meta.path))) {
    test(`is read and written again with the same text: ${path}`, () => {
      for (const { raw } of metas.filter(meta => meta.path === path)) {
        assert.equal(encodeMeta(decodeMeta(raw)), raw);
      }
    });
  }
});

describe('a row of the SQL result store', () => {
  type Row = Record<string, unknown> & { result: { hex: string } };
  const file = readGolden('backends/database_sqlite_5.2.6_extended.json');
  const rows = file.celery_taskmeta as Row[];

  test('holds pickles that are read as plain data', () => {
    const results = rows.map(row => pickleDecode(Buffer.from(row.result.hex, 'hex')));

    assert.deepEqual(results, [
      5,
      { exc_type: 'KeyError', exc_message: ['boom'], exc_module: 'builtins' },
      { args: [1, 'x'], kwargs: { k: null } },
      rows[4]!.task_id,
      4,
      4,
      2,
      2,
      4,
      6,
    ]);
    for (const result of results) assert.deepEqual(pickleDecode(pickleEncode(result)), result);
  });

  test('of a group is read as the result tuple', () => {
    const [group] = file.celery_tasksetmeta as Row[];

    const tuple = pickleDecode(Buffer.from(group!.result.hex, 'hex')) as ResultTuple;

    assert.deepEqual(tuple, [
      [group!.taskset_id, null],
      [
        [['15b82cc9-df34-4b1a-bfde-75e2af34ec96', null], null],
        [['c8db614a-c339-4ebd-8def-794ce5ce630b', null], null],
      ],
    ]);
    // The pickle holds the store's URL, which may have a password in it.
    assert.doesNotMatch(saferepr(tuple), /sqlite/);
  });
});

describe('a row of the SQL broker', () => {
  test('holds an envelope', () => {
    const file = readGolden('transports/sqlalchemy_5.2.6.json');
    const { kombu_message } = file.after_publish as { kombu_message: { payload: string }[] };

    const [first, second] = kombu_message.map(row => decodeEnvelope(row.payload));

    assert.equal(first!.routingKey, 'celery');
    assert.deepEqual(readTaskBody(first!.message, JSON_ONLY).args, [2, 3]);
    assert.equal(second!.routingKey, 'other');
    assert.equal(second!.message.properties.priority, 5);
  });
});

test('every captured eta and expiry is an instant after the capture began', () => {
  const began = fromIso('2026-11-20T00:00:00Z');
  let seen = 0;
  for (const { messages } of capturedMessages()) {
    for (const { raw } of messages) {
      const { eta, expires } = readTaskHeaders(decodeEnvelope(raw).message);
      for (const instant of [eta, expires]) {
        if (instant === null) continue;
        seen++;
        assert.ok(instant > began);
      }
    }
  }
  assert.ok(seen > 10, `only ${seen} dates`);
});
