import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acceptedContentTypes } from '../../../../src/wire/content.ts';
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  InvalidTaskError,
  SerializerNotInstalled,
} from '../../../../src/wire/errors.ts';
import { bodyBytes, type Message } from '../../../../src/wire/messages/message.ts';
import {
  buildTaskMessage,
  customHeaders,
  isTaskMessage,
  readTaskBody,
  readTaskHeaders,
  type TaskCall,
} from '../../../../src/wire/messages/task-message.ts';

const JSON_ONLY = acceptedContentTypes(['json']);

function build(call: Partial<TaskCall> = {}): Message {
  return buildTaskMessage({ task: 'tasks.add', id: 'id-1', args: [1, 2], kwargs: {}, ...call });
}

function received(headers: Record<string, unknown>, body: unknown = [[], {}, {}]): Message {
  return {
    body: typeof body === 'string' ? body : JSON.stringify(body),
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers,
    properties: {},
  };
}

describe('a task message', () => {
  test('has the headers of Celery in their order', () => {
    const { headers } = build({ origin: 'gen1@vm' });

    assert.deepEqual(headers, {
      lang: 'js',
      task: 'tasks.add',
      id: 'id-1',
      shadow: null,
      eta: null,
      expires: null,
      group: null,
      group_index: null,
      retries: 0,
      timelimit: [null, null],
      root_id: 'id-1',
      parent_id: null,
      argsrepr: '(1, 2)',
      kwargsrepr: '{}',
      origin: 'gen1@vm',
      ignore_result: false,
      replaced_task_nesting: 0,
      stamped_headers: null,
      stamps: {},
    });
    assert.equal(
      Object.keys(headers).join(' '),
      'lang task id shadow eta expires group group_index retries timelimit root_id parent_id argsrepr kwargsrepr origin ignore_result replaced_task_nesting stamped_headers stamps',
    );
  });

  test('has the body [args, kwargs, embed]', () => {
    const message = build({
      args: [1, 'é'],
      kwargs: { a: null },
      chain: [],
      callbacks: [{ task: 'x' }],
    });

    assert.deepEqual(JSON.parse(String(message.body)), [
      [1, 'é'],
      { a: null },
      { callbacks: [{ task: 'x' }], errbacks: null, chain: [], chord: null },
    ]);
  });

  test('has the properties that a broker needs', () => {
    assert.deepEqual(build().properties, {
      correlation_id: 'id-1',
      reply_to: '',
      delivery_mode: 2,
    });
    assert.deepEqual(
      build({ replyTo: 'me', priority: 0, deliveryMode: 1, properties: { app_id: 'x' } })
        .properties,
      { correlation_id: 'id-1', reply_to: 'me', delivery_mode: 1, priority: 0, app_id: 'x' },
    );
  });

  test('expires in its queue when the task expires', () => {
    const at = (call: Partial<TaskCall>) => build({ now: 1000, ...call }).properties.expiration;

    assert.equal(at({ expires: 1060 }), '60000');
    assert.equal(at({ expires: 1795175181.363, now: 1795175121.363 }), '60000');
    assert.equal(at({ expires: '1970-01-01T00:16:41.5Z' }), '1500');
    assert.equal(at({ expires: 900 }), '0');
    assert.equal(at({ expirationSeconds: 30 }), '30000');
    assert.equal(at({}), undefined);
  });

  test('carries custom headers in place of our own', () => {
    const { headers } = build({ headers: { 'x-trace': 'abc', lang: 'ts', none: undefined } });

    assert.equal(headers['x-trace'], 'abc');
    assert.equal(headers.lang, 'ts');
    assert.ok(!('none' in headers));
    assert.deepEqual(customHeaders(headers), { 'x-trace': 'abc' });
  });

  test('may be compressed', () => {
    const message = build({ compression: 'gzip', args: ['x'.repeat(1000)] });

    assert.equal(message.headers.compression, 'application/x-gzip');
    assert.equal(message.bodyEncoding, 'binary');
    assert.deepEqual(readTaskBody(message, JSON_ONLY).args, ['x'.repeat(1000)]);
  });

  test('of protocol 1 has everything in its body', () => {
    const message = build({ protocol: 1, eta: 0, group: 'g', timeLimit: 5, kwargs: { a: 1 } });

    const headers = readTaskHeaders(message);

    assert.deepEqual(message.headers, {});
    assert.equal(headers.protocol, 1);
    assert.equal(headers.task, 'tasks.add');
    assert.equal(headers.eta, 0);
    assert.equal(headers.group, 'g');
    assert.deepEqual(headers.timelimit, [5, null]);
    assert.equal(headers.argsrepr, '(1, 2)');
    assert.equal(headers.kwargsrepr, "{'a': 1}");
    assert.deepEqual(readTaskBody(message, JSON_ONLY).kwargs, { a: 1 });
  });

  test('of protocol 1 has a chain as callbacks of callbacks', () => {
    const sig = (task: string) => ({ task, options: {} });

    const { callbacks, chain } = readTaskBody(
      build({ protocol: 1, chain: [sig('c'), sig('b')], callbacks: [sig('x')] }),
      JSON_ONLY,
    );

    assert.deepEqual(callbacks, [sig('x'), { task: 'b', options: { link: [sig('c')] } }]);
    assert.equal(chain, null);
  });

  for (const [what, call, expected] of [
    [
      'arguments that are no array',
      { args: { 0: 1 } },
      [TypeError, /must be an array, not \{'0': 1\}/],
    ],
    ['arguments that are a text', { args: 'ab' }, [TypeError, /not 'ab'/]],
    [
      'keyword arguments that are an array',
      { kwargs: [1] },
      [TypeError, /must be an object, not \[1\]/],
    ],
    ['keyword arguments that are null', { kwargs: null }, [TypeError, /not None/]],
    ['keyword arguments in a Map', { kwargs: new Map() }, [TypeError, /must be an object/]],
    ['no name', { task: '' }, [TypeError, /name must be a non-empty string/]],
    ['a number as id', { id: 5 }, [TypeError, /id must be a non-empty string, not 5/]],
    [
      'an argument that is a function',
      { args: [1, () => 1] },
      [EncodeError, /^args\[1\] is a function/],
    ],
    [
      'a Map deep in its keyword arguments',
      { kwargs: { a: [new Map()] } },
      [EncodeError, /^kwargs\.a\[0\]/],
    ],
    [
      'a header that JSON cannot hold',
      { headers: { f: Symbol('x') } },
      [EncodeError, /^headers\.f/],
    ],
    ['a stamp that JSON cannot hold', { stamps: { f: () => 1 } }, [EncodeError, /^stamps\.f/]],
    ['an eta that is no date', { eta: 'soon' }, [RangeError, /"soon"/]],
    ['an expiry that is no time', { expires: Number.NaN }, [RangeError, /NaN/]],
    ['an unknown serializer', { serializer: 'jsn' }, [SerializerNotInstalled, /"jsn".*"json"/]],
    ['an unknown compression', { compression: 'gzp' }, [SerializerNotInstalled, /"gzp".*"gzip"/]],
  ] as const) {
    test(`is not built with ${what}`, () => {
      const [Class, message] = expected;

      assert.throws(
        () => build(call as unknown as Partial<TaskCall>),
        (error: Error) => error instanceof Class && message.test(error.message),
      );
    });
  }
});

