import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelError, OperationalError, Unroutable } from '../../../../src/drivers/errors.ts';
import type { Declarations } from '../../../../src/messaging/amqp/declarations.ts';
import {
  canPark,
  PARKED,
  type Parkable,
  ParkingQueues,
  parkedMessage,
  parkingQueue,
  parkingSeconds,
  unparked,
} from '../../../../src/messaging/amqp/parking.ts';
import type { Publisher } from '../../../../src/messaging/amqp/publishing/publisher.ts';
import { type Queue, queue } from '../../../../src/messaging/entities.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';
import { messageFor } from './made-channel.ts';

describe('the time in a parking queue', () => {
  for (const [seconds, parked] of [
    [1, 1],
    [1.9, 1],
    [2, 2],
    [3.99, 2],
    [60, 32],
    [86_400, 65_536],
    [2 ** 21, 2 ** 21],
    [1e9, 2 ** 21],
  ] as const) {
    test(`is ${parked} s for a wait of ${seconds} s: a message may come back early, never late`, () => {
      assert.equal(parkingSeconds(seconds), parked);
      assert.ok(parked * 1000 < 2 ** 32, 'RabbitMQ takes no longer one');
    });
  }
});

describe('a parking queue', () => {
  test('sends its messages back to their queue, and outlives them by a day', () => {
    const { name, messageTtl, expires, durable, queueArguments } = parkingQueue(queue('q'), 8);

    assert.deepEqual(
      [name, messageTtl, expires, durable],
      ['tscelery.parked.q.8', 8, 86_408, true],
    );
    assert.deepEqual(queueArguments, {
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'q',
    });
  });

  test('of a quorum queue is one, too, and drops nothing that its queue cannot take yet', () => {
    const of = queue('q', { queueArguments: { 'x-queue-type': 'quorum' } });

    const { queueArguments } = parkingQueue(of, 1);

    assert.equal(queueArguments['x-queue-type'], 'quorum');
    assert.equal(queueArguments['x-dead-letter-strategy'], 'at-least-once');
    assert.equal(queueArguments['x-overflow'], 'reject-publish');
  });
});

describe('messages can be parked', () => {
  for (const [words, options, can] of [
    ['of a usual queue', {}, true],
    ['of a quorum queue', { queueArguments: { 'x-queue-type': 'quorum' } }, true],
    ['of a stream', { queueArguments: { 'x-queue-type': 'stream' } }, false],
    ['of a queue that a restart of the broker ends', { durable: false }, false],
    ['of one connection alone', { exclusive: true }, false],
    ['of a queue that goes with its consumers', { autoDelete: true }, false],
    ['without acknowledgements', { noAck: true }, false],
  ] as const) {
    test(`${words}: ${can ? 'yes' : 'no'}`, () => {
      assert.equal(canPark(queue('q', options)), can);
    });
  }
});

describe('a message that waits', () => {
  const arrival = (message: Message) => ({ exchange: 'news', routingKey: 'a.b', message });

  test('comes back as it was, from where it was sent', () => {
    const message = messageFor({ expires: 4e9 });
    const sent = { ...message, properties: { ...message.properties, expiration: '5000' } };

    const parked = parkedMessage(arrival(sent));
    const back = unparked({ exchange: '', routingKey: 'q', message: parked });

    assert.equal(parked.properties.expiration, undefined, 'or it would end there');
    assert.deepEqual(back, arrival(sent));
  });

  test('has no marks of its way, in which RabbitMQ would see a cycle', () => {
    const message = messageFor();
    const marked = { ...message.headers, 'x-death': [{}], 'x-delivery-count': 2, CC: ['other'] };

    const parked = parkedMessage(arrival({ ...message, headers: marked }));

    const kept = ['x-death', 'x-delivery-count', 'CC'].filter(name => name in parked.headers);
    assert.deepEqual(kept, []);
  });

  test('has no user, who would have to be the one that parks it', () => {
    const message = messageFor();
    const properties = { ...message.properties, user_id: 'somebody' };

    assert.equal(parkedMessage(arrival({ ...message, properties })).properties.user_id, undefined);
  });

  for (const note of [undefined, null, 'text', 7, []]) {
    test(`is not taken for one when its note is ${JSON.stringify(note)}`, () => {
      const message = messageFor();
      const odd = arrival({ ...message, headers: { ...message.headers, [PARKED]: note } });

      assert.equal(unparked(odd), odd);
    });
  }

  test('is where it came to when its note does not say where it was sent', () => {
    const message = messageFor();
    const headers = { ...message.headers, [PARKED]: { exchange: 'news', expiration: 5 } };

    const back = unparked(arrival({ ...message, headers }));

    assert.deepEqual([back.exchange, back.routingKey], ['news', 'a.b']);
    assert.equal(back.message.properties.expiration, undefined);
    assert.equal(PARKED in back.message.headers, false);
  });
});

