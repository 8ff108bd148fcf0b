import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lane, nameOf, type Sent } from '../../../../../src/messaging/amqp/publishing/lane.ts';
import { exchange } from '../../../../../src/messaging/entities.ts';
import type { Message } from '../../../../../src/wire/messages/message.ts';
import { MadeChannel, messageFor, replyError } from '../made-channel.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

function setup(frameMax?: number) {
  const channel = new MadeChannel(frameMax);
  const notes: string[] = [];
  const outcomes: string[] = [];
  const lane: Lane = new Lane(channel.port, {
    confirmed: (sent, error) => {
      const how = error ? 'refused' : sent.isReturned ? 'returned' : 'confirmed';
      notes.push(`${sent.destination.routingKey} ${how}`);
    },
    closed: (which, why, sent) => {
      assert.equal(which, lane);
      const left = sent.map(({ destination }) => destination.routingKey);
      notes.push(`closed ${why?.message ?? 'without a word'}: ${left}`);
    },
    lostError: () => new Error('lost'),
  });
  const send = (routingKey: string, more: Partial<Sent> & { message?: Message } = {}) => {
    const sent: Sent = {
      ...{ message: messageFor(), unroutable: 'reject', at: performance.now(), isReturned: false },
      destination: { exchange: exchange(''), routingKey },
      resolve: () => void outcomes.push(`${routingKey} resolved`),
      reject: error => void outcomes.push(`${routingKey} ${error.name}: ${error.message}`),
      ...more,
    };
    lane.send(sent);
    return sent;
  };
  const returned = (routingKey: string, correlationId: unknown, exchangeName = '') =>
    channel.emit('return', {
      fields: { exchange: exchangeName, routingKey },
      properties: { correlationId },
    });
  const answer = (at: number, error: Error | null = null) => channel.asked[at]!.answer(error);
  return { channel, lane, notes, outcomes, send, returned, answer };
}

describe('messages on their way to the broker', () => {
  test('go out as they come, without waiting for each other', () => {
    const { channel, lane, send } = setup();

    send('a');
    send('b', { unroutable: 'ignore' });

    const said = channel.asked.map(({ args: [to, key, , options] }) => [
      ...[to, key, (options as { mandatory: boolean }).mandatory],
    ]);
    assert.deepEqual(said, [
      ['', 'a', true],
      ['', 'b', false],
    ]);
    assert.equal(lane.isIdle, false);
  });

  test('are told of one by one, whatever the broker says first', () => {
    const { lane, send, answer, notes } = setup();
    for (const key of ['a', 'b', 'c']) send(key);

    answer(1);
    answer(0, new Error('nack'));
    answer(2);

    assert.deepEqual(notes, ['b confirmed', 'a refused', 'c confirmed']);
    assert.equal(lane.isIdle, true);
  });

  test('are told of once, should the broker confirm one twice', () => {
    const { send, answer, notes } = setup();
    send('a');

    answer(0);
    answer(0);

    assert.deepEqual(notes, ['a confirmed']);
  });

  test('that no queue gets are known by where they went and what they are', () => {
    const { send, returned, answer, notes } = setup();
    send('a', { message: messageFor({ id: 'x' }) });
    send('a', { message: messageFor({ id: 'y' }) });

    returned('a', 'y');
    answer(0);
    answer(1);

    assert.deepEqual(notes, ['a confirmed', 'a returned']);
  });

  test('that are all alike come back one for one', () => {
    const { send, returned, answer, notes } = setup();
    for (const _ of [1, 2, 3]) send('a');

    returned('a', '1');
    returned('a', '1');
    for (const at of [0, 1, 2]) answer(at);

    assert.deepEqual(notes, ['a returned', 'a returned', 'a confirmed']);
  });

  for (const [words, key, id, name] of [
    ['another routing key', 'b', '1', ''],
    ['another exchange', 'a', '1', 'news'],
    ['another id', 'a', '2', ''],
  ] as const) {
    test(`are not taken for one with ${words} that came back`, () => {
      const { send, returned, answer, notes } = setup();
      send('a');

      returned(key, id, name);
      answer(0);

      assert.deepEqual(notes, ['a confirmed']);
    });
  }

  test('are not asked about when nobody minds that no queue gets them', () => {
    const { send, returned, answer, notes } = setup();
    send('a', { unroutable: 'ignore' });

    returned('a', '1');
    answer(0);

    assert.deepEqual(notes, ['a confirmed']);
  });
});