describe('the headers of a received message', () => {
  test('have defaults for everything but task and id', () => {
    assert.deepEqual(readTaskHeaders(received({ task: 't', id: '1' })), {
      task: 't',
      id: '1',
      shadow: null,
      eta: null,
      etaText: null,
      expires: null,
      expiresText: null,
      group: null,
      groupIndex: null,
      retries: 0,
      timelimit: [null, null],
      rootId: '1',
      parentId: null,
      argsrepr: '',
      kwargsrepr: '',
      origin: '',
      ignoreResult: null,
      replacedTaskNesting: 0,
      replyTo: '',
      correlationId: '1',
      stampedHeaders: null,
      stamps: {},
      compression: null,
      lang: '',
      protocol: 2,
    });
  });

  test('ignore values of a wrong type', () => {
    const junk = [
      5,
      -1,
      1.5,
      true,
      [],
      {},
      'x',
      null,
      undefined,
      Number.NaN,
      2n ** 70n,
      new Date(),
    ];
    const plain = readTaskHeaders(received({ task: 't', id: '1' }));
    for (const value of junk) {
      const headers = {
        group: value,
        retries: value,
        timelimit: value,
        stamps: value,
        origin: value,
        shadow: value,
      };
      const more = {
        root_id: value,
        parent_id: value,
        stamped_headers: value,
        ignore_result: value,
      };

      const read = readTaskHeaders(
        received({ ...headers, ...more, group_index: value, task: 't', id: '1' }),
      );

      assert.deepEqual(Object.keys(read), Object.keys(plain));
      assert.ok(Number.isInteger(read.retries) && read.retries >= 0);
      assert.equal(read.timelimit.length, 2);
    }
  });

  test('hold time limits of which zero is none', () => {
    const limits = (timelimit: unknown) =>
      readTaskHeaders(received({ task: 't', id: '1', timelimit })).timelimit;

    assert.deepEqual(limits([300, 250.5]), [300, 250.5]);
    assert.deepEqual(limits([0, null]), [null, null]);
    assert.deepEqual(limits(['5', -1]), [null, null]);
    assert.deepEqual(limits([5]), [5, null]);
    assert.deepEqual(limits(300), [null, null]);
  });

  test('hold dates in each form that is on the wire', () => {
    for (const eta of [
      '1970-01-01T00:00:01Z',
      '1970-01-01 00:00:01',
      '1970-01-01T02:00:01+02:00',
      new Date(1000),
    ]) {
      assert.equal(readTaskHeaders(received({ task: 't', id: '1', eta })).eta, 1);
    }
    assert.equal(readTaskHeaders(received({ task: 't', id: '1', eta: '' })).eta, null);
  });

  for (const [headers, reason] of [
    [{ task: 't' }, /has no id/],
    [{ task: 't', id: null }, /id is None/],
    [{ task: 't', id: '' }, /id is ''/],
    [{ task: 't', id: 5 }, /id is 5/],
    [{ task: 5, id: '1' }, /task is 5/],
    [{ task: null, id: '1' }, /task is None/],
    [{ task: ['x'], id: '1' }, /task is \['x'\]/],
    [{ task: 't', id: '1', eta: 'soon' }, /eta is 'soon', not an ISO 8601 date/],
    [{ task: 't', id: '1', eta: 5 }, /eta is 5/],
    [{ task: 't', id: '1', expires: [1] }, /expires is \[1\]/],
    [{ task: 't', id: '1', expires: '2026-02-30' }, /expires is '2026-02-30'/],
  ] as const) {
    test(`are refused with the value: ${JSON.stringify(headers)}`, () => {
      assert.throws(() => readTaskHeaders(received(headers)), {
        name: 'InvalidTaskError',
        message: reason,
      });
    });
  }

  test('of protocol 1 may call the group a taskset', () => {
    const message = received({}, { task: 't', id: '1', taskset: 'g', args: [1], utc: true });

    assert.equal(readTaskHeaders(message).group, 'g');
  });

  test('are no task without a name in headers or body', () => {
    const message = received({}, { method: 'ping' });

    assert.equal(isTaskMessage(message), false);
    assert.throws(() => readTaskHeaders(message), InvalidTaskError);
    assert.equal(isTaskMessage(received({}, 'not json')), false);
    assert.throws(() => readTaskHeaders(received({}, 'not json')), DecodeError);
    assert.equal(isTaskMessage(received({ task: null })), true);
    assert.equal(isTaskMessage(received({}, { task: 't', id: '1' })), true);
  });

  test('in a body of another type are an unreadable message', () => {
    const message = { ...received({}), contentType: 'application/x-python-serialize' };

    assert.throws(() => readTaskHeaders(message), DecodeError);
    assert.equal(isTaskMessage(message), false);
  });
});

