import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operationError } from '../../../../../src/messaging/amqp/errors.ts';
import {
  AmqpConsumer,
  type ConsumerHost,
} from '../../../../../src/messaging/amqp/intake/consumer.ts';
import { type Delivery, TAKE_NOTHING } from '../../../../../src/messaging/contract.ts';
import { type Queue, queue } from '../../../../../src/messaging/entities.ts';
import { type Asked, delivered, MadeChannel, replyError, URLS } from '../made-channel.ts';

const turn = async () => {
  for (let n = 0; n < 5; n++) await new Promise(resolve => setImmediate(resolve));
};

/** A broker that says yes to all that `held` does not hold back, and a consumer of it. */
function setup({ prefetch = 4, isShared = false, hasChannelQos = true } = {}) {
  const channels: MadeChannel[] = [];
  const notes: string[] = [];
  const got: Delivery[] = [];
  const state = { isConnected: true, heldBack: '' };
  let tags = 0;
  const answers = (name: string) => {
    if (name === state.heldBack) return undefined;
    return name === 'consume' ? { consumerTag: `sub${++tags}` } : {};
  };
  const host: ConsumerHost = {
    get isConnected() {
      return state.isConnected;
    },
    async openChannel() {
      channels.push(new MadeChannel());
      channels.at(-1)!.answers = answers;
      return channels.at(-1)!.port;
    },
    hasChannelQos,
    declare: async ({ name }: Queue) => void notes.push(`declare ${name}`),
    forget: ({ name }: Queue) => void notes.push(`forget ${name}`),
    putBackCounted: async () => {},
    park: async () => {},
    toError: (error, doing) => operationError(error, doing, URLS),
    warn: message => void notes.push(message),
    onConsuming: () => void notes.push('consuming'),
    ended: () => void notes.push('ended'),
  };
  const onDeliveries = (deliveries: Delivery[]) => void got.push(...deliveries);
  const consumer = new AmqpConsumer(host, { prefetch, onDeliveries }, isShared);
  /** What was asked since the last time, settlements aside, as one line each. */
  let seen = 0;
  const asked = (at = 0) => {
    const since = channels[at]!.asked.slice(seen);
    seen = channels[at]!.asked.length;
    return since
      .filter(({ name }) => name !== 'ack')
      .map(({ name, args }) => `${name} ${shown(args)}`.trim());
  };
  const named = (name: string, at = 0): Asked[] =>
    channels[at]!.asked.filter(each => each.name === name);
  /** The latest subscription brings messages. */
  let last = 0;
  const bring = async (count: number) => {
    const { args } = named('consume').at(-1)!;
    for (let n = 0; n < count; n++) {
      const fields = { deliveryTag: ++last, consumerTag: `sub${tags}` };
      (args[1] as (message: unknown) => void)(delivered({ fields }));
    }
    await turn();
  };
  return { consumer, channels, notes, got, state, asked, named, bring };
}

const shown = (args: readonly unknown[]) =>
  args.filter(arg => ['string', 'number', 'boolean'].includes(typeof arg)).join(' ');

describe('a consumer of one queue', () => {
  test('declares it, says how much it takes, and subscribes', async () => {
    const { consumer, notes, asked } = setup();

    await consumer.addQueue(queue('q'));
    await consumer.addQueue(queue('q'));

    assert.deepEqual(asked(), ['prefetch 4 false', 'consume q']);
    assert.deepEqual([notes, consumer.queues], [['declare q'], ['q']]);
  });

  test('takes more over a further subscription, and no more than it was told', async () => {
    const { consumer, asked } = setup();
    await consumer.addQueue(queue('q'));
    asked();

    consumer.setPrefetch(6);
    consumer.setPrefetch(6);
    await turn();

    assert.deepEqual(asked(), ['prefetch 2 false', 'consume q']);
  });

  test('takes less over a new subscription in the place of the old one', async () => {
    const { consumer, asked } = setup();
    await consumer.addQueue(queue('q'));
    asked();

    consumer.setPrefetch(1);
    await turn();

    assert.deepEqual(asked(), ['cancel sub1', 'prefetch 1 false', 'consume q']);
  });

  test('takes nothing more while that is wanted, and keeps what it has', async () => {
    const { consumer, asked, bring } = setup();
    await consumer.addQueue(queue('q'));
    await bring(2);
    asked();

    consumer.setPrefetch(TAKE_NOTHING);
    await turn();
    assert.deepEqual([asked(), consumer.held], [['cancel sub1'], 2]);
    consumer.setPrefetch(4);
    await turn();

    assert.deepEqual(asked(), ['prefetch 2 false', 'consume q'], 'two of the four are out');
  });

  test('takes without limit when it is told 0', async () => {
    const { consumer, asked } = setup({ prefetch: 0 });

    await consumer.addQueue(queue('q'));

    assert.deepEqual(asked(), ['prefetch 0 false', 'consume q']);
  });

  test('replaces its subscriptions before there are many', async () => {
    const { consumer, named } = setup({ prefetch: 1 });
    await consumer.addQueue(queue('q'));

    for (let count = 2; count <= 12; count++) {
      consumer.setPrefetch(count);
      await turn();
      assert.ok(named('consume').length - named('cancel').length <= 4);
    }
  });
});

