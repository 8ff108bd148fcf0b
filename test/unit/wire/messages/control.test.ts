import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acceptedContentTypes } from '../../../../src/wire/content.ts';
import {
  buildControlReply,
  buildControlRequest,
  type ControlRequest,
  controlNames,
  isAddressedTo,
  readControlReply,
  readControlRequest,
} from '../../../../src/wire/messages/control.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';

const JSON_ONLY = acceptedContentTypes(['json']);
const OPTIONS = { expires: 9, clock: 4, serializer: 'json' };

const REQUEST: ControlRequest = {
  method: 'rate_limit',
  arguments: { task_name: 't.add', rate_limit: '10/m' },
  destination: ['w1@h'],
  pattern: null,
  matcher: null,
  ticket: 'a-ticket',
  replyTo: { exchange: 'reply.celery.pidbox', routingKey: 'oid' },
};

/** A request as somebody else writes it. */
const foreign = (body: unknown): Message => ({
  ...buildControlRequest(REQUEST, OPTIONS),
  body: JSON.stringify(body),
});

describe('the names of remote control', () => {
  test('are those on which Python’s nodes hear and answer', () => {
    const { exchange, inbox, replyExchange, replyQueue } = controlNames;

    assert.deepEqual(
      [exchange('celery'), inbox('celery', 'w@h'), replyExchange('x'), replyQueue('x', 'oid')],
      ['celery.pidbox', 'w@h.celery.pidbox', 'reply.x.pidbox', 'oid.reply.x.pidbox'],
    );
  });
});

describe('a request of remote control', () => {
  for (const serializer of ['json', 'yaml', 'msgpack', 'pickle']) {
    test(`comes through as it was in ${serializer}`, () => {
      const message = buildControlRequest(REQUEST, { ...OPTIONS, serializer });

      assert.deepEqual(readControlRequest(message, acceptedContentTypes([serializer])), REQUEST);
    });
  }

  test('says when it is too late for it, and lies on disk until then', () => {
    const { headers, properties } = buildControlRequest(REQUEST, OPTIONS);

    assert.deepEqual([headers, properties], [{ clock: 4, expires: 9 }, { delivery_mode: 2 }]);
  });

  test('names nobody to answer to when nobody waits', () => {
    const message = buildControlRequest({ ...REQUEST, replyTo: undefined }, OPTIONS);

    assert.equal('reply_to' in JSON.parse(message.body as string), false);
    assert.equal(readControlRequest(message, JSON_ONLY).replyTo, undefined);
  });

  test('may leave out all but its method', () => {
    assert.deepEqual(readControlRequest(foreign({ method: 'ping' }), JSON_ONLY), {
      ...{ method: 'ping', arguments: {}, destination: null, pattern: null, matcher: null },
      ...{ ticket: '', replyTo: undefined },
    });
  });

  for (const [field, odd, read] of [
    ['arguments', [1], {}],
    ['ticket', 5, ''],
    ['reply_to', 'queue', undefined],
    ['reply_to', { exchange: 'x' }, undefined],
    ['reply_to', { routing_key: 'oid' }, { exchange: '', routingKey: 'oid' }],
  ] as const) {
    test(`is read with ${field} ${JSON.stringify(odd)} as far as that makes sense`, () => {
      const request = readControlRequest(foreign({ method: 'x', [field]: odd }), JSON_ONLY);

      assert.deepEqual(request[field === 'reply_to' ? 'replyTo' : field], read);
    });
  }

  for (const body of [[], 'ping', null, {}, { method: 5 }]) {
    test(`is none that reads ${JSON.stringify(body)}`, () => {
      assert.throws(() => readControlRequest(foreign(body), JSON_ONLY), { name: 'DecodeError' });
    });
  }

  test('is refused in a content type that is not accepted', () => {
    const message = buildControlRequest(REQUEST, { ...OPTIONS, serializer: 'pickle' });

    assert.throws(() => readControlRequest(message, JSON_ONLY), { name: 'ContentDisallowed' });
  });
});

