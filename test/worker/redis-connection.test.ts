import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { OperationalError } from '../../src/drivers/errors.ts';
import type { Delivery } from '../../src/messaging/contract.ts';
import { exchange, queue } from '../../src/messaging/entities.ts';
import type { RedisTransport } from '../../src/messaging/redis/transport.ts';
import { type Collector, collect, textMessage, textOf } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { byNumber, numbers, openRedis, toQueue } from '../support/redis-transport.ts';
import {
  freePort,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../support/servers.ts';

const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000));

async function ownServer(t: TestContext, options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  t.after(() => server.stop());
  return server;
}

async function publishNumbers(transport: RedisTransport, count: number): Promise<void> {
  await Promise.all(numbers(count).map(n => transport.publish(textMessage(n), toQueue('work'))));
}

/** Settles each delivery a little later, as a worker would. */
const ackLater = (delivery: Delivery) => void setTimeout(() => void delivery.ack(), 2);

/** Everything published came once, and nothing is left anywhere. */
async function assertOnce({ got, texts, consumer }: Collector, server: RedisServer, count: number) {
  await eventually(() => assert.ok(got.length >= count, `${got.length} of ${count}`), {
    seconds: 60,
  });
  await eventually(async () => {
    assert.equal(consumer.held, 0);
    assert.equal(await server.client().hlen('unacked'), 0);
    assert.equal(await server.client().zcard('unacked_index'), 0);
  });
  assert.deepEqual(texts().sort(byNumber), numbers(count));
}

const killClients = (server: RedisServer) =>
  Promise.all(
    ['normal', 'pubsub'].map(type =>
      server.client().call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'),
    ),
  ).catch(() => {}); // they may kill each other

