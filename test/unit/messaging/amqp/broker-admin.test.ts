import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelError } from '../../../../src/drivers/errors.ts';
import { AmqpBrokerAdmin } from '../../../../src/messaging/amqp/broker-admin.ts';
import { operationError } from '../../../../src/messaging/amqp/errors.ts';
import { DEFAULT_EXCHANGE, exchange, queue } from '../../../../src/messaging/entities.ts';
import { delivered, MadeChannel, madeAdmin, messageFor, replyError, URLS } from './made-channel.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

function setup(answers?: Parameters<typeof madeAdmin>[0]) {
  const made = madeAdmin(answers);
  const channels: MadeChannel[] = [];
  const published: string[] = [];
  const admin = new AmqpBrokerAdmin(made.admin, {
    async openChannel() {
      channels.push(new MadeChannel());
      return channels.at(-1)!.port;
    },
    publish: async (_, { routingKey }) => void published.push(routingKey),
    toError: (error, doing) => operationError(error, doing, URLS),
  });
  return { ...made, admin, channels, published };
}

/** A message that was taken from `q`, and the channel that holds it. */
async function taken() {
  const { admin, channels } = setup();
  const asked = admin.get('q');
  await turn();
  const [channel] = channels as [MadeChannel];
  channel.asked[0]!.answer(null, delivered({ fields: { deliveryTag: 5, routingKey: 'k' } }));
  const delivery = (await asked)!;
  return { admin, channel, delivery };
}

describe('administration of RabbitMQ', () => {
  test('declares a queue as it is given, and tells what is in it', async () => {
    const { admin, notes } = setup(() => ({ messageCount: 3, consumerCount: 1 }));

    const counts = await admin.declareQueue(queue('q', { durable: false }), false);

    assert.deepEqual(counts, { messages: 3, consumers: 1 });
    assert.deepEqual(notes(), [
      'assertQueue q {"durable":false,"exclusive":false,"autoDelete":false,"arguments":{}}',
    ]);
  });

  test('only looks when it is asked to do that', async () => {
    const { admin, notes } = setup(() => ({ messageCount: 0, consumerCount: 0 }));

    await admin.declareQueue(queue('q'), true);
    await admin.declareExchange(exchange('e'), true);

    assert.deepEqual(notes(), ['checkQueue q', 'checkExchange e']);
  });

  test('does one thing at a time with names in the words of AMQP', async () => {
    const { admin, notes, doings } = setup(() => ({ messageCount: 4 }));

    await admin.declareExchange(exchange('e', 'topic', { autoDelete: true }), false);
    await admin.bindQueue('q', exchange('e'), 'k');
    const count = await admin.deleteQueue('q', { ifUnused: true, ifEmpty: false });
    await admin.deleteExchange('e', true);

    assert.deepEqual(notes(), [
      'assertExchange e topic {"durable":true,"autoDelete":true,"arguments":{}}',
      'bindQueue q e k {}',
      'deleteQueue q {"ifUnused":true,"ifEmpty":false}',
      'deleteExchange e {"ifUnused":true}',
    ]);
    assert.equal(count, 4);
    assert.deepEqual(doings, [
      'declaring exchange "e"',
      'binding queue "q" to exchange "e"',
      'deleting queue "q"',
      'deleting exchange "e"',
    ]);
  });

  test('publishes to an exchange that is there only', async () => {
    const { admin, published } = setup(() => new ChannelError('no exchange e'));
    const to = { exchange: exchange('e'), routingKey: 'k' };

    await assert.rejects(admin.publish(messageFor(), to, {}), /no exchange e/);
    assert.deepEqual(published, []);
    await admin.publish(messageFor(), { exchange: DEFAULT_EXCHANGE, routingKey: 'q' }, {});

    assert.deepEqual(published, ['q']);
  });
});

describe('a message that is taken by hand', () => {
  test('is shown with where it was', async () => {
    const { delivery } = await taken();

    const { tag, queue: from, routingKey, settled } = delivery;
    assert.deepEqual([tag, from, routingKey, settled], ['5', 'q', 'k', false]);
  });

  test('is none when the queue is empty', async () => {
    const { admin, channels } = setup();
    const asked = admin.get('q');
    await turn();

    channels[0]!.asked[0]!.answer(null, false);

    assert.equal(await asked, undefined);
    assert.deepEqual(channels[0]!.asked[0]!.args, ['q', { noAck: false }]);
  });

  for (const [words, settle, name, ...rest] of [
    ['acknowledged', 'ack', 'ack'],
    ['given back', 'requeue', 'reject', true],
    ['dropped', 'drop', 'reject', false],
  ] as const) {
    test(`is ${words} when the broker has read that`, async () => {
      const { channel, delivery } = await taken();

      const settled = settle === 'ack' ? delivery.ack() : delivery.reject(settle === 'requeue');
      await turn();
      const [, settling, fence] = channel.asked;
      assert.deepEqual([settling!.name, ...settling!.args.slice(1)], [name, ...rest]);
      assert.equal(fence!.name, 'prefetch');
      fence!.answer(null);

      await settled;
    });
  }

  test('tells when it could not be settled', async () => {
    const { channel, delivery } = await taken();

    const settled = delivery.ack();
    await turn();
    channel.end(replyError(406, 'PRECONDITION_FAILED - unknown delivery tag 5'));

    await assert.rejects(settled, {
      name: 'ChannelError',
      message: 'Error settling a message: PRECONDITION_FAILED - unknown delivery tag 5.',
    });
  });

  test('goes back to its queue with the channel that holds it', async () => {
    const { admin, channel } = await taken();

    await admin.close();
    await admin.close();

    assert.equal(channel.isClosed, true);
    assert.equal(channel.names.filter(name => name === 'close').length, 1);
  });

  test('cannot be taken from a queue that is not there, and another can be then', async () => {
    const { admin, channels } = setup();
    const first = admin.get('q');
    await turn();
    channels[0]!.end(replyError(404, "NOT_FOUND - no queue 'q'"));
    await assert.rejects(first, {
      name: 'ChannelError',
      message: `Error taking a message from queue "q": NOT_FOUND - no queue 'q'.`,
    });

    const second = admin.get('other');
    await turn();
    channels[1]!.asked[0]!.answer(null, delivered());

    assert.equal((await second)?.queue, 'other');
  });

  test('leaves no listener behind with each one that is taken', async () => {
    const { admin, channels } = setup();

    for (let n = 0; n < 20; n++) {
      const asked = admin.get('q');
      await turn();
      channels[0]!.asked[n]!.answer(null, false);
      await asked;
    }

    assert.equal(channels[0]!.listenerCount('error'), 1);
  });
});