describe('a reply of remote control', () => {
  test('tells the node, what it said, and which question that answers', () => {
    const reply = { node: 'w@h', value: { ok: 'pong' } };
    const message = buildControlReply(reply, { ticket: 'a', clock: 7, serializer: 'json' });

    assert.deepEqual(readControlReply(message, JSON_ONLY), { ticket: 'a', replies: [reply] });
    assert.deepEqual(message.properties, { delivery_mode: 1 });
  });

  test('may be of several nodes, and without a ticket', () => {
    const message = { ...foreign({ a: 1, b: null }), headers: {} };

    assert.deepEqual(readControlReply(message, JSON_ONLY), {
      ticket: '',
      replies: [
        { node: 'a', value: 1 },
        { node: 'b', value: null },
      ],
    });
  });
});

describe('a request is for', () => {
  const isFor = (node: string, to: Partial<ControlRequest>) =>
    isAddressedTo({ ...REQUEST, destination: null, ...to }, node);

  test('all nodes, if it names none', () => {
    assert.equal(isFor('w@h', {}), true);
    assert.equal(isFor('w@h', { pattern: 'x' }), true, 'a pattern without a matcher');
  });

  test('those that it names, whatever its pattern says', () => {
    const to = { destination: ['a@h'], pattern: '*', matcher: 'glob' } as const;

    assert.deepEqual([isFor('a@h', to), isFor('b@h', to)], [true, false]);
    assert.equal(isFor('a@h', { destination: [] }), false);
  });

  // what python3 -c 'from fnmatch import fnmatch; …' says
  for (const [pattern, fits, others] of [
    ['*', ['', 'abc', 'a\nb'], []],
    ['w?@h', ['w1@h', 'w\n@h'], ['w@h', 'w12@h']],
    ['w1@h', ['w1@h'], ['w1@hh', 'xw1@h', 'W1@h']],
    ['w[12]@h', ['w1@h', 'w2@h'], ['w3@h', 'w12@h']],
    ['w[!12]@h', ['w3@h', 'w!@h'], ['w1@h']],
    ['w[1-3]', ['w1', 'w2', 'w3'], ['w4', 'w-']],
    ['a[^b]c', ['abc', 'a^c'], ['axc']],
    ['[]a]', [']', 'a'], ['x', '[]a]']],
    ['[!]a]', ['x', '^', '!'], [']', 'a']],
    ['w[[]x', ['w[x'], ['wx', 'w[[]x']],
    ['a[b', ['a[b'], ['ab']],
    ['a]', ['a]'], ['a']],
    ['[]', ['[]'], ['']],
    ['[!]', ['[!]'], ['!']],
    ['[\\]', ['\\'], [']']],
    ['[a-]', ['a', '-'], ['b']],
    ['[z-a]', [], ['z', 'a', '-']],
    ['w.1', ['w.1'], ['wx1']],
    ['w{1}|(x)+$', ['w{1}|(x)+$'], ['w']],
    ['', [''], ['a']],
  ] as const) {
    test(`the nodes that the glob ${JSON.stringify(pattern)} fits in Python`, () => {
      const to = { pattern, matcher: 'glob' } as const;

      assert.deepEqual(
        [...fits, ...others].filter(node => isFor(node, to)),
        fits,
      );
    });
  }

  test('the nodes whose names begin as a regular expression says', () => {
    const to = { pattern: 'w[0-9]+|x', matcher: 'pcre' } as const;

    assert.deepEqual(
      ['w1@h', 'w12', 'xyz', 'aw1', 'w@h'].filter(node => isFor(node, to)),
      ['w1@h', 'w12', 'xyz'],
    );
  });

  test('nobody, if its pattern is none', () => {
    assert.equal(isFor('w[', { pattern: 'w[', matcher: 'pcre' }), false);
  });
});