describe('the body of a received message', () => {
  test('may have an empty embed or none', () => {
    for (const embed of [{}, null, undefined]) {
      const body = readTaskBody(received({ task: 't' }, [[1], { a: 1 }, embed]), JSON_ONLY);

      assert.deepEqual(body, {
        args: [1],
        kwargs: { a: 1 },
        callbacks: null,
        errbacks: null,
        chain: null,
        chord: null,
      });
    }
  });

  test('may be a mapping although the headers name a task', () => {
    const body = readTaskBody(received({ task: 't' }, { args: [1], kwargs: { a: 1 } }), JSON_ONLY);

    assert.deepEqual([body.args, body.kwargs], [[1], { a: 1 }]);
  });

  for (const body of [
    '5',
    'null',
    '"text"',
    '[]',
    '[[]]',
    '[{}, {}, {}]',
    '[[], [], {}]',
    '[[], "x", {}]',
    '[[], {}, {"callbacks": {}}]',
    '[[], {}, {"chain": "x"}]',
    '{}',
    '{"__type__": "bytes", "__value__": "x"}',
  ]) {
    test(`is refused: ${body}`, () => {
      assert.throws(() => readTaskBody(received({ task: 't' }, body), JSON_ONLY), InvalidTaskError);
    });
  }

  test('is refused when it is no JSON or not accepted', () => {
    assert.throws(() => readTaskBody(received({ task: 't' }, '[['), JSON_ONLY), DecodeError);
    assert.throws(() => readTaskBody(received({ task: 't' }), new Set()), ContentDisallowed);
  });

  test('keeps what plain JSON would lose', () => {
    const text =
      '[[NaN, 9223372036854775808, {"__type__": "decimal", "__value__": "1.10"}], {}, {}]';

    const { args } = readTaskBody(received({ task: 't' }, text), JSON_ONLY);
    const sent = build({ args });

    assert.equal(
      bodyBytes(sent).toString(),
      '[[NaN,9223372036854775808,{"__type__":"decimal","__value__":"1.10"}], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
    );
  });

  test('of raw bytes is no task', () => {
    const message: Message = {
      ...received({ task: 't' }),
      body: Buffer.from([1, 2]),
      bodyEncoding: 'binary',
      contentType: 'application/data',
      contentEncoding: 'binary',
    };

    assert.throws(() => readTaskBody(message, JSON_ONLY), {
      name: 'InvalidTaskError',
      message: /its body is b'/,
    });
  });
});
