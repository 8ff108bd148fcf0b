import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  RedisDelivery,
  redeliveredText,
  tagNumber,
} from '../../../../../src/messaging/redis/intake/delivery.ts';
import { decodeEnvelope } from '../../../../../src/wire/messages/envelope.ts';
import { deliveryNumber, envelopeText, SOURCE } from './made-deliveries.ts';

/** A delivery whose consumer notes how it is settled. */
function setup(raw = envelopeText()) {
  const verdicts: string[] = [];
  const settler = { settle: async (_: unknown, verdict: string) => void verdicts.push(verdict) };
  return { verdicts, delivery: deliveryNumber(7, settler, raw) };
}

describe('a delivery from Redis', () => {
  test('is read from its envelope', () => {
    const { delivery } = setup();

    const { exchange, routingKey, redelivered, problem, message } = delivery;
    assert.deepEqual(
      [exchange, routingKey, redelivered, problem],
      ['', 'celery', false, undefined],
    );
    assert.equal(message.headers.task, 't.add');
    assert.deepEqual([delivery.number, delivery.settled], [7, false]);
  });

  test('says that it came before', () => {
    assert.equal(setup(redeliveredText(envelopeText())).delivery.redelivered, true);
  });

  for (const raw of ['', 'hello', '[1]', '{}']) {
    test(`that is no envelope (${raw || 'empty'}) has its text for a body, and says what is wrong`, () => {
      const { delivery } = setup(raw);

      assert.equal(delivery.problem?.name, 'DecodeError');
      assert.equal(delivery.message.body, raw);
      assert.deepEqual([delivery.message.headers, delivery.routingKey], [{}, 'celery']);
    });
  }

  test('is settled once, as was said first', async () => {
    const { delivery, verdicts } = setup();

    await delivery.reject(true);
    await delivery.ack();
    await delivery.reject(false);

    assert.deepEqual([verdicts, delivery.settled], [['requeue'], true]);
  });

  test('is acknowledged when it is dropped: Redis has no dead letters', async () => {
    const { delivery, verdicts } = setup();

    await delivery.reject(false);

    assert.deepEqual(verdicts, ['ack']);
  });

  for (const [options, verdict] of [
    [{ counted: true }, 'recount'],
    [{ first: true }, 'putBack'],
  ] as const) {
    test(`is given back as ${verdict} when that is asked for`, async () => {
      const { delivery, verdicts } = setup();

      await delivery.reject(true, options);

      assert.deepEqual(verdicts, [verdict]);
    });
  }

  test('needs no settling when it was acknowledged on arrival', async () => {
    const { delivery, verdicts } = setup();

    delivery.ackedOnArrival();
    await delivery.ack();

    assert.deepEqual([verdicts, delivery.settled], [[], true]);
  });

  test('of a queue without acknowledgements is settled from the start', async () => {
    const delivery = new RedisDelivery(envelopeText(), 'consumer-1', SOURCE);

    await delivery.ack();

    assert.equal(delivery.settled, true);
  });
});

describe('the number of a tag', () => {
  test('follows the last dash', () => {
    assert.deepEqual(['a-1', 'a-b-c-12'].map(tagNumber), [1, 12]);
  });
});

describe('the text of a message that goes back', () => {
  test('is marked as delivered before, and counted when it came to harm', () => {
    const once = redeliveredText(envelopeText(), { counted: true });
    const twice = redeliveredText(once, { counted: true });

    const { redelivered, message } = decodeEnvelope(twice);
    assert.deepEqual([redelivered, message.headers['x-delivery-count']], [true, 2]);
    assert.equal(decodeEnvelope(redeliveredText(once)).message.headers['x-delivery-count'], 1);
  });

  test('stays as it is when it is no envelope', () => {
    assert.equal(redeliveredText('hello', { counted: true }), 'hello');
  });
});
