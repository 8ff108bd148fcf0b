import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Deferred, deferred } from '../../../../../src/base/deferred.ts';
import type { AmqpMessage } from '../../../../../src/messaging/amqp/driver.ts';
import { Intake, type QosScope } from '../../../../../src/messaging/amqp/intake/channel-intake.ts';
import type { AmqpDelivery } from '../../../../../src/messaging/amqp/intake/delivery.ts';
import { type Queue, queue } from '../../../../../src/messaging/entities.ts';
import { delivered, MadeChannel, replyError } from '../made-channel.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

/** A channel with one consumer, and what its owner hears of it. */
async function setup({ scope = 'channel' as QosScope, home = queue('celery') as Queue } = {}) {
  const channel = new MadeChannel();
  channel.answers = name => (name === 'consume' ? { consumerTag: 'sub' } : undefined);
  const got: AmqpDelivery[][] = [];
  const notes: string[] = [];
  const copies: Deferred<void>[] = [];
  const copy = () => {
    copies.push(deferred());
    return copies.at(-1)!.promise;
  };
  const intake = new Intake(channel.port, scope, {
    onDeliveries: deliveries => void got.push(deliveries),
    onCancelled: (name, tag) => void notes.push(`cancelled ${name} ${tag}`),
    onSettled: () => void notes.push('settled'),
    onLost: (_, error) => void notes.push(`lost: ${error.message}`),
    putBackCounted: copy,
    park: copy,
  });
  let tag = '';
  await intake.subscribe(home, begun => {
    tag = begun;
  });
  const deliver = channel.asked[0]!.args[1] as (message: AmqpMessage | null) => void;
  /** Brings messages up to this number, in one turn. */
  let last = 0;
  const bring = async (upTo: number) => {
    while (last < upTo) {
      deliver(delivered({ fields: { deliveryTag: ++last, consumerTag: 'sub' } }));
    }
    await turn();
    return got.flat();
  };
  /** The broker answers what was asked with this name. */
  const answer = (name: string) => {
    for (const each of channel.asked.filter(each => each.name === name)) each.answer(null);
  };
  const since = () => channel.names.slice(1);
  return { channel, intake, tag, deliver, bring, answer, got, notes, copies, since };
}

describe('a channel that brings messages', () => {
  test('hands over together what came in one turn', async () => {
    const { bring, got, intake, tag } = await setup();

    await bring(3);
    await bring(4);

    assert.deepEqual(
      got.map(batch => batch.map(({ number }) => number)),
      [[1, 2, 3], [4]],
    );
    assert.deepEqual([intake.held, tag], [4, 'sub']);
  });

  test('holds nothing of a queue without acknowledgements', async () => {
    const { bring, intake } = await setup({ home: queue('events', { noAck: true }) });

    const [delivery] = await bring(1);

    assert.deepEqual([intake.held, delivery!.settled], [0, true]);
  });

  test('tells that the broker ended its subscription', async () => {
    const { deliver, notes } = await setup();

    deliver(null);

    assert.deepEqual(notes, ['cancelled celery sub']);
  });

  test('tells deliveries of subscriptions that go on from those of others', async () => {
    const { bring, intake } = await setup();
    await bring(3);

    assert.deepEqual(intake.heldOf('celery', new Set(['sub'])), { live: 3, orphans: 0 });
    assert.deepEqual(intake.heldOf('celery', new Set(['new'])), { live: 0, orphans: 3 });
    assert.deepEqual(intake.heldOf('other', new Set(['sub'])), { live: 0, orphans: 0 });
  });

  for (const [scope, count, sent, isGlobal] of [
    ['channel', 10, 10, true],
    ['consumer', 10, 10, false],
    ['channel', 100_000, 65_535, true],
  ] as const) {
    test(`asks for ${count} messages per ${scope} with the number ${sent}`, async () => {
      const { intake, channel, answer } = await setup({ scope });

      const set = intake.setQos(count);
      answer('prefetch');
      await set;

      assert.deepEqual(channel.asked.at(-1)!.args, [sent, isGlobal]);
    });
  }

  test('fails to subscribe with what the broker says', async () => {
    const { channel, intake } = await setup();
    channel.answers = () => replyError(404, 'NOT_FOUND - no queue');

    await assert.rejects(
      intake.subscribe(queue('x'), () => assert.fail()),
      { code: 404 },
    );
  });

  test('ends a subscription when the broker has read that', async () => {
    const { channel, intake, answer } = await setup();

    const ended = intake.unsubscribe('sub');
    answer('cancel');
    await ended;

    assert.deepEqual(channel.asked.at(-1)!.args, ['sub']);
  });
});

