import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AmqpConnection } from '../../../../../src/messaging/amqp/driver.ts';
import { firstRefused, isSuspect } from '../../../../../src/messaging/amqp/publishing/suspects.ts';
import type { Message } from '../../../../../src/wire/messages/message.ts';
import { MadeChannel, messageFor, replyError } from '../made-channel.ts';

const MIB = 1024 * 1024;

describe('a message that a broker may refuse for what it is', () => {
  const base = messageFor();
  for (const [words, message, suspect] of [
    ['a usual one', base, false],
    ['a large one', { ...base, body: 'x'.repeat(4 * MIB) }, true],
    ['one that is nearly large', { ...base, body: 'x'.repeat(4 * MIB - 1) }, false],
    ['one for further queues', { ...base, headers: { ...base.headers, CC: ['b'] } }, true],
    ['one for hidden queues', { ...base, headers: { ...base.headers, BCC: ['b'] } }, true],
    ['one of a user', { ...base, properties: { user_id: 'me' } }, true],
    ['one of no user', { ...base, properties: { user_id: null } }, false],
    [
      'one for a direct reply',
      { ...base, properties: { reply_to: 'amq.rabbitmq.reply-to' } },
      true,
    ],
    ['one for a usual reply', { ...base, properties: { reply_to: 'amq.other' } }, false],
    ['one that lives for years', { ...base, properties: { expiration: '9999999999' } }, true],
    ['one that lives for a day', { ...base, properties: { expiration: '86400000' } }, false],
  ] as const) {
    test(`is ${suspect ? '' : 'not '}${words}`, () => {
      assert.equal(isSuspect(message as Message), suspect);
    });
  }
});

/** A broker that takes so many of these messages, and refuses the next. */
function setup(count: number) {
  const channel = new MadeChannel();
  const connection = {
    createChannel: (opened: (error: Error | null, channel: unknown) => void) =>
      opened(null, channel),
  } as unknown as AmqpConnection;
  const messages = Array.from({ length: count }, (_, n) => messageFor({ id: `${n}` }));
  const found = firstRefused(connection, messages);
  const sent = () => new Promise<void>(resolve => setImmediate(resolve));
  const takes = (n: number) => {
    for (let i = 0; i < n; i++) channel.emit('return', {});
  };
  return { channel, found, sent, takes };
}

describe('looking for the message that was refused', () => {
  for (const at of [0, 1, 2]) {
    test(`finds the one at ${at}, behind those that came back`, async () => {
      const { channel, found, sent, takes } = setup(3);
      await sent();

      takes(at);
      channel.end(replyError(406, 'PRECONDITION_FAILED - message size'));

      assert.equal(await found, at);
    });
  }

  test('finds none when the broker takes them all this time, and leaves no channel', async () => {
    const { channel, found, sent, takes } = setup(3);
    await sent();

    takes(3);

    assert.equal(await found, -1);
    assert.equal(channel.isClosed, true);
  });

  test('finds none when the connection ends meanwhile', async () => {
    const { channel, found, sent, takes } = setup(3);
    await sent();

    takes(1);
    channel.end();

    assert.equal(await found, -1);
  });

  test('sends them where no queue is, with a name that nobody can have', async () => {
    const { channel, found, sent, takes } = setup(2);
    await sent();

    for (const { args } of channel.asked) {
      const [exchange, routingKey, , { mandatory }] = args as [
        string,
        string,
        Buffer,
        { mandatory: boolean },
      ];
      assert.deepEqual([exchange, mandatory], ['', true]);
      assert.match(routingKey, /^tscelery\.nowhere\.[0-9a-f-]{36}$/);
    }
    takes(2);
    await found;
  });

  test('fails when there is no channel to be had', async () => {
    const connection = {
      createChannel: (opened: (error: Error) => void) => opened(new Error('no channels left')),
    } as unknown as AmqpConnection;

    await assert.rejects(firstRefused(connection, [messageFor()]), /no channels left/);
  });
});
