import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_EXCHANGE, exchange } from '../../../../src/messaging/entities.ts';
import { Publisher } from '../../../../src/messaging/redis/publisher.ts';
import { decodeEnvelope } from '../../../../src/wire/messages/envelope.ts';
import { buildTaskMessage } from '../../../../src/wire/messages/task-message.ts';
import { replyError, turn } from './made-client.ts';
import { madeSession } from './made-session.ts';

function setup(options?: Record<string, unknown>) {
  const made = madeSession(options);
  const commands: { name: string; key: string; ids: unknown[] }[] = [];
  const replies: unknown[] = [];
  made.client.answers = (name, [key, ...texts]) => {
    if (name === 'smembers') return replies.shift() ?? [];
    const ids = texts.map(text => decodeEnvelope(String(text)).message.headers.id);
    commands.push({ name, key: String(key), ids });
    return replies.shift() ?? texts.length;
  };
  const publisher = new Publisher(made.session);
  const publish = (id: string, to: string, more: { priority?: number; kwargs?: object } = {}) =>
    publisher.publish(
      buildTaskMessage({
        task: 't',
        id,
        args: [],
        kwargs: { ...more.kwargs },
        ...(more.priority !== undefined && { priority: more.priority }),
      }),
      { exchange: DEFAULT_EXCHANGE, routingKey: to },
    );
  const message = buildTaskMessage({ task: 't', id: 'm', args: [], kwargs: {} });
  return { ...made, publisher, publish, commands, replies, message };
}

describe('messages for Redis', () => {
  test('of one turn go together, one command for each list, in their order', async () => {
    const { publish, commands } = setup();

    await Promise.all([
      ...[publish('1', 'a'), publish('2', 'b'), publish('3', 'a')],
      publish('4', 'a', { priority: 6 }),
    ]);

    assert.deepEqual(
      commands.map(({ key, ids }) => [key, ...ids]),
      [
        ['a', '1', '3'],
        ['b', '2'],
        ['a\x06\x166', '4'],
      ],
    );
  });

  test('of two turns go one after the other', async () => {
    const { publish, commands } = setup();

    const first = publish('1', 'a');
    await turn();
    await Promise.all([first, publish('2', 'a')]);

    assert.deepEqual(
      commands.map(({ ids }) => ids),
      [['1'], ['2']],
    );
  });

  test('are at most five hundred to a command', async () => {
    const { publish, commands } = setup();

    await Promise.all(Array.from({ length: 1001 }, (_, n) => publish(`${n}`, 'a')));

    assert.deepEqual(
      commands.map(({ ids }) => ids.length),
      [500, 500, 1],
    );
    assert.deepEqual(commands.flatMap(({ ids }) => ids).at(-1), '1000');
  });

  test('are at most a million characters to a command, and one more', async () => {
    const { publish, commands } = setup();
    const kwargs = { text: 'x'.repeat(400_000) };

    await Promise.all(['1', '2', '3', '4'].map(id => publish(id, 'a', { kwargs })));

    assert.deepEqual(
      commands.map(({ ids }) => ids.length),
      [2, 2],
    );
  });

  test('fail together when their command does, and the others go their way', async () => {
    const { client, publish } = setup();
    client.answers = (_, [key]) => (key === 'a' ? replyError('WRONGTYPE no list') : 1);

    const outcomes = await Promise.allSettled([
      ...[publish('1', 'a'), publish('2', 'a'), publish('3', 'b')],
    ]);

    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected', 'fulfilled'],
    );
    const { reason } = outcomes[0] as PromiseRejectedResult;
    assert.deepEqual(
      [reason.name, reason.message],
      ['ChannelError', 'Error publishing: WRONGTYPE no list'],
    );
  });

  test('leave a server that has become a replica', async () => {
    const { client, publish, dropped } = setup();
    client.answers = () => replyError("READONLY You can't write");

    await assert.rejects(publish('1', 'a'), { name: 'OperationalError' });

    assert.deepEqual(dropped, ["READONLY You can't write"]);
  });

  test('fail all when there is no server, and the next ones are tried again', async () => {
    const { publish, state, commands } = setup();
    state.isUp = false;
    const outcomes = await Promise.allSettled([publish('1', 'a'), publish('2', 'b')]);
    state.isUp = true;

    await publish('3', 'a');

    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.deepEqual(
      commands.map(({ ids }) => ids),
      [['3']],
    );
  });

  test('cannot be for headers exchanges, nor be what JSON cannot say', async () => {
    const { publisher, message, client } = setup();
    const headers = { exchange: exchange('h', 'headers'), routingKey: '' };
    const odd = { ...message, headers: { at: 10n ** 400n, f: () => {} } };

    await assert.rejects(publisher.publish(message, headers), { name: 'ChannelError' });
    await assert.rejects(publisher.publish(odd, { exchange: DEFAULT_EXCHANGE, routingKey: 'a' }), {
      name: 'EncodeError',
    });
    await turn();

    assert.deepEqual(client.asked, []);
  });
});