/** A broker that notes, and fails as it is told. */
function setup() {
  const notes: string[] = [];
  const failures: Error[] = [];
  const acks: (Error | undefined)[] = [];
  const declarations = {
    declare: async ({ name }: Queue) => void notes.push(`declare ${name}`),
  } as unknown as Declarations;
  const publisher = {
    async publish(_: Message, { routingKey }: { routingKey: string }) {
      notes.push(`publish ${routingKey}`);
      const failure = failures.shift();
      if (failure) throw failure;
    },
  } as unknown as Publisher;
  const delivery = (more: Partial<Parkable> = {}): Parkable => ({
    ...{ queue: 'q', exchange: '', routingKey: 'q', redelivered: false, message: messageFor() },
    async ack() {
      notes.push('ack');
      const failure = acks.shift();
      if (failure) throw failure;
    },
    ...more,
  });
  const parking = new ParkingQueues(declarations, publisher);
  const park = (seconds = 5, more: Partial<Parkable> = {}) =>
    parking.park(delivery(more), queue('q'), seconds);
  return { parking, park, delivery, notes, failures, acks };
}

const P4 = 'tscelery.parked.q.4';

describe('parking', () => {
  test('acknowledges a message when the broker has its copy', async () => {
    const { park, notes } = setup();

    await park();

    assert.deepEqual(notes, [`declare ${P4}`, `publish ${P4}`, 'ack']);
  });

  test('declares a queue once in a while, and again on another connection', async () => {
    const { parking, park, notes } = setup();

    await park();
    await park();
    parking.forget();
    await park();

    assert.equal(notes.filter(note => note === `declare ${P4}`).length, 2);
  });

  for (const seconds of [0, 0.99, -1, Number.NaN]) {
    test(`is not for ${seconds} s`, async () => {
      const { park, notes } = setup();

      await assert.rejects(park(seconds), {
        name: 'RangeError',
        message: `A message cannot be parked for ${seconds} s.`,
      });
      assert.deepEqual(notes, []);
    });
  }

  test('makes a queue anew that somebody deleted', async () => {
    const { park, notes, failures } = setup();
    await park();
    notes.length = 0;
    failures.push(new Unroutable('gone'));

    await park();

    assert.deepEqual(notes, [`publish ${P4}`, `declare ${P4}`, `publish ${P4}`, 'ack']);
  });

  test('leaves a message where it is when its copy could not be made', async () => {
    const { park, notes, failures } = setup();
    failures.push(new OperationalError('lost'));

    await assert.rejects(park(), OperationalError);

    assert.equal(notes.includes('ack'), false);
  });

  test('gives up when the queue that it made anew is gone again', async () => {
    const { park, failures } = setup();
    failures.push(new Unroutable('gone'), new Unroutable('gone'));

    await assert.rejects(park(), Unroutable);
  });

  test('makes no second copy of a message that comes again as its ack was lost', async () => {
    const { park, notes, acks } = setup();
    acks.push(new ChannelError('the channel is gone'));
    await park();
    notes.length = 0;

    await park(5, { redelivered: true });
    await park(5, { redelivered: true });

    assert.deepEqual(notes, ['ack', `publish ${P4}`, 'ack']);
  });

  test('tells the retry of a task from what came before it', async () => {
    const { park, notes, acks } = setup();
    acks.push(new ChannelError('the channel is gone'));
    await park();
    notes.length = 0;

    await park(5, { redelivered: true, message: messageFor({ retries: 1 }) });

    assert.deepEqual(notes, [`publish ${P4}`, 'ack']);
  });

  test('remembers the queues that it declared within bounds, however many a worker gets', async () => {
    const { parking, delivery, notes } = setup();
    const declared = (name: string) =>
      notes.filter(note => note === `declare tscelery.parked.${name}.1`).length;

    for (let n = 0; n < 10_050; n++) await parking.park(delivery(), queue(`q${n}`), 1);
    for (const name of ['q0', 'q10049']) await parking.park(delivery(), queue(name), 1);

    assert.deepEqual([declared('q0'), declared('q10049')], [2, 1]);
  });

  test('makes a copy when the message was never parked, however often it was delivered', async () => {
    const { park, notes } = setup();

    await park(5, { redelivered: true });

    assert.equal(notes.includes(`publish ${P4}`), true);
  });
});
