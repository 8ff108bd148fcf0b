import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Deferred, deferred } from '../../../../../src/base/deferred.ts';
import type { Declarations } from '../../../../../src/messaging/amqp/declarations.ts';
import type { Link } from '../../../../../src/messaging/amqp/link.ts';
import { Publisher } from '../../../../../src/messaging/amqp/publishing/publisher.ts';
import {
  DEFAULT_EXCHANGE,
  type Exchange,
  exchange,
} from '../../../../../src/messaging/entities.ts';
import type { Message } from '../../../../../src/wire/messages/message.ts';
import { eventually } from '../../../../support/eventually.ts';
import { MadeChannel, messageFor, replyError, URLS } from '../made-channel.ts';

const turn = async () => {
  for (let n = 0; n < 5; n++) await new Promise(resolve => setImmediate(resolve));
};

/** A connection that may be blocked, declarations that note, and channels that the test answers. */
function setup(confirmTimeout?: number) {
  const channels: MadeChannel[] = [];
  const notes: string[] = [];
  const ours = new Set<string>();
  const failures: Error[] = [];
  const open = (opened: (error: Error | null, channel?: unknown) => void) => {
    const failure = failures.shift();
    if (failure) return opened(failure);
    channels.push(new MadeChannel());
    opened(null, channels.at(-1));
  };
  const connection = { createConfirmChannel: open, createChannel: open };
  let block: Deferred<void> | undefined;
  const link = {
    ...{ connection, connect: async () => connection, blockedBecause: 'low on disk' },
    get isBlocked() {
      return block !== undefined;
    },
    unblocked: async () => block?.promise,
  } as unknown as Link;
  const declarations = {
    provide: async ({ name }: Exchange) => void notes.push(`provide ${name}`),
    hasQueue: (name: string) => ours.has(name),
    declareAgain: async (name: string) => void notes.push(`declare ${name} again`),
    forgetExchange: (name: string) => void notes.push(`forget ${name}`),
  } as unknown as Declarations;
  const publisher = new Publisher(link, declarations, URLS, confirmTimeout);
  const outcomes: string[] = [];
  const publish = (
    id: string,
    more: { exchange?: Exchange; key?: string; mandatory?: boolean; message?: Message } = {},
  ) => {
    const { exchange: to = DEFAULT_EXCHANGE, key: routingKey = 'q', mandatory = false } = more;
    const message = more.message ?? messageFor({ id });
    publisher.publish(message, { exchange: to, routingKey }, { mandatory }).then(
      () => outcomes.push(`${id} sent`),
      ({ name, message }: Error) => outcomes.push(`${id} ${name}: ${message}`),
    );
  };
  const sent = (at: number) => channels[at]!.asked.filter(({ name }) => name === 'publish');
  const returns = (at: number, id: string, key = 'q') =>
    channels[at]!.emit('return', {
      fields: { exchange: '', routingKey: key },
      properties: { correlationId: id },
    });
  const blocks = (isOn: boolean) => {
    block?.resolve();
    block = isOn ? deferred() : undefined;
  };
  return { publisher, publish, channels, notes, ours, failures, outcomes, sent, returns, blocks };
}

describe('publishing to RabbitMQ', () => {
  test('has a channel for each exchange, which is provided once', async () => {
    const { publish, channels, notes, sent } = setup();
    const news = exchange('news');

    for (const id of ['1', '2']) publish(id);
    for (const id of ['3', '4']) publish(id, { exchange: news });
    await turn();

    assert.deepEqual([channels.length, sent(0).length, sent(1).length], [2, 2, 2]);
    assert.deepEqual(notes, ['provide news']);
  });

  test('is over when the broker has confirmed', async () => {
    const { publish, sent, outcomes } = setup();
    for (const id of ['1', '2']) publish(id);
    await turn();
    assert.deepEqual(outcomes, []);

    sent(0)[0]!.answer(null);
    sent(0)[1]!.answer(new Error('nack'));
    await turn();

    assert.deepEqual(outcomes, [
      '1 sent',
      '2 OperationalError: The broker did not take the message.',
    ]);
  });

  test('says that no queue gets a message to who asks for that', async () => {
    const { publish, sent, returns, outcomes } = setup();
    publish('1', { mandatory: true });
    await turn();

    returns(0, '1');
    sent(0)[0]!.answer(null);
    await turn();

    assert.deepEqual(outcomes, [
      '1 Unroutable: No queue gets the message: exchange "", routing key "q".',
    ]);
  });

  test('makes a queue of ours anew that somebody deleted, and sends the message there', async () => {
    const { publish, sent, returns, outcomes, notes, ours } = setup();
    ours.add('q');
    publish('1');
    await turn();

    returns(0, '1');
    sent(0)[0]!.answer(null);
    await turn();
    sent(0)[1]!.answer(null);
    await turn();

    assert.deepEqual([notes, outcomes], [['declare q again'], ['1 sent']]);
  });

  test('goes one by one over a channel of its own with what may be refused for what it is', async () => {
    const { publish, channels, sent, outcomes } = setup();
    const suspect = { ...messageFor(), properties: { user_id: 'me' } };
    publish('1', { message: suspect });
    publish('2', { message: suspect });
    publish('3');
    await turn();
    assert.deepEqual([channels.length, sent(0).length, sent(1).length], [2, 1, 1]);

    const ofUser = (at: number) => (sent(at)[0]!.args[3] as { userId?: string }).userId === 'me';
    const at = [0, 1].find(ofUser)!;
    sent(at)[0]!.answer(null);
    await turn();

    assert.deepEqual([sent(at).length, outcomes], [2, ['1 sent']]);
  });

  test('fails when there is no channel to be had, and is tried anew the next time', async () => {
    const { publish, failures, sent, outcomes } = setup();
    failures.push(new Error('no channels left'));
    publish('1');
    await turn();

    publish('2');
    await turn();
    sent(0)[0]!.answer(null);
    await turn();

    assert.deepEqual(outcomes, [
      '1 OperationalError: Error publishing: no channels left',
      '2 sent',
    ]);
  });

  test('closes idle channels beyond 64, but for that of the nameless exchange', async () => {
    const { publish, channels, sent } = setup();
    publish('0');
    for (let n = 1; n <= 70; n++) {
      publish(`${n}`, { exchange: exchange(`e${n}`) });
      await turn();
      for (const each of sent(n)) each.answer(null);
    }

    const open = channels.filter(({ isClosed }) => !isClosed);
    assert.deepEqual([open.length, channels[0]!.isClosed], [64, false]);
  });
});

