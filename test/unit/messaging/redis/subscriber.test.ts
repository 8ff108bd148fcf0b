import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { redisError } from '../../../../src/drivers/redis/client.ts';
import { readRedisOptions } from '../../../../src/messaging/redis/options.ts';
import type { RedisSession } from '../../../../src/messaging/redis/server-session.ts';
import { Subscriber } from '../../../../src/messaging/redis/subscriber.ts';
import { MadeClient, replyError, turn } from './made-client.ts';

/** A subscriber whose connections come up at once. */
function setup(transportOptions: Record<string, unknown> = {}) {
  const options = readRedisOptions({ transportOptions, connectTimeout: 1, useSsl: false });
  const clients: MadeClient[] = [];
  const warnings: string[] = [];
  const answering = { answers: (_name: string, _args: readonly unknown[]): unknown => 1 };
  const session = {
    options,
    linkBase: () => ({
      makeClient: () => {
        const client = new MadeClient();
        client.answers = (...asked) => answering.answers(...asked);
        client.connecting.resolve();
        clients.push(client);
        return client.port;
      },
      connectTimeout: 1,
      toError: (error: unknown, doing: string) => redisError(error, [], doing),
    }),
    warn: (text: string) => void warnings.push(text),
  } as unknown as RedisSession;
  const subscriber = new Subscriber(session);
  const heard: string[][] = [];
  const onMessages = (texts: string[]) => void heard.push(texts);
  return { subscriber, clients, warnings, answering, heard, onMessages };
}

describe('listening to Redis', () => {
  test('asks for a channel by its name where that will do', async () => {
    const { subscriber, clients, onMessages } = setup();

    await subscriber.subscribe('/0.all', onMessages);
    await subscriber.subscribe('/0.odd\\[1\\]', onMessages);
    await subscriber.subscribe('/0.all/*', onMessages);

    assert.equal(clients.length, 1);
    assert.deepEqual(clients[0]!.asked, [
      'subscribe /0.all',
      'subscribe /0.odd[1]',
      'psubscribe /0.all/*',
    ]);
    await subscriber.close();
  });

  test('asks once for what several listen to', async () => {
    const { subscriber, clients, onMessages } = setup();

    await Promise.all([subscriber.subscribe('a', onMessages), subscriber.subscribe('a', () => {})]);
    await subscriber.subscribe('a', () => {});

    assert.deepEqual(clients[0]!.asked, ['subscribe a']);
    await subscriber.close();
  });

  test('hands over together what came in one turn, to each its own', async () => {
    const { subscriber, clients, heard, onMessages } = setup();
    const others: string[][] = [];
    await subscriber.subscribe('a\\*', onMessages);
    await subscriber.subscribe('b*', texts => void others.push(texts));

    clients[0]!.emit('message', 'a*', '1');
    clients[0]!.emit('pmessage', 'b*', 'bc', '2');
    clients[0]!.emit('message', 'a*', '3');
    clients[0]!.emit('message', 'stranger', '4');
    await turn();
    clients[0]!.emit('message', 'a*', '5');
    await turn();

    assert.deepEqual([heard, others], [[['1', '3'], ['5']], [['2']]]);
    await subscriber.close();
  });

  test('hears nothing more after it left, which others do', async () => {
    const { subscriber, clients, heard, onMessages } = setup();
    const others: string[][] = [];
    const other = (texts: string[]) => void others.push(texts);
    await subscriber.subscribe('a', onMessages);
    await subscriber.subscribe('a', other);

    await subscriber.unsubscribe('a', onMessages);
    await subscriber.unsubscribe('a', onMessages);
    clients[0]!.emit('message', 'a', '1');
    await turn();

    assert.deepEqual([heard, others], [[], [['1']]]);
    await subscriber.unsubscribe('a', other);
    assert.equal(clients[0]!.asked.at(-1), 'unsubscribe a');
    await subscriber.close();
  });

  test('says what the ACL of this user lacks, and listens to nothing then', async () => {
    const { subscriber, answering, onMessages, clients } = setup();
    answering.answers = () => replyError('NOPERM No permissions to access a channel');

    await assert.rejects(subscriber.subscribe('/0.all/*', onMessages), {
      name: 'AccessRefused',
      message:
        'Redis does not let this user hear the channel /0.all/*: NOPERM No permissions to access a channel. ' +
        'Its ACL needs &/0.all/*, literally.',
    });
    answering.answers = () => 1;
    await subscriber.subscribe('b', onMessages);

    assert.equal(clients.length, 1, 'the connection stays');
    await subscriber.close();
  });
});

describe('listening to Redis over a connection that is lost', () => {
  test('goes on over the next one, with all that is listened to still', async () => {
    const { subscriber, clients, heard, onMessages } = setup();
    await subscriber.subscribe('a', onMessages);
    await subscriber.subscribe('gone', onMessages);
    await subscriber.subscribe('b*', onMessages);
    await subscriber.unsubscribe('gone', onMessages);

    clients[0]!.end(new Error('ECONNRESET'));
    await turn();
    await subscriber.recovered();
    clients[1]!.emit('message', 'a', '1');
    await turn();

    assert.deepEqual(clients[1]!.asked, ['subscribe a', 'psubscribe b*']);
    assert.deepEqual(heard, [['1']]);
    await subscriber.close();
  });

  test('warns of what is not allowed any more, and hears the rest', async () => {
    const { subscriber, clients, answering, warnings, onMessages } = setup();
    await subscriber.subscribe('a', onMessages);
    await subscriber.subscribe('b', onMessages);
    answering.answers = (_, [channel]) => (channel === 'a' ? replyError('NOPERM no') : 1);

    clients[0]!.end();
    await turn();
    await subscriber.recovered();

    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^Redis does not let this user hear the channel a: NOPERM no\./);
    await subscriber.close();
  });

  test('is not made anew when nobody listens', async () => {
    const { subscriber, clients, onMessages } = setup();
    await subscriber.subscribe('a', onMessages);
    await subscriber.unsubscribe('a', onMessages);

    clients[0]!.end();
    await turn();
    await subscriber.recovered();

    assert.equal(clients.length, 1);
    await subscriber.close();
  });

  test('is found out by asking now and then, and not after it was closed', async t => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['setInterval'] });
    const { subscriber, clients, onMessages } = setup({ health_check_interval: 25 });
    await subscriber.subscribe('a', onMessages);
    await subscriber.subscribe('b', onMessages);

    mock.timers.tick(25_000);
    await subscriber.close();
    mock.timers.tick(25_000);

    assert.equal(clients[0]!.asked.filter(each => each === 'ping').length, 1);
  });
});
