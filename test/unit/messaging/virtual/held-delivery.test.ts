import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeldDelivery } from '../../../../src/messaging/virtual/held-delivery.ts';
import { readEnvelope } from '../../../../src/messaging/virtual/read-envelope.ts';
import { encodeEnvelope } from '../../../../src/wire/messages/envelope.ts';
import { buildTaskMessage } from '../../../../src/wire/messages/task-message.ts';

const MESSAGE = buildTaskMessage({ task: 't', id: '1', args: [], kwargs: {} });
const TEXT = encodeEnvelope(MESSAGE, { exchange: 'news', routingKey: 'a.b', deliveryTag: 'd' });

function setup() {
  const notes: string[] = [];
  const delivery = new HeldDelivery('t', readEnvelope('q', TEXT), 7, async ({ place }, how) => {
    notes.push(`${place} ${how}`);
  });
  return { notes, delivery };
}

describe('a delivery of a broker without acknowledgements of its own', () => {
  for (const [requeue, options, how] of [
    [false, undefined, 'drop'],
    [false, { first: true, counted: true }, 'drop'],
    [true, undefined, 'requeue'],
    [true, {}, 'requeue'],
    [true, { counted: true }, 'recount'],
    [true, { first: true }, 'putBack'],
  ] as const) {
    test(`rejected with ${requeue} and ${JSON.stringify(options)} is settled by ${how}`, async () => {
      const { delivery, notes } = setup();

      await delivery.reject(requeue, options);

      assert.deepEqual([notes, delivery.settled], [[`7 ${how}`], true]);
    });
  }

  test('is settled once, as was said first', async () => {
    const { delivery, notes } = setup();

    await Promise.all([delivery.ack(), delivery.reject(true), delivery.ack()]);

    assert.deepEqual(notes, ['7 ack']);
  });

  test('is let go of once, and not settled after that', async () => {
    const { delivery, notes } = setup();

    assert.deepEqual([delivery.abandon(), delivery.abandon()], [true, false]);
    await delivery.ack();

    assert.deepEqual([notes, delivery.settled], [[], true]);
  });

  test('cannot be let go of when it was settled', async () => {
    const { delivery } = setup();
    await delivery.ack();

    assert.equal(delivery.abandon(), false);
  });

  test('is settled from the start without anybody to tell', async () => {
    const delivery = new HeldDelivery('t', readEnvelope('q', TEXT), 7);

    await delivery.reject(true);

    assert.equal(delivery.settled, true);
  });
});

describe('what is read from a queue', () => {
  test('says where it was sent, and keeps its text', () => {
    const { queue, exchange, routingKey, redelivered, raw, problem } = readEnvelope('q', TEXT);

    assert.deepEqual([queue, exchange, routingKey, redelivered], ['q', 'news', 'a.b', false]);
    assert.deepEqual([raw, problem], [TEXT, undefined]);
  });

  for (const raw of ['', 'null', '[]', '{', '{"body": 5}', '\u0000', 'x'.repeat(100_000)]) {
    test(`is a message with a problem when it is ${JSON.stringify(raw.slice(0, 12))}`, () => {
      const { message, problem, routingKey } = readEnvelope('q', raw);

      assert.equal(problem?.name, 'DecodeError');
      assert.deepEqual([message.body, message.headers, routingKey], [raw, {}, 'q']);
    });
  }
});