describe('messages for an exchange of Redis', () => {
  const NEWS = exchange('news', 'topic');
  const member = (pattern: string, queue: string) => ['', pattern, queue].join('\x06\x16');

  test('go to every queue that is bound to it and fits, once', async () => {
    const { publisher, message, commands, replies } = setup();
    replies.push([member('^a\\..*?[^\\.]$', 'one'), member('^.*?$', 'one'), member('^b$', 'two')]);

    await publisher.publish(message, { exchange: NEWS, routingKey: 'a.b' });

    assert.deepEqual(
      commands.map(({ key }) => key),
      ['one'],
    );
  });

  test('are dropped when nobody wants them, which is told to who asks', async () => {
    const { publisher, message, commands } = setup();
    const to = { exchange: NEWS, routingKey: 'a.b' };

    await publisher.publish(message, to);
    await assert.rejects(publisher.publish(message, to, { mandatory: true }), {
      name: 'Unroutable',
    });

    assert.deepEqual(commands, []);
  });

  test('have their bindings read once in a second', async () => {
    const { publisher, message, client, replies } = setup();
    replies.push([member('^.*?$', 'q')]);
    const to = { exchange: NEWS, routingKey: 'a' };

    await publisher.publish(message, to);
    await publisher.publish(message, to);

    assert.equal(client.asked.filter(each => each.startsWith('smembers')).length, 1);
  });

  test('find a binding that was made a moment ago', async () => {
    const { publisher, message, commands, replies } = setup();
    replies.push([member('^a$', 'q')], 1, [member('^a$', 'q'), member('^b$', 'new')]);

    await publisher.publish(message, { exchange: NEWS, routingKey: 'a' });
    await publisher.publish(message, { exchange: NEWS, routingKey: 'b' });

    assert.deepEqual(
      commands.map(({ key }) => key),
      ['q', 'new'],
    );
  });

  test('do not mind bindings that are none, or no patterns', async () => {
    const { publisher, message, commands, replies } = setup();
    replies.push(['odd', member('(', 'broken'), member('^a$', ''), member('^a$', 'q')]);

    await publisher.publish(message, { exchange: NEWS, routingKey: 'a' });

    assert.deepEqual(
      commands.map(({ key }) => key),
      ['q'],
    );
  });

  test('are announced on a channel when all listeners get them', async () => {
    const { publisher, message, client } = setup();
    client.answers = () => 3;
    const heard: number[] = [];

    const to = { exchange: exchange('all', 'fanout'), routingKey: '' };
    await publisher.publish(message, to, { onHeard: count => void heard.push(count) });

    assert.match(client.asked[0]!, /^publish \/0\.all /);
    assert.deepEqual(heard, [3]);
  });

  test('that nobody hears are lost, and no error unless that was asked for', async () => {
    const { publisher, message, client } = setup();
    client.answers = () => 0;
    const to = { exchange: exchange('all', 'fanout'), routingKey: '' };

    await publisher.publish(message, to);

    await assert.rejects(publisher.publish(message, to, { mandatory: true }), {
      name: 'Unroutable',
    });
  });

  test('may be forbidden: the error names the channel', async () => {
    const { publisher, message, client } = setup();
    client.answers = () => replyError('NOPERM no permissions to access a channel');

    await assert.rejects(
      publisher.publish(message, { exchange: exchange('all', 'fanout'), routingKey: '' }),
      { name: 'ChannelError', message: /^Error publishing to the channel \/0\.all: NOPERM/ },
    );
  });
});