describe('a channel that the broker closes', () => {
  test('over a lost connection leaves it unknown what became of its messages', async () => {
    const { publish, channels, outcomes } = setup();
    publish('1');
    await turn();

    channels[0]!.end();
    await turn();

    assert.deepEqual(outcomes, [
      '1 OperationalError: The connection was lost before a message was confirmed.',
    ]);
  });

  test('over an exchange that is gone fails all that went there, and has it declared again', async () => {
    const { publish, channels, outcomes, notes } = setup();
    for (const id of ['1', '2']) publish(id, { exchange: exchange('news') });
    await turn();

    channels[0]!.end(replyError(404, "NOT_FOUND - no exchange 'news' in vhost '/'"));
    await turn();
    publish('3', { exchange: exchange('news') });
    await turn();

    assert.deepEqual(outcomes, [
      '1 ChannelError: There is no exchange "news".',
      '2 ChannelError: There is no exchange "news".',
    ]);
    assert.deepEqual(notes, ['provide news', 'forget news', 'provide news']);
  });

  test('over the only message of it fails that one', async () => {
    const { publish, channels, outcomes } = setup();
    publish('1');
    await turn();

    channels[0]!.end(replyError(406, 'PRECONDITION_FAILED - message size 9 is too large'));
    await turn();

    assert.deepEqual(outcomes, [
      '1 ChannelError: Error publishing the task t.add: PRECONDITION_FAILED - message size 9 is too large.',
    ]);
  });

  test('over one of several has that one sought out, and those behind it sent again', async () => {
    const { publish, channels, sent, outcomes } = setup();
    for (const id of ['1', '2', '3']) publish(id);
    await turn();
    const refusal = replyError(406, 'PRECONDITION_FAILED - no');

    channels[0]!.end(refusal);
    await turn();
    channels[1]!.emit('return', {});
    channels[1]!.end(refusal);
    await turn();
    sent(2)[0]!.answer(null);
    await turn();

    assert.deepEqual(outcomes, [
      '1 sent',
      '2 ChannelError: Error publishing the task t.add: PRECONDITION_FAILED - no.',
      '3 sent',
    ]);
  });

  test('over a topic that this user may not write to fails the messages of that key', async () => {
    const { publish, channels, sent, outcomes } = setup();
    const news = exchange('news', 'topic');
    for (const [id, key] of [
      ['1', 'a'],
      ['2', 'b'],
      ['3', 'a'],
      ['4', 'b'],
    ]) {
      publish(id!, { exchange: news, key: key! });
    }
    await turn();

    channels[0]!.end(
      replyError(403, "ACCESS_REFUSED - write access to topic 'b' in exchange 'news' refused"),
    );
    await turn();
    for (const each of sent(1)) each.answer(null);
    await turn();

    assert.deepEqual(outcomes.map(each => each.split(':')[0]).sort(), [
      '1 sent',
      '2 AccessRefused',
      '3 sent',
      '4 AccessRefused',
    ]);
  });
});

describe('a broker that has blocked the connection', () => {
  test('is sent nothing until it takes messages again', async () => {
    const { publish, blocks, channels, sent, outcomes } = setup();
    blocks(true);
    publish('1');
    await turn();
    assert.equal(channels.length, 0);

    blocks(false);
    await turn();
    sent(0)[0]!.answer(null);
    await turn();

    assert.deepEqual(outcomes, ['1 sent']);
  });

  test('is waited for so long, and the message was not sent then', async () => {
    const { publish, blocks, channels, outcomes } = setup(0.01);
    blocks(true);
    publish('1');

    await eventually(() => outcomes.length === 1);

    assert.deepEqual(outcomes, [
      '1 OperationalError: The broker has blocked the connection (low on disk) and did not take the message within 0.01 s; it was not sent.',
    ]);
    assert.equal(channels.length, 0);
  });
});
