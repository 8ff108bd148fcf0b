import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UNREADABLE } from '../../../../src/messaging/amqp/field-table.ts';
import {
  amqpProperties,
  hasLongExpiration,
  readMessage,
} from '../../../../src/messaging/amqp/message.ts';
import type { Message, MessageProperties } from '../../../../src/wire/messages/message.ts';
import { delivered, messageFor } from './made-channel.ts';

const having = (properties: MessageProperties, headers = {}): Message => ({
  ...messageFor(),
  headers,
  properties,
});
/** More than RabbitMQ 3 takes, in ms. */
const LONG = String(2 ** 32);

describe('a message for RabbitMQ', () => {
  test('has its properties under the names of amqplib, without those that nobody gave', () => {
    const message = having({
      ...{ correlation_id: '1', reply_to: 'r', delivery_mode: 2, priority: 0, expiration: '50' },
      ...{ message_id: 'm', timestamp: 7, type: 't', user_id: 'u', app_id: 'a' },
      ...{ delivery_tag: 'of Redis', delivery_info: {} },
    });

    assert.deepEqual(amqpProperties(message, true), {
      ...{ contentType: 'application/json', contentEncoding: 'utf-8', headers: {} },
      ...{ mandatory: true, correlationId: '1', replyTo: 'r', deliveryMode: 2, priority: 0 },
      ...{ expiration: '50', messageId: 'm', timestamp: 7, type: 't', userId: 'u', appId: 'a' },
    });
  });

  test('has no property that is null, which AMQP could not say', () => {
    const message = having({ reply_to: null, priority: null } as unknown as MessageProperties);

    const { replyTo, priority } = amqpProperties(message, false) as Record<string, unknown>;
    assert.deepEqual([replyTo, priority], [undefined, undefined]);
  });

  for (const [properties, problem] of [
    [{ delivery_mode: 0 }, 'delivery_mode should be 1 or 2, not 0'],
    [{ delivery_mode: '2' }, 'delivery_mode should be 1 or 2, not "2"'],
    [{ priority: 256 }, 'priority should be 0 to 255, not 256'],
    [{ priority: -1 }, 'priority should be 0 to 255, not -1'],
    [{ priority: 1.5 }, 'priority should be 0 to 255, not 1.5'],
    [{ expiration: '1.5' }, 'expiration should be a text of whole milliseconds, not "1.5"'],
    [{ expiration: '' }, 'expiration should be a text of whole milliseconds, not ""'],
    [{ expiration: '-1' }, 'expiration should be a text of whole milliseconds, not "-1"'],
  ] as const) {
    test(`is not sent with ${JSON.stringify(properties)}, for which the broker would close the channel`, () => {
      const message = having(properties as unknown as MessageProperties);

      assert.throws(() => amqpProperties(message, false), { name: 'RangeError', message: problem });
    });
  }

  for (const properties of [{ delivery_mode: 1 }, { priority: 255 }, { expiration: '0' }]) {
    test(`may say ${JSON.stringify(properties)}`, () => {
      assert.doesNotThrow(() => amqpProperties(having(properties), false));
    });
  }

  test('that says itself when it expires has no time to live that RabbitMQ 3 refuses', () => {
    const message = having({ expiration: LONG }, { expires: '2099-01-01T00:00:00+00:00' });

    assert.equal(amqpProperties(message, false).expiration, undefined);
    assert.equal(message.properties.expiration, LONG, 'the message stays as it was');
    assert.equal(hasLongExpiration(message), false);
  });

  test('keeps its time to live when nothing else would end it', () => {
    const message = having({ expiration: LONG });

    assert.equal(amqpProperties(message, false).expiration, LONG);
    assert.equal(hasLongExpiration(message), true);
  });

  test('has a usual time to live up to 49 days', () => {
    assert.equal(hasLongExpiration(having({ expiration: String(2 ** 32 - 1) })), false);
    assert.equal(hasLongExpiration(having({})), false);
  });
});

describe('a message from RabbitMQ', () => {
  test('has its properties under the names of Celery', () => {
    const { message, problem } = readMessage(
      delivered({
        properties: {
          ...{ headers: { id: '1' }, contentType: 'application/json', contentEncoding: 'utf-8' },
          ...{ correlationId: '1', replyTo: 'r', deliveryMode: 2, priority: 0, clusterId: 'x' },
        },
        content: Buffer.from('[1]'),
      }),
    );

    assert.deepEqual(message, {
      ...{ body: '[1]', bodyEncoding: 'utf-8', contentType: 'application/json' },
      ...{ contentEncoding: 'utf-8', headers: { id: '1' } },
      properties: { correlation_id: '1', reply_to: 'r', delivery_mode: 2, priority: 0 },
    });
    assert.equal(problem, undefined);
  });

  test('of another program, that says nothing of its body, is bytes of unknown data', () => {
    const { message } = readMessage(
      delivered({ properties: { headers: undefined }, content: Buffer.from('hello') }),
    );

    assert.deepEqual(
      [message.contentType, message.contentEncoding],
      ['application/data', 'binary'],
    );
    assert.deepEqual([message.bodyEncoding, message.headers], ['binary', {}]);
    assert.deepEqual(message.body, new Uint8Array(Buffer.from('hello')));
  });

  for (const encoding of ['utf-8', 'UTF-8', 'utf8', 'UTF8']) {
    test(`has text for a body when its encoding is ${encoding}`, () => {
      const { message } = readMessage(
        delivered({ properties: { contentEncoding: encoding }, content: Buffer.from('é') }),
      );

      assert.deepEqual([message.body, message.bodyEncoding], ['é', 'utf-8']);
    });
  }

  test('has bytes for a body that says it is text and is not, so that nothing is lost', () => {
    const bytes = Buffer.from([0x22, 0xff, 0xfe, 0x22]);

    const { message } = readMessage(
      delivered({ properties: { contentEncoding: 'utf-8' }, content: bytes }),
    );

    assert.deepEqual([message.body, message.bodyEncoding], [new Uint8Array(bytes), 'binary']);
  });

  test('does not hold the piece of the stream that it came with', () => {
    const stream = Buffer.alloc(65_536, 7);

    const { message } = readMessage(delivered({ content: stream.subarray(0, 10) }));

    assert.equal((message.body as Uint8Array).buffer.byteLength, 10);
  });

  test('says what is wrong when its headers cannot be read to their end', () => {
    const headers = Object.defineProperty({ id: '1' }, UNREADABLE, { value: 'a field is odd' });

    const { message, problem } = readMessage(delivered({ properties: { headers } }));

    assert.equal(problem?.name, 'DecodeError');
    assert.equal(problem?.message, 'The headers of the message cannot be read: a field is odd.');
    assert.deepEqual(message.headers, { id: '1' }, 'what could be read is there');
  });
});
