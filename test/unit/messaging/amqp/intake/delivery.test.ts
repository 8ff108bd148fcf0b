import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AmqpDelivery } from '../../../../../src/messaging/amqp/intake/delivery.ts';
import { parkedMessage } from '../../../../../src/messaging/amqp/parking.ts';
import { exchange, type Queue, queue } from '../../../../../src/messaging/entities.ts';
import { delayedRoutingKey } from '../../../../../src/wire/messages/delayed-delivery.ts';
import { delivered, messageFor } from '../made-channel.ts';

/** A delivery over a channel that notes what is done with it. */
function setup(made: Parameters<typeof delivered>[0] = {}, home: Queue = queue('celery')) {
  const notes: string[] = [];
  const source = {
    number: 3,
    isLost: false,
    settle: async (_: AmqpDelivery, how: string) => void notes.push(how),
    park: async (_: AmqpDelivery, to: Queue, seconds: number) =>
      void notes.push(`park ${to.name} ${seconds}`),
  };
  return { notes, source, delivery: new AmqpDelivery(source, home, delivered(made)) };
}

describe('a delivery from RabbitMQ', () => {
  test('is known by its channel and its number on it', () => {
    const { delivery } = setup({ fields: { deliveryTag: 17, consumerTag: 'sub' } });

    assert.deepEqual([delivery.tag, delivery.number, delivery.subscription], ['3.17', 17, 'sub']);
    assert.deepEqual([delivery.queue, delivery.settled, delivery.lost], ['celery', false, false]);
  });

  test('is settled once, as was said first, and all who settle it hear the same', async () => {
    const { delivery, notes } = setup();

    const [first, second] = [delivery.reject(true), delivery.ack()];

    assert.equal(first, second);
    await first;
    assert.deepEqual([notes, delivery.settled], [['requeue'], true]);
  });

  for (const [requeue, options, how] of [
    [false, undefined, 'drop'],
    [false, { counted: true }, 'drop'],
    [true, undefined, 'requeue'],
    [true, { counted: true }, 'recount'],
    [true, { first: true }, 'putBack'],
  ] as const) {
    test(`rejected with ${requeue} and ${JSON.stringify(options)} is settled by ${how}`, async () => {
      const { delivery, notes } = setup();

      await delivery.reject(requeue, options);

      assert.deepEqual(notes, [how]);
    });
  }

  test('of a queue without acknowledgements is settled from the start', async () => {
    const { delivery, notes } = setup({}, queue('celery', { noAck: true }));

    await delivery.ack();

    assert.deepEqual([notes, delivery.settled, delivery.park], [[], true, undefined]);
  });

  test('that its consumer let go of is not settled any more', async () => {
    const { delivery, notes } = setup();

    delivery.abandon();
    await delivery.ack();
    await delivery.park?.(5);

    assert.deepEqual([notes, delivery.settled], [[], true]);
  });

  test('is lost with its channel while it is out, and unheard when it was settled', async () => {
    const { delivery, source } = setup();

    source.isLost = true;
    assert.deepEqual([delivery.lost, delivery.unheard], [true, false]);
    await delivery.ack();

    assert.deepEqual([delivery.lost, delivery.unheard], [false, true]);
  });

  test('is parked in its own queue where that is possible', async () => {
    const { delivery, notes } = setup();

    await delivery.park?.(60);

    assert.deepEqual([notes, delivery.settled], [['park celery 60'], false]);
  });

  test('cannot be parked in a queue that may be gone by then', () => {
    assert.equal(setup({}, queue('celery', { autoDelete: true })).delivery.park, undefined);
  });

  test('is counted by the broker in quorum queues alone', () => {
    const quorum = queue('celery', { queueArguments: { 'x-queue-type': 'quorum' } });

    assert.deepEqual(
      [setup().delivery, setup({}, quorum).delivery].map(each => each.isCountedByBroker),
      [false, true],
    );
  });

  test('came before when the broker says so, or a count of ours', () => {
    const counted = { properties: { headers: { 'x-delivery-count': 1 } } };

    assert.equal(setup().delivery.redelivered, false);
    assert.equal(setup({ fields: { redelivered: true } }).delivery.redelivered, true);
    assert.equal(setup(counted).delivery.redelivered, true);
  });
});

describe('a delivery that waited in the broker', () => {
  test('says where it was sent when it was parked', () => {
    const message = messageFor();
    const { headers } = parkedMessage({ exchange: 'news', routingKey: 'a.b', message });

    const { delivery } = setup({ properties: { headers } });

    assert.deepEqual([delivery.exchange, delivery.routingKey], ['news', 'a.b']);
    assert.equal('tscelery_parked' in delivery.message.headers, false);
  });

  test('says where it was sent when its delivery was delayed', () => {
    const home = queue('celery', { exchange: exchange('news', 'topic') });
    const fields = { exchange: 'celery_delayed_delivery', routingKey: delayedRoutingKey(9, 'a.b') };

    const { delivery } = setup({ fields }, home);

    assert.deepEqual([delivery.exchange, delivery.routingKey], ['news', 'a.b']);
  });

  for (const fields of [
    { exchange: 'celery_delayed_delivery', routingKey: 'a.b' },
    { exchange: 'celery_delayed_other', routingKey: delayedRoutingKey(9, 'a.b') },
    { exchange: 'news', routingKey: delayedRoutingKey(9, 'a.b') },
  ]) {
    test(`is none from ${fields.exchange} with ${fields.routingKey.slice(0, 5)}`, () => {
      const { delivery } = setup({ fields });

      assert.deepEqual(
        [delivery.exchange, delivery.routingKey],
        [fields.exchange, fields.routingKey],
      );
    });
  }
});
