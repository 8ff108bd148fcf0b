import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { queue } from '../../src/messaging/entities.ts';
import { encodeEnvelope } from '../../src/wire/messages/envelope.ts';
import { collect, textMessage, textOf } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openRedis, toQueue, uniquePrefix } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

const envelope = (body: string, routingKey: string, priority = 0) =>
  encodeEnvelope(textMessage(body, { properties: { priority } }), {
    exchange: '',
    routingKey,
    deliveryTag: `tag-of-${body}`,
  });

describe('leases on Redis', () => {
  test('a message held for longer than visibility_timeout is not given to another worker', async t => {
    const transportOptions = {
      global_keyprefix: uniquePrefix(),
      visibility_timeout: 1,
      unacked_restore_interval: 0.1,
      unacked_restore_throttle: 1,
    };
    const holder = openRedis(t, server.url, { transportOptions });
    const other = openRedis(t, server.url, { transportOptions });
    await holder.transport.publish(textMessage('long'), toQueue('work'));
    const first = await collect(holder.transport, [queue('work')]);
    const [delivery] = await first.reaches(1);
    const second = await collect(other.transport, [queue('work')]);

    await new Promise(resolve => setTimeout(resolve, 3500));

    assert.equal(second.got.length, 0);
    await delivery!.ack();
    assert.equal(await server.client().hlen(`${transportOptions.global_keyprefix}unacked`), 0);
  });

  test('what a dead Python worker left is restored at start, to its own priority step', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    const old = Date.now() / 1000 - 4000;
    for (const [body, priority] of Object.entries({ early: 0, late: 9 })) {
      const value = `[${envelope(body, 'work', priority)}, "", "work"]`;
      await client.hset(`${prefix}unacked`, `tag-of-${body}`, value);
      await client.zadd(`${prefix}unacked_index`, old, `tag-of-${body}`);
    }
    const young = `[${envelope('young', 'work')}, "", "work"]`;
    await client.hset(`${prefix}unacked`, 'tag-of-young', young);
    await client.zadd(`${prefix}unacked_index`, Date.now() / 1000 - 10, 'tag-of-young');
    const { transport, events } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });
    await client.lpush(`${prefix}work\x06\x163`, envelope('middle', 'work', 3));

    const { reaches, texts } = await collect(transport, [queue('work')], 1, delivery => {
      // The first one leaves time for the sweep, so that the order of the others is settled.
      if (textOf(delivery) === 'middle') {
        void eventually(() => events.some(e => e.type === 'restored')).then(() => delivery.ack());
      } else void delivery.ack();
    });
    const got = await reaches(3);

    assert.deepEqual([...texts()].sort(), ['early', 'late', 'middle']);
    assert.equal(texts().at(-1), 'late');
    assert.equal(got.find(d => textOf(d) === 'late')!.redelivered, true);
    assert.deepEqual(await client.hkeys(`${prefix}unacked`), ['tag-of-young']);
    assert.deepEqual(await client.zrange(`${prefix}unacked_index`, '0', '-1'), ['tag-of-young']);
    await eventually(async () => (await client.exists(`${prefix}unacked_mutex`)) === 0);
  });

  test('a message of an exchange is restored to the queue bound to it', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    const value = `[${envelope('x', 'feed.news')}, "feeds", "feed.news"]`;
    await client.sadd(
      `${prefix}_kombu.binding.feeds`,
      'feed.*\x06\x16^feed\\..*?[^\\.]$\x06\x16work',
    );
    await client.hset(`${prefix}unacked`, 'tag', value);
    await client.zadd(`${prefix}unacked_index`, 1000, 'tag');
    const { transport } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });

    const { reaches } = await collect(transport, [queue('work')]);

    assert.equal(textOf((await reaches(1))[0]!), 'x');
  });

  test('a sweep that another worker is doing is left to that worker', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    await client.set(`${prefix}unacked_mutex`, 'theirs');
    await client.hset(`${prefix}unacked`, 'tag', `[${envelope('x', 'work')}, "", "work"]`);
    await client.zadd(`${prefix}unacked_index`, 1000, 'tag');
    const { transport } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });

    const { consumer } = await collect(transport, [queue('work')]);
    await consumer.close();

    assert.equal(await client.hlen(`${prefix}unacked`), 1);
    assert.equal(await client.get(`${prefix}unacked_mutex`), 'theirs');
  });

  test('a held message is written as Python workers expect it', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    const { transport } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });
    await transport.publish(textMessage('x'), toQueue('práce "1"'));
    const raw = await client.lindex(`${prefix}práce "1"`, 0);

    const { reaches } = await collect(transport, [queue('práce "1"')]);
    const [delivery] = await reaches(1);

    const value = await client.hget(`${prefix}unacked`, delivery!.tag);
    assert.deepEqual(JSON.parse(value!), [JSON.parse(raw!), '', 'práce "1"']);
    const score = Number(await client.zscore(`${prefix}unacked_index`, delivery!.tag));
    assert.ok(Math.abs(score - Date.now() / 1000) < 5, `score ${score}`);
  });

  test('an ack of a message that was given away is survived with a warning', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    const { transport, events } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });
    await transport.publish(textMessage('x'), toQueue('work'));
    const { reaches } = await collect(transport, [queue('work')]);
    const [delivery] = await reaches(1);
    await client.hdel(`${prefix}unacked`, delivery!.tag);

    await delivery!.ack();

    const warning = events.find(event => event.type === 'warning');
    assert.match(warning?.message ?? '', /given to others/);
    await transport.publish(textMessage('next'), toQueue('work'));
    await reaches(2);
  });

  test('a claim whose reply was lost is found and delivered', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    const { transport } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });
    const { reaches } = await collect(transport, [queue('work')]);
    const [id] = await client.zrange(`${prefix}tscelery.unacked.consumers`, '0', '-1');
    const tag = `${id}-0`;

    await client
      .multi()
      .hset(`${prefix}unacked`, tag, `[${envelope('lost', 'work')}, "", "work"]`)
      .zadd(`${prefix}unacked_index`, Date.now() / 1000, tag)
      .sadd(`${prefix}tscelery.unacked.held.${id}`, tag)
      .exec();

    const [delivery] = await reaches(1);
    assert.equal(textOf(delivery!), 'lost');
    assert.equal(delivery!.redelivered, false);
    assert.equal(await client.hexists(`${prefix}unacked`, tag), 0);
  });

  test('a closed consumer leaves no trace', async t => {
    const prefix = uniquePrefix();
    const client = server.client();
    const { transport } = openRedis(t, server.url, {
      transportOptions: { global_keyprefix: prefix },
    });
    await transport.publish(textMessage('x'), toQueue('work'));
    const { reaches, consumer } = await collect(transport, [queue('work')]);
    await reaches(1);

    await consumer.close();

    assert.deepEqual((await client.keys(`${prefix}*`)).sort(), [
      `${prefix}_kombu.binding.work`,
      `${prefix}work`,
    ]);
  });
});