describe('a delivery that is settled', () => {
  test('makes room at once, and is known when the broker has answered', async () => {
    const { bring, intake, answer, notes } = await setup({ scope: 'consumer' });
    const [delivery] = await bring(1);

    const settled = delivery!.ack();
    assert.deepEqual([intake.held, notes], [0, ['settled']]);
    await turn();
    assert.ok(intake.unanswered > 0);
    answer('prefetch');
    await settled;

    assert.equal(intake.unanswered, 0);
  });

  test('tells its consumer nothing when the whole channel has one prefetch count', async () => {
    const { bring, notes } = await setup();
    const [delivery] = await bring(1);

    void delivery!.ack();

    assert.deepEqual(notes, []);
  });

  test('waits for a new prefetch count to be there before it', async () => {
    const { bring, intake, since } = await setup();
    const [delivery] = await bring(1);
    intake.holdBack();

    void delivery!.ack();
    await turn();
    assert.deepEqual(since(), []);
    intake.release();

    assert.deepEqual(since(), ['ack', 'prefetch']);
  });

  test('with a count is acknowledged when a copy that counts is there', async () => {
    const { bring, copies, since } = await setup();
    const [delivery] = await bring(1);

    void delivery!.reject(true, { counted: true });
    await turn();
    assert.deepEqual(since(), []);
    copies[0]!.resolve();
    await turn();

    assert.deepEqual(since(), ['ack', 'prefetch']);
  });

  test('with a count goes back without one when the copy could not be made', async () => {
    const { bring, copies, channel } = await setup();
    const [delivery] = await bring(1);

    void delivery!.reject(true, { counted: true });
    copies[0]!.reject(new Error('lost'));
    await turn();

    assert.deepEqual(channel.asked[1]!.name, 'reject');
    assert.equal(channel.asked[1]!.args[1], true);
  });

  test('of a quorum queue is counted by the broker, and needs no copy', async () => {
    const home = queue('celery', { queueArguments: { 'x-queue-type': 'quorum' } });
    const { bring, copies, since } = await setup({ home });
    const [delivery] = await bring(1);

    void delivery!.reject(true, { counted: true });
    await turn();

    assert.deepEqual([copies.length, since()], [0, ['reject', 'prefetch']]);
  });
});

describe('a channel that is lost', () => {
  test('tells its owner why, holds nothing, and refuses what is settled then', async () => {
    const { bring, channel, intake, notes } = await setup();
    const [first, second] = await bring(2);

    channel.end(replyError(406, 'unknown delivery tag'));

    assert.match(notes[0]!, /^lost: .*unknown delivery tag/);
    assert.deepEqual([intake.isLost, intake.held, first!.lost], [true, 0, true]);
    await assert.rejects(first!.ack(), {
      name: 'ChannelError',
      message: 'The channel that the message came over is gone; the broker delivers it again.',
    });
    await assert.rejects(second!.park!(5), { name: 'ChannelError' });
  });

  test('says so itself when the broker does not', async () => {
    const { channel, notes } = await setup();

    channel.end();

    assert.deepEqual(notes, ['lost: the channel was closed']);
  });

  test('hands over nothing that came in its last turn', async () => {
    const { channel, deliver, got } = await setup();

    deliver(delivered());
    channel.end();
    await turn();

    assert.deepEqual(got, []);
  });
});

describe('a channel that is closed', () => {
  test('puts back what is held, and says how much that was', async () => {
    const { bring, intake, since } = await setup();
    const [first] = await bring(2);

    const closed = intake.close();
    await turn();

    assert.deepEqual([await closed, since()], [2, ['nackAll', 'close']]);
    await first!.ack();
    assert.deepEqual(since(), ['nackAll', 'close'], 'it is not ours to settle any more');
  });

  test('puts nothing back when nothing is held', async () => {
    const { intake, since } = await setup();

    assert.equal(await intake.close(), 0);
    assert.deepEqual(since(), ['close']);
  });

  test('has the broker read what was settled before', async () => {
    const { bring, intake, answer, since } = await setup();
    const [first] = await bring(2);
    void first!.ack();

    const closed = intake.close();
    await turn();
    assert.deepEqual(since(), ['ack', 'prefetch']);
    answer('prefetch');

    assert.equal(await closed, 1);
  });

  test('waits for copies that are on their way, so that no message comes twice', async () => {
    const { bring, intake, copies, answer, since } = await setup();
    const [delivery] = await bring(1);
    void delivery!.reject(true, { counted: true });

    const closed = intake.close();
    await turn();
    assert.deepEqual(since(), []);
    copies[0]!.resolve();
    await turn();
    answer('prefetch');

    assert.equal(await closed, 0);
    assert.deepEqual(since(), ['ack', 'prefetch', 'close']);
  });

  test('is closed already when it was lost', async () => {
    const { bring, channel, intake } = await setup();
    await bring(1);
    channel.end();

    assert.equal(await intake.close(), 0);
  });

  test('may be lost while it is waited for', async () => {
    const { bring, channel, intake } = await setup();
    const [first] = await bring(2);
    void first!.ack();
    const closed = intake.close();
    await turn();

    channel.end();

    assert.equal(await closed, 0);
  });
});