describe('lost connections to Redis', () => {
  test('1 000 messages run once each while all connections are killed again and again', async t => {
    const server = await ownServer(t);
    const { transport, eventTypes } = openRedis(t, server.url);
    await publishNumbers(transport, 1000);
    const collector = await collect(transport, [queue('work')], 10, ackLater);

    for (let round = 1; round <= 8; round++) {
      await collector.reaches(round * 100);
      await killClients(server);
    }

    await assertOnce(collector, server, 1000);
    await eventually(() => eventTypes().filter(type => type === 'consuming').length >= 1);
  });

  test('1 000 messages run once each while the server is killed and restarted with its data', async t => {
    const server = await ownServer(t, { persistent: true });
    const { transport, eventTypes } = openRedis(t, server.url);
    await publishNumbers(transport, 1000);
    const collector = await collect(transport, [queue('work')], 10, ackLater);

    for (const reached of [200, 500]) {
      await collector.reaches(reached);
      await server.restart();
    }

    await assertOnce(collector, server, 1000);
    await eventually(() => assert.equal(eventTypes().at(-1), 'consuming'));
    assert.equal(eventTypes().filter(type => type === 'lost').length, 2);
  });

  test('a server that forgot scripts and bindings gets them again', async t => {
    const server = await ownServer(t);
    const { transport, eventTypes } = openRedis(t, server.url);
    const feed = exchange('feed');
    const news = queue('news', { exchange: feed, routingKey: 'news' });
    const { reaches } = await collect(transport, [news]);

    await server.restart();
    await eventually(() => assert.equal(eventTypes().at(-1), 'consuming'));
    await transport.publish(textMessage('x'), { exchange: feed, routingKey: 'news' });
    await reaches(1);
    await server.client().script('FLUSH');
    await transport.publish(textMessage('y'), { exchange: feed, routingKey: 'news' });

    assert.equal(textOf((await reaches(2))[1]!), 'y');
  });

  test('the loss is told once, then each failed attempt with its delay, then the recovery', async t => {
    const server = await ownServer(t);
    const { transport, events, eventTypes } = openRedis(t, server.url);
    await collect(transport, [queue('work'), queue('other')]);

    await server.kill();
    await eventually(() => eventTypes().filter(type => type === 'retrying').length >= 3);
    await server.restart();
    await eventually(() => assert.equal(eventTypes().at(-1), 'consuming'));

    assert.deepEqual([...new Set(eventTypes())], ['connected', 'lost', 'retrying', 'consuming']);
    assert.equal(eventTypes().filter(type => type === 'lost').length, 1);
    const retries = events.filter(event => event.type === 'retrying');
    assert.deepEqual(
      retries.slice(0, 3).map(({ delay, attempt }) => [attempt, delay]),
      [
        [1, 0.1],
        [2, 0.2],
        [3, 0.4],
      ],
    );
    assert.deepEqual(events.at(-1), { type: 'consuming', queues: ['work', 'other'] });
  });

  test('fanout subscriptions are made again', async t => {
    const server = await ownServer(t);
    const { transport, eventTypes } = openRedis(t, server.url);
    const fanout = exchange('celery.pidbox', 'fanout');
    const inbox = queue('me.celery.pidbox', { exchange: fanout, noAck: true });
    const { reaches } = await collect(transport, [inbox]);

    await server.restart();
    await eventually(() => assert.equal(eventTypes().at(-1), 'consuming'));
    await transport.publish(textMessage('ping'), { exchange: fanout, routingKey: '' });

    assert.equal(textOf((await reaches(1))[0]!), 'ping');
  });

  test('a server that does not answer is left, and nothing runs twice when it comes back', async t => {
    const server = await ownServer(t);
    const { transport, eventTypes } = openRedis(t, server.url, {
      transportOptions: { socket_timeout: 0.5 },
      connectTimeout: 0.5,
    });
    await publishNumbers(transport, 300);
    const collector = await collect(transport, [queue('work')], 10, ackLater);
    await collector.reaches(50);
    const pid = Number(/process_id:(\d+)/.exec(await server.client().info('server'))![1]);

    process.kill(pid, 'SIGSTOP');
    try {
      await eventually(() => eventTypes().includes('lost'));
      await pause(1);
    } finally {
      process.kill(pid, 'SIGCONT');
    }

    await assertOnce(collector, server, 300);
  });

  test('CLIENT PAUSE delays and loses nothing', async t => {
    const server = await ownServer(t);
    const { transport } = openRedis(t, server.url);
    await publishNumbers(transport, 300);
    const collector = await collect(transport, [queue('work')], 10, ackLater);
    await collector.reaches(50);

    await server.client().call('CLIENT', 'PAUSE', '1000', 'ALL');

    await assertOnce(collector, server, 300);
  });

  test('a server that became a replica is left until it is a master again', async t => {
    const server = await ownServer(t);
    const { transport, eventTypes } = openRedis(t, server.url);
    await publishNumbers(transport, 200);
    const collector = await collect(transport, [queue('work')], 10, ackLater);
    await collector.reaches(20);
    const admin = server.client();

    await admin.replicaof('127.0.0.1', String(await freePort()));
    await eventually(() => eventTypes().includes('lost'));
    await assert.rejects(transport.publish(textMessage('x'), toQueue('y')), OperationalError);
    await admin.replicaof('NO', 'ONE');

    await assertOnce(collector, server, 200);
  });

  test('publishing to a server that is not there fails within the connect timeout', async t => {
    const url = `redis://:secret-word@127.0.0.1:${await freePort()}/0`;
    const { transport } = openRedis(t, url, { connectTimeout: 1 });
    const started = performance.now();

    const error = await transport.publish(textMessage('x'), toQueue('work')).then(
      () => assert.fail('it was published'),
      (reason: Error) => reason,
    );

    assert.ok(error instanceof OperationalError);
    assert.match(error.message, /ECONNREFUSED/);
    assert.ok(performance.now() - started < 1500);
    await assert.rejects(transport.connect(), OperationalError);
  });

  test('a publish is told to have failed when the server dies, and works again afterwards', async t => {
    const server = await ownServer(t);
    const { transport } = openRedis(t, server.url, { connectTimeout: 1 });
    await transport.connect();

    await server.kill();
    await assert.rejects(transport.publish(textMessage('x'), toQueue('work')), OperationalError);
    await server.restart();
    await transport.publish(textMessage('y'), toQueue('work'));

    assert.equal(await transport.size('work'), 1);
  });

  test('closing while the server is gone ends quickly and leaves nothing running', async t => {
    const server = await ownServer(t);
    const { transport } = openRedis(t, server.url, { connectTimeout: 1 });
    await publishNumbers(transport, 3);
    const { reaches, got } = await collect(transport, [queue('work')]);
    await reaches(3);
    await server.kill();
    const unconfirmed = got[0]!.ack();

    const started = performance.now();
    await transport.close();

    assert.ok(performance.now() - started < 3000);
    await assert.rejects(unconfirmed, /closed/);
    await assert.rejects(got[1]!.ack(), /closed/);
  });

  test('the password is in no error and no event', async t => {
    const server = await ownServer(t, { password: 'secret-word' });
    const { transport, events, eventTypes } = openRedis(t, server.url, { connectTimeout: 1 });
    await collect(transport, [queue('work')]);
    const shown: unknown[] = [transport.url];
    await server.kill();
    await eventually(() => eventTypes().includes('retrying'));
    await transport.publish(textMessage('x'), toQueue('work')).catch(error => shown.push(error));
    await server.restart();
    const wrong = openRedis(t, server.url.replace('secret-word', 'wrong-word'));
    await wrong.transport.connect().catch(error => shown.push(error));

    const text = [...shown, ...events].map(what => inspectDeep(what)).join('\n');
    assert.equal(shown.length, 3);
    assert.match(text, /WRONGPASS|invalid/i);
    assert.doesNotMatch(text, /secret-word|wrong-word/);
  });
});

function inspectDeep(what: unknown): string {
  if (!(what instanceof Error)) return JSON.stringify(what, (_, value) => errorText(value));
  return errorText(what) as string;
}

const errorText = (value: unknown): unknown =>
  value instanceof Error
    ? `${value.stack} ${JSON.stringify({ ...value })} ${String(value.cause)}`
    : value;