describe('a message that AMQP cannot carry', () => {
  test('is refused with its name, and the next one goes out', () => {
    const { lane, send, outcomes, channel } = setup();
    const message = messageFor();

    send('a', { message: { ...message, properties: { priority: 300 } } });
    send('b');

    assert.deepEqual(outcomes, [
      'a EncodeError: Cannot send the task t.add over AMQP: priority should be 0 to 255, not 300.',
    ]);
    assert.equal(channel.asked.length, 1);
    assert.equal(lane.isIdle, false);
  });

  test('may have headers that no frame of this broker has room for', () => {
    const { send, outcomes, channel } = setup(4096);
    const message = messageFor();

    send('a', { message: { ...message, headers: { x: 'y'.repeat(2000) } } });

    assert.deepEqual(channel.names, []);
    assert.deepEqual(outcomes, [
      'a EncodeError: Cannot send the message over AMQP: headers or arguments take more than 1096 bytes.',
    ]);
  });

  test('is none when its headers fit into a small frame', () => {
    const { send, outcomes, channel } = setup(4096);

    send('a', { message: { ...messageFor(), headers: { x: 'y' } } });

    assert.deepEqual([channel.names, outcomes], [['publish'], []]);
  });

  test('has the name of its task, if it has one', () => {
    assert.deepEqual([messageFor(), { ...messageFor(), headers: {} }].map(nameOf), [
      'task t.add',
      'message',
    ]);
  });
});

describe('a channel that ends', () => {
  test('hands over what was not confirmed, in the order in which it was sent', () => {
    const { channel, lane, send, answer, notes } = setup();
    for (const key of ['a', 'b', 'c']) send(key);
    answer(1);

    channel.end(replyError(406, 'too large'));

    assert.equal(
      notes[1],
      'closed Channel closed by server: 406 (X) with message "too large": a,c',
    );
    assert.equal(lane.isIdle, true);
  });

  test('says nothing more about what it handed over', () => {
    const { channel, send, answer, notes } = setup();
    send('a');
    channel.end();

    answer(0, new Error('channel closed'));

    assert.deepEqual(notes, ['closed without a word: a']);
  });

  test('takes nothing more', () => {
    const { channel, send, outcomes } = setup();
    channel.end();

    send('a');

    assert.deepEqual([channel.names, outcomes], [[], ['a Error: lost']]);
  });

  test('may end while a message is written, which is then lost and not impossible', () => {
    const { channel, send, outcomes } = setup();
    Object.assign(channel, {
      publish: () => {
        channel.end();
        throw new Error('IllegalOperationError: Channel closed');
      },
    });

    send('a');

    assert.deepEqual(outcomes, ['a Error: lost']);
  });

  test('is closed on purpose without another word', async () => {
    const { channel, lane, notes } = setup();

    lane.close();
    await turn();

    assert.deepEqual([channel.names, notes], [['close'], ['closed without a word: ']]);
  });

  test('has nothing to wait for while it is idle, and its confirmations when it is not', async () => {
    const { channel, lane, send } = setup();
    await lane.drained();
    send('a');

    let isDrained = false;
    const drained = lane.drained().then(() => {
      isDrained = true;
    });
    await turn();
    assert.deepEqual([channel.names, isDrained], [['publish', 'waitForConfirms'], false]);
    channel.asked[1]!.answer(null);

    await drained;
  });
});

describe('a broker that does not confirm', () => {
  const ago = (ms: number) => performance.now() - ms;
  const tooLate = () => new Error('too late');

  test('is waited for so long, beginning with each message', () => {
    const { lane, send, outcomes } = setup();
    send('a', { at: ago(5000) });
    send('b', { at: ago(1000) });

    lane.expire(3000, tooLate);

    assert.deepEqual(outcomes, ['a Error: too late']);
    assert.equal(lane.isIdle, false);
  });

  test('counts as silent although nobody waits any more', () => {
    const { lane, send } = setup();
    assert.equal(lane.unanswered, 0);
    send('a', { at: ago(5000) });
    assert.ok(lane.unanswered >= 5000);

    lane.expire(3000, tooLate);

    assert.equal(lane.isIdle, true);
    assert.ok(lane.unanswered >= 5000);
  });

  test('counts as answering again with its next confirmation', () => {
    const { lane, send, answer, notes } = setup();
    send('a', { at: ago(5000) });
    lane.expire(3000, tooLate);

    answer(0);

    assert.deepEqual([lane.unanswered, notes], [0, []], 'of a message that was given up');
  });
});