describe('a consumer of several queues', () => {
  test('has one count for all of them where the broker knows that', async () => {
    const { consumer, asked } = setup({ isShared: true });

    await consumer.addQueue(queue('a'));
    await consumer.addQueue(queue('b'));
    consumer.setPrefetch(9);
    await turn();

    assert.deepEqual(asked(), ['prefetch 4 true', 'consume a', 'consume b', 'prefetch 9 true']);
  });

  for (const [words, options, home] of [
    ['of a broker that knows none', { hasChannelQos: false }, {}],
    ['when one is a quorum queue', {}, { queueArguments: { 'x-queue-type': 'quorum' } }],
    ['when one is declared by others', {}, { noDeclare: true }],
  ] as const) {
    test(`has a count for each ${words}`, async () => {
      const { consumer, channels, named } = setup({ isShared: true, ...options });

      await consumer.addQueue(queue('b', home));
      await consumer.addQueue(queue('a'));

      const at = channels.length - 1;
      assert.deepEqual(
        named('prefetch', at).map(({ args }) => args[1]),
        [false, false],
      );
    });
  }
});

describe('a queue that a consumer leaves', () => {
  test('is consumed no more, and can be consumed again', async () => {
    const { consumer, asked } = setup();
    await consumer.addQueue(queue('q'));
    await consumer.cancelQueue('q');
    await consumer.cancelQueue('q');
    assert.deepEqual(consumer.queues, []);

    await consumer.addQueue(queue('q'));

    assert.deepEqual(asked().slice(2), ['cancel sub1', 'prefetch 4 false', 'consume q']);
    assert.deepEqual(consumer.queues, ['q']);
  });

  test('is consumed again also when that is wanted before the broker has let go of it', async () => {
    const { consumer, state, named, asked } = setup();
    await consumer.addQueue(queue('q'));
    state.heldBack = 'cancel';
    const left = consumer.cancelQueue('q');
    await turn();

    const added = Promise.all([consumer.addQueue(queue('q')), consumer.addQueue(queue('q'))]);
    await turn();
    named('cancel')[0]!.answer(null, {});
    await Promise.all([left, added]);

    assert.deepEqual(consumer.queues, ['q']);
    assert.deepEqual(asked().slice(2), ['cancel sub1', 'prefetch 4 false', 'consume q']);
  });
});

