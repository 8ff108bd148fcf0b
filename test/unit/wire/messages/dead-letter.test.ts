import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buryMessage,
  type Death,
  publishedHeaders,
  readDeadLetter,
  reviveMessage,
} from '../../../../src/wire/messages/dead-letter.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../../src/wire/messages/envelope.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';

const MESSAGE: Message = {
  body: 'W10=',
  bodyEncoding: 'base64',
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  headers: { task: 'proj.add', id: 'x', mine: { deep: [1, null] } },
  properties: { correlation_id: 'x', delivery_mode: 1, priority: 3, expiration: '5000' },
};
const DEATH: Death = {
  reason: 'rejected',
  error: 'no',
  diedAt: 1_700_000_000.5,
  queue: 'q',
  exchange: 'e',
  routingKey: 'k',
  deliveries: 2,
  worker: 'w@h',
};

/** As a broker without messages of its own hands it on. */
function overTheWire(message: Message): Message {
  const address = { exchange: '', routingKey: 'dead', deliveryTag: 't' };
  return decodeEnvelope(encodeEnvelope(message, address)).message;
}

function brokerDeath(...deaths: object[]): Message {
  return { ...MESSAGE, headers: { ...MESSAGE.headers, 'x-death': deaths } };
}

describe('a buried message', () => {
  it('tells how it died', () => {
    const dead = overTheWire(buryMessage(MESSAGE, DEATH));

    assert.deepEqual(readDeadLetter(dead), { ...DEATH, by: 'worker', isBareText: false });
  });

  it('neither expires nor is lost in a restart of the broker, and its body is untouched', () => {
    const dead = buryMessage(MESSAGE, DEATH);

    assert.equal(dead.properties.expiration, undefined);
    assert.equal(dead.properties.delivery_mode, 2);
    assert.equal(dead.body, MESSAGE.body);
  });

  it('that is revived is what was published, without what brokers noted', () => {
    const headers = {
      ...MESSAGE.headers,
      redelivered: true,
      'x-delivery-count': 4,
      'x-death': [],
      'x-first-death-exchange': '',
      'x-first-death-queue': '',
      'x-first-death-reason': '',
      'x-last-death-exchange': '',
      'x-last-death-queue': '',
      'x-last-death-reason': '',
    };
    const dead = overTheWire(buryMessage({ ...MESSAGE, headers }, DEATH));

    assert.deepEqual(reviveMessage(dead), MESSAGE);
  });

  it('that dies again tells of its last death, and is still what it was', () => {
    const once = buryMessage(MESSAGE, DEATH);
    const twice = buryMessage(reviveMessage(once), { ...DEATH, reason: 'failed', queue: 'other' });

    assert.equal(readDeadLetter(twice)?.queue, 'other');
    assert.deepEqual(reviveMessage(twice), MESSAGE);
  });

  it('keeps the beginning of a very long error', () => {
    const dead = buryMessage(MESSAGE, { ...DEATH, error: 'x'.repeat(100_000) });

    assert.equal(readDeadLetter(dead)?.error.length, 2000);
  });

  it('with a note that somebody garbled is still understood', () => {
    const headers = { tscelery_dead_letter: { reason: 1, died_at: 'soon', deliveries: 'many' } };

    const letter = readDeadLetter({ ...MESSAGE, headers });

    assert.deepEqual(
      [letter?.reason, letter?.diedAt, letter?.deliveries],
      ['rejected', undefined, 1],
    );
  });
});

describe('a message that RabbitMQ dead-lettered', () => {
  const death = {
    count: 1n,
    reason: 'expired',
    queue: 'q',
    time: new Date(1_700_000_000_000),
    exchange: 'e',
    'routing-keys': ['k', 'bcc'],
  };

  it('tells of its last death', () => {
    const letter = readDeadLetter(brokerDeath(death, { ...death, reason: 'rejected' }));

    assert.deepEqual(letter, {
      by: 'broker',
      reason: 'expired',
      error: '',
      diedAt: 1_700_000_000,
      queue: 'q',
      exchange: 'e',
      routingKey: 'k',
      deliveries: 1,
      worker: '',
      isBareText: false,
    });
  });

  it('counts the deliveries that a quorum queue noted', () => {
    const message = brokerDeath({ ...death, reason: 'delivery_limit' });
    message.headers['x-delivery-count'] = 3;

    assert.equal(readDeadLetter(message)?.deliveries, 4);
  });

  it('only because it waited for its time is no dead letter', () => {
    const waited = { ...death, queue: 'celery_delayed_3' };

    assert.equal(readDeadLetter(brokerDeath(waited)), undefined);
    assert.equal(readDeadLetter(brokerDeath(waited, death))?.queue, 'q');
  });

  it('is revived without those headers', () => {
    assert.deepEqual(reviveMessage(brokerDeath(death)), MESSAGE);
  });
});

describe('headers of a message', () => {
  it('that never died are nobody’s letter, and stay as they are', () => {
    assert.equal(readDeadLetter(MESSAGE), undefined);
    assert.equal(readDeadLetter({ ...MESSAGE, headers: { 'x-death': 'text' } }), undefined);
    assert.deepEqual(publishedHeaders(MESSAGE.headers), MESSAGE.headers);
  });
});
