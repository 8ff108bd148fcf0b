import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { exchange, queue } from '../../src/messaging/entities.ts';
import { collect, quiet, textMessage, textOf } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openRedis, toQueue, uniquePrefix } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

interface Golden {
  messages: { list_key: string; raw: string }[];
}

function golden(name: string): Golden {
  const url = new URL(`../golden/redis-5.2.6/publish/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Golden;
}

const open = (
  t: Parameters<typeof openRedis>[0],
  transportOptions: Record<string, unknown> = {},
) => {
  const prefix = uniquePrefix();
  const opened = openRedis(t, server.url, {
    transportOptions: { global_keyprefix: prefix, ...transportOptions },
  });
  return { ...opened, prefix, client: server.client() };
};

describe('messages of Python on Redis', () => {
  test('are served by priority step together with ours', async t => {
    const { transport, prefix, client } = open(t);
    for (const name of ['priority9', 'priority5', 'priority0']) {
      for (const { list_key, raw } of golden(name).messages) {
        await client.lpush(prefix + list_key, raw);
      }
    }
    const properties = { delivery_mode: 2, priority: 4 };
    await transport.publish(textMessage('ours', { properties }), toQueue('celery'));

    const { reaches, got } = await collect(transport, [queue('celery')], 1, d => void d.ack());
    await reaches(4);

    assert.deepEqual(
      got.map(delivery => delivery.message.properties.priority),
      [0, 5, 4, 9],
    );
    assert.ok(got.every(delivery => delivery.problem === undefined));
    assert.equal(await client.hlen(`${prefix}unacked`), 0);
  });

  test('list items of any kind come out as deliveries and stop nothing', async t => {
    const { transport, prefix, client } = open(t);
    const hostile = [
      'not json',
      '{}',
      '[]',
      'null',
      '"text"',
      '',
      '{"body": 1}',
      '{"body": "x", "properties": 7, "headers": []}',
      '{"body": "x", "properties": {"delivery_info": null, "body_encoding": "rot13"}}',
      ', "", "elsewhere"]',
      '[1, "a", "b"]',
      '['.repeat(100_000),
    ];
    for (const text of hostile) await client.lpush(`${prefix}work`, text);
    await transport.publish(textMessage('good'), toQueue('work'));

    const { reaches, consumer } = await collect(
      transport,
      [queue('work')],
      3,
      d => void d.reject(false),
    );
    const got = await reaches(hostile.length + 1);

    assert.deepEqual(
      got.slice(0, -1).map(delivery => delivery.raw),
      hostile,
    );
    assert.equal(textOf(got.at(-1)!), 'good');
    assert.ok(got.filter(delivery => delivery.problem).length >= 8);
    await eventually(async () => (await client.hlen(`${prefix}unacked`)) === 0);
    assert.equal(await consumer.close(), 0);
  });

  test('items that are no messages return to their queue unchanged', async t => {
    const { transport, prefix, client } = open(t);
    const hostile = ['not json', ', "", "elsewhere"]', '', '[1, "a", "b"]'];
    for (const text of hostile) await client.lpush(`${prefix}work`, text);
    const { reaches, consumer } = await collect(transport, [queue('work')]);
    await reaches(hostile.length);

    assert.equal(await consumer.close(), hostile.length);

    assert.deepEqual((await client.lrange(`${prefix}work`, '0', '-1')).reverse(), hostile);
  });

  test('a key that is no list is reported and does not stop the other queues', async t => {
    const { transport, prefix, client, events } = open(t);
    await client.set(`${prefix}broken`, 'a string');

    const { reaches } = await collect(transport, [queue('broken'), queue('work')]);
    await transport.publish(textMessage('x'), toQueue('work'));

    assert.equal(textOf((await reaches(1))[0]!), 'x');
    const warning = events.find(event => event.type === 'warning');
    assert.match(warning?.message ?? '', /broken: WRONGTYPE/);
  });
});

describe('names on Redis', () => {
  test('our message is written as Python writes it', async t => {
    const { transport, prefix, client } = open(t);
    const properties = { delivery_mode: 2, priority: 5, correlation_id: 'x' };

    await transport.publish(textMessage('[]', { properties }), toQueue('celery'));

    const raw = await client.lindex(`${prefix}celery\x06\x163`, 0);
    const written = JSON.parse(raw!);
    assert.deepEqual(
      Object.keys(written),
      Object.keys(JSON.parse(golden('priority5').messages[0]!.raw)),
    );
    assert.deepEqual(written.properties.delivery_info, { exchange: '', routing_key: 'celery' });
    assert.match(written.properties.delivery_tag, /^[0-9a-f-]{36}$/);
  });

  test('global_keyprefix stands before every key and channel', async t => {
    const { transport, prefix, client } = open(t);
    const fanout = exchange('celery.pidbox', 'fanout');
    await transport.publish(textMessage('x'), toQueue('work'));
    const one = await collect(transport, [queue('work'), queue('reply', { noAck: true })]);
    const inbox = queue('me', { exchange: fanout, routingKey: '', noAck: true });
    await collect(transport, [inbox]);
    await one.reaches(1);

    const all = await client.keys('*');
    const ours = all.filter(key => key.startsWith(prefix));
    assert.ok(ours.length >= 6, String(ours));
    const members = await client.smembers(`${prefix}_kombu.binding.celery.pidbox`);
    assert.deepEqual(members, ['\x06\x16\x06\x16me']);
    const channel = `${prefix}/0.celery.pidbox`;
    assert.deepEqual(await client.call('PUBSUB', 'NUMSUB', channel), [channel, 1]);
    assert.equal(await client.publish(channel, '{"body": ""}'), 1);
  });

  test('topic bindings are stored and read as Python does', async t => {
    const { transport, prefix, client } = open(t);
    const feed = exchange('feedx', 'topic');
    await transport.declare(queue('feeds', { exchange: feed, routingKey: 'feed.*.#' }));
    await transport.declare(queue('all', { exchange: feed, routingKey: '#' }));
    await client.sadd(
      `${prefix}_kombu.binding.feedx`,
      'feed.rss.now\x06\x16^feed\\.rss\\.now$\x06\x16exact',
    );

    await transport.publish(textMessage('x'), { exchange: feed, routingKey: 'feed.rss.now' });
    await transport.publish(textMessage('y'), { exchange: feed, routingKey: 'other' });

    assert.deepEqual((await client.smembers(`${prefix}_kombu.binding.feedx`)).sort(), [
      '#\x06\x16^.*?$\x06\x16all',
      'feed.*.#\x06\x16^feed\\..*?[^\\.]\\..*?$\x06\x16feeds',
      'feed.rss.now\x06\x16^feed\\.rss\\.now$\x06\x16exact',
    ]);
    const sizes = await Promise.all(['feeds', 'all', 'exact'].map(name => transport.size(name)));
    assert.deepEqual(sizes, [1, 2, 1]);
  });

  test('a fanout queue with a routing key gets what matches it', async t => {
    const { transport } = open(t);
    const events = exchange('celeryev', 'fanout');
    const workers = await collect(transport, [
      queue('gossip', { exchange: events, routingKey: 'worker.#', noAck: true, autoDelete: true }),
    ]);

    for (const routingKey of ['task.multi', 'worker.online']) {
      await transport.publish(textMessage(routingKey), { exchange: events, routingKey });
    }
    await workers.reaches(1);
    await quiet();

    assert.deepEqual(workers.texts(), ['worker.online']);
  });

  test('the binding of an auto-delete queue ends with its consumer', async t => {
    const { transport, prefix, client } = open(t);
    const replies = exchange('reply.celery.pidbox');
    const own = queue('oid.reply', {
      exchange: replies,
      routingKey: 'oid',
      noAck: true,
      autoDelete: true,
    });
    const { consumer, reaches } = await collect(transport, [own]);
    await transport.publish(textMessage('x'), { exchange: replies, routingKey: 'oid' });
    await reaches(1);

    await consumer.close();

    assert.deepEqual(await client.keys(`${prefix}*`), []);
  });

  test('priority_steps and sep are honoured', async t => {
    const { transport, prefix, client } = open(t, { priority_steps: [0, 5], sep: ':' });
    for (const priority of [9, 4]) {
      const properties = { priority };
      await transport.publish(textMessage('x', { properties }), toQueue('work'));
    }

    assert.equal(await client.llen(`${prefix}work`), 1);
    assert.equal(await client.llen(`${prefix}work:5`), 1);
  });

  test('a transport option that does nothing is reported, misspelt with the right name', async t => {
    const { transport, events } = open(t, { visibility_timout: 5, something_else: 1 });

    await transport.connect();

    const warnings = events.filter(event => event.type === 'warning');
    assert.equal(warnings.length, 2);
    assert.match(warnings[0]!.message, /visibility_timout.*visibility_timeout/);
    assert.match(warnings[1]!.message, /something_else has no effect with Redis/);
  });
});

describe('waiting on Redis', () => {
  test('a message that arrives is delivered within a millisecond or so', async t => {
    const { transport } = open(t);
    let arrived = () => {};
    const { consumer } = await collect(transport, [queue('work')], 4, delivery => {
      void delivery.ack();
      arrived();
    });
    const samples: number[] = [];

    for (let i = 0; i < 100; i++) {
      const started = performance.now();
      const delivered = new Promise<void>(resolve => {
        arrived = resolve;
      });
      await transport.publish(textMessage(String(i)), toQueue('work'));
      await delivered;
      samples.push(performance.now() - started);
    }

    const tenth = samples.sort((a, b) => a - b)[10]!;
    // Polling would take 5 ms each time; the machine may be busy with other tests.
    assert.ok(tenth < 4, `one of ten takes ${tenth} ms`);
    assert.equal(consumer.held, 0);
  });

  test('a waiting consumer takes nothing from Python workers when it dies', async t => {
    const { transport, prefix, client } = open(t);
    const { consumer } = await collect(transport, [queue('work')], 1);
    await transport.publish(textMessage('first'), toQueue('work'));
    await eventually(() => consumer.held === 1);
    for (const body of ['a', 'b', 'c']) await transport.publish(textMessage(body), toQueue('work'));
    const before = await client.lrange(`${prefix}work`, '0', '-1');

    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => transport.connected);

    assert.equal(before.length, 3);
    assert.deepEqual(await client.lrange(`${prefix}work`, '0', '-1'), before);
  });

  test('more queues than connections to wait on are all served', async t => {
    const { transport } = open(t);
    const names = Array.from({ length: 30 }, (_, i) => `work-${i}`);
    const { reaches, got } = await collect(
      transport,
      names.map(name => queue(name)),
      0,
      d => void d.ack(),
    );
    await quiet();

    for (const name of names) {
      const properties = { priority: 9 };
      await transport.publish(textMessage(name, { properties }), toQueue(name));
    }
    await reaches(30);

    assert.deepEqual(got.map(textOf).sort(), [...names].sort());
  });
});