describe('a consumer in trouble', () => {
  test('consumes a queue anew that was deleted under it, and tells so', async () => {
    const { consumer, notes, named } = setup();
    await consumer.addQueue(queue('q'));
    notes.length = 0;

    (named('consume')[0]!.args[1] as (message: null) => void)(null);
    await turn();

    assert.equal(named('consume').length, 2);
    assert.match(notes[1]!, /^The broker ended the subscription to queue "q"/);
    assert.deepEqual([notes[0], ...notes.slice(2)], ['forget q', 'declare q', 'consuming']);
  });

  test('consumes a queue anew that was deleted in the moment in which it began to', async () => {
    const { consumer, state, named } = setup();
    state.heldBack = 'consume';
    const added = consumer.addQueue(queue('q'));
    await turn();
    state.heldBack = '';

    // both in one packet
    named('consume')[0]!.answer(null, { consumerTag: 'first' });
    (named('consume')[0]!.args[1] as (message: null) => void)(null);
    await added;
    await turn();

    assert.equal(named('consume').length, 2);
  });

  test('says which queue brings nothing, until it does again', async () => {
    const { consumer, state, channels, named } = setup();
    await consumer.addQueue(queue('q'));
    assert.deepEqual(consumer.missing, []);
    state.heldBack = 'consume';
    (named('consume')[0]!.args[1] as (message: null) => void)(null);
    await turn();
    assert.deepEqual(consumer.missing, ['q']);

    named('consume')[1]!.answer(null, { consumerTag: 'new' });
    await turn();
    assert.deepEqual(consumer.missing, []);

    channels[0]!.end(replyError(406, 'PRECONDITION_FAILED - unknown delivery tag 9'));
    assert.deepEqual(consumer.missing, ['q']);
    await consumer.cancelQueue('q');
    assert.deepEqual(consumer.missing, []);
  });

  test('declares a queue again that was deleted while it took nothing', async () => {
    const { consumer, channels, notes, state, named } = setup();
    await consumer.addQueue(queue('q'));
    consumer.setPrefetch(TAKE_NOTHING);
    await turn();
    notes.length = 0;
    state.heldBack = 'consume';
    consumer.setPrefetch(4);
    await turn();

    const refusal = replyError(404, "NOT_FOUND - no queue 'q'");
    named('consume')[1]!.answer(refusal);
    channels[0]!.end(refusal);
    await turn();

    assert.ok(notes.includes('forget q'));
    assert.deepEqual(consumer.missing, ['q']);
    await consumer.close();
  });

  test('opens another channel when it lost one alone', async () => {
    const { consumer, channels, notes, named } = setup();
    await consumer.addQueue(queue('q'));
    notes.length = 0;

    channels[0]!.end(replyError(406, 'PRECONDITION_FAILED - unknown delivery tag 9'));
    await turn();

    assert.equal(named('consume', 1).length, 1);
    assert.match(
      notes[0]!,
      /^A channel was lost and is opened again\. .*unknown delivery tag 9\.$/,
    );
    assert.equal(notes.at(-1), 'consuming');
  });

  test('waits for a new connection when it lost that, and consumes again then', async () => {
    const { consumer, channels, state, notes, named, bring, got } = setup();
    await consumer.addQueue(queue('q'));
    await bring(1);
    state.isConnected = false;
    channels[0]!.end();
    await turn();
    assert.deepEqual([channels.length, consumer.held, got[0]!.lost], [1, 0, true]);

    state.isConnected = true;
    await consumer.recover();

    assert.deepEqual([named('consume', 1).length, notes.at(-1)], [1, 'consuming']);
    assert.equal(consumer.isRecovering, false);
  });

  test('is refused a queue, says why, and does not have it', async () => {
    const { consumer, state, named } = setup();
    state.heldBack = 'consume';
    const added = consumer.addQueue(queue('q'));
    added.catch(() => {});
    await turn();

    named('consume')[0]!.answer(replyError(403, 'ACCESS_REFUSED - no access to queue'));

    await assert.rejects(added, {
      name: 'AccessRefused',
      message: 'Error consuming queue "q": ACCESS_REFUSED - no access to queue.',
    });
    assert.deepEqual(consumer.queues, []);
    await consumer.close();
  });
});

describe('a consumer that is closed', () => {
  test('ends its subscriptions, puts back what is out, and is over once', async () => {
    const { consumer, asked, bring, notes } = setup();
    await consumer.addQueue(queue('q'));
    await bring(3);
    asked();

    assert.deepEqual(await Promise.all([consumer.close(), consumer.close()]), [3, 0]);

    assert.deepEqual(asked(), ['cancel sub1', 'nackAll true', 'close']);
    assert.equal(notes.filter(note => note === 'ended').length, 1);
  });

  test('takes nothing new after it was cancelled, whatever the prefetch count', async () => {
    const { consumer, asked, bring, got } = setup();
    await consumer.addQueue(queue('q'));
    await bring(1);
    await consumer.cancel();
    asked();

    consumer.setPrefetch(100);
    await turn();

    assert.deepEqual([asked(), consumer.held, got[0]!.settled], [[], 1, false]);
    await consumer.close();
  });
});
