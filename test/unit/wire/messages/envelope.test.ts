import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecodeError, EncodeError } from '../../../../src/wire/errors.ts';
import {
  decodeEnvelope,
  deliveryCount,
  encodeEnvelope,
  markRedelivered,
} from '../../../../src/wire/messages/envelope.ts';
import { bodyBytes, type Message } from '../../../../src/wire/messages/message.ts';

const ADDRESS = { exchange: '', routingKey: 'celery', deliveryTag: 'tag-1' };

function message(changes: Partial<Message> = {}): Message {
  return {
    body: '[[1], {}, {}]',
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: { task: 'tasks.add', id: '1' },
    properties: { correlation_id: '1', reply_to: 'me', delivery_mode: 2 },
    ...changes,
  };
}

describe('an envelope', () => {
  test('has every part that Python workers need', () => {
    const envelope = JSON.parse(encodeEnvelope(message(), ADDRESS)) as Record<string, unknown>;

    assert.deepEqual(envelope, {
      body: Buffer.from('[[1], {}, {}]').toString('base64'),
      'content-encoding': 'utf-8',
      'content-type': 'application/json',
      headers: { task: 'tasks.add', id: '1' },
      properties: {
        correlation_id: '1',
        reply_to: 'me',
        delivery_mode: 2,
        delivery_info: { exchange: '', routing_key: 'celery' },
        priority: 0,
        body_encoding: 'base64',
        delivery_tag: 'tag-1',
      },
    });
    assert.deepEqual(Object.keys(envelope), [
      'body',
      'content-encoding',
      'content-type',
      'headers',
      'properties',
    ]);
  });

  test('carries any body as base64', () => {
    const bytes = Buffer.from([0xff, 0, 1]);
    const bodies: Pick<Message, 'body' | 'bodyEncoding'>[] = [
      { body: bytes, bodyEncoding: 'binary' },
      { body: bytes.toString('base64'), bodyEncoding: 'base64' },
      { body: new Uint8Array([9, 0xff, 0, 1, 9]).subarray(1, 4), bodyEncoding: 'binary' },
    ];

    for (const body of bodies) {
      const read = decodeEnvelope(encodeEnvelope(message(body), ADDRESS));

      assert.equal(read.message.bodyEncoding, 'base64');
      assert.deepEqual(bodyBytes(read.message), bytes);
    }
  });

  test('reads back what was written', () => {
    const sent = message({
      headers: { task: 'x', big: 2n ** 64n, when: new Date(5), nested: { a: [null, 1.5, 'é'] } },
      properties: { correlation_id: '1', priority: 5, expiration: '60000', origin: 'gen1@vm' },
    });

    const read = decodeEnvelope(
      encodeEnvelope(sent, { exchange: 'ex', routingKey: 'a.b', deliveryTag: 't' }),
    );

    assert.deepEqual(read.message.headers, sent.headers);
    assert.deepEqual(read.message.properties, sent.properties);
    assert.deepEqual(bodyBytes(read.message).toString(), sent.body);
    assert.deepEqual(
      { ...read, message: null },
      { message: null, exchange: 'ex', routingKey: 'a.b', deliveryTag: 't', redelivered: false },
    );
  });

  test('is not written with a header that JSON cannot hold', () => {
    assert.throws(() => encodeEnvelope(message({ headers: { f: () => 1 } }), ADDRESS), {
      name: 'EncodeError',
      message: /^headers\.f is a function/,
    });
    assert.throws(
      () => encodeEnvelope(message({ properties: { x: new Map() } }), ADDRESS),
      EncodeError,
    );
  });

  test('may carry its body as text', () => {
    for (const encoding of ['utf-8', null, undefined]) {
      const raw = JSON.stringify({ body: '[1, "é"]', properties: { body_encoding: encoding } });

      const { message: read } = decodeEnvelope(raw);

      assert.equal(read.bodyEncoding, 'utf-8');
      assert.equal(bodyBytes(read).toString(), '[1, "é"]');
    }
  });
});

describe('an envelope that was put back', () => {
  test('is marked in its headers and in its delivery info', () => {
    const raw = encodeEnvelope(
      message({ headers: { big: 2n ** 64n, when: new Date(5) } }),
      ADDRESS,
    );

    const marked = markRedelivered(raw);

    const read = decodeEnvelope(marked);
    assert.equal(read.redelivered, true);
    assert.deepEqual(read.message.headers, {
      big: 2n ** 64n,
      when: new Date(5),
      redelivered: true,
    });
    assert.match(
      marked,
      /"delivery_info":\s*\{"exchange":"","routing_key":"celery","redelivered":true\}/,
    );
    assert.equal(read.deliveryTag, 'tag-1');
  });

  test('is known as such by either mark', () => {
    for (const raw of [
      '{"headers": {"redelivered": true}}',
      '{"properties": {"delivery_info": {"redelivered": true}}}',
    ]) {
      assert.equal(decodeEnvelope(raw).redelivered, true);
    }
    assert.equal(decodeEnvelope('{"headers": {"redelivered": "no"}}').redelivered, false);
  });

  test('counts the deliveries that came to harm, and only those', () => {
    const raw = encodeEnvelope(message({ headers: {} }), ADDRESS);

    const once = markRedelivered(raw, { counted: true });
    const given = markRedelivered(once);
    const twice = markRedelivered(given, { counted: true });

    const counts = [raw, once, given, twice].map(text =>
      deliveryCount(decodeEnvelope(text).message.headers),
    );
    assert.deepEqual(counts, [0, 1, 1, 2]);
    assert.equal(deliveryCount({ 'x-delivery-count': 'many' }), 0);
    assert.equal(deliveryCount({ 'x-delivery-count': -1 }), 0);
  });

  test('may be marked twice, and with parts missing', () => {
    const raw = '{"body": "x"}';

    const marked = markRedelivered(markRedelivered(raw));

    assert.deepEqual(JSON.parse(marked), {
      body: 'x',
      headers: { redelivered: true },
      properties: { delivery_info: { redelivered: true } },
    });
  });
});

// Each of these ends a Python worker; ours must tell it apart and go on.
describe('a broken envelope', () => {
  for (const raw of [
    '',
    'not json',
    '{',
    'null',
    '5',
    '"text"',
    '[]',
    '[{"body": ""}]',
    '{}',
    '{"a": 1}',
  ]) {
    test(`is refused: ${raw || 'empty text'}`, () => {
      assert.throws(() => decodeEnvelope(raw), DecodeError);
      assert.throws(() => markRedelivered(raw), DecodeError);
    });
  }

  test('is refused when its body cannot be understood', () => {
    for (const raw of [
      '{"body": 5}',
      '{"body": {}}',
      '{"body": "", "properties": {"body_encoding": "rot13"}}',
    ]) {
      assert.throws(() => decodeEnvelope(raw), DecodeError);
    }
  });

  for (const raw of [
    '{"body": "x"}',
    '{"body": null, "headers": null, "properties": null}',
    '{"headers": {"__type__": "bytes", "__value__": "x"}, "properties": {"__type__": "base64", "__value__": "/wA="}}',
    '{"headers": [], "properties": "x", "content-type": 5, "content-encoding": {}}',
    '{"headers": {}, "properties": {"delivery_info": null, "delivery_tag": 5}}',
    '{"headers": {}, "properties": {"delivery_info": {"exchange": 1, "routing_key": null}}}',
    '{"properties": {"correlation_id": 1, "reply_to": null, "priority": "x", "delivery_mode": [], "expiration": {}}}',
    '{"properties": {"priority": NaN, "__proto__": {"bad": 1}}}',
  ]) {
    test(`has defaults for what is missing: ${raw}`, () => {
      const read = decodeEnvelope(raw);

      assert.deepEqual(
        { ...read, message: null },
        {
          message: null,
          exchange: '',
          routingKey: '',
          deliveryTag: undefined,
          redelivered: false,
        },
      );
      assert.deepEqual(read.message.headers, {});
      assert.deepEqual(read.message.properties, {});
      assert.equal(read.message.contentType, 'application/data');
      assert.equal(read.message.contentEncoding, 'utf-8');
    });
  }
});
