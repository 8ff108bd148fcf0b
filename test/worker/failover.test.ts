/** Brokers that take each other's place: Redis servers of which one is down. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { parseUrls } from '../../src/drivers/url.ts';
import { Celery } from '../../src/index.ts';
import { createRedisTransport } from '../../src/messaging/redis/transport.ts';
import { eventually } from '../support/eventually.ts';
import { freePort, type RedisServer, startRedis } from '../support/servers.ts';
import { startWorker } from '../support/worker.ts';

async function server(t: TestContext): Promise<RedisServer> {
  const started = await startRedis();
  t.after(() => started.stop());
  return started;
}

const down = async () => `redis://127.0.0.1:${await freePort()}/0`;

describe('a list of broker URLs', () => {
  test('a client sends to the first server that answers', async t => {
    const alive = await server(t);
    const app = new Celery('client', { broker_url: [await down(), await down(), alive.url] });
    t.after(() => app.close());
    await app.sendTask('any.task', [], { queue: 'q' });
    assert.equal(await alive.client().llen('q'), 1);
  });

  test('a worker says which server it tries next, connects to that and works', async t => {
    const [dead, alive] = [await down(), await server(t)];
    const queue = `q-${randomUUID()}`;
    const settings = {
      broker_url: `${dead};${alive.url}`,
      result_backend: alive.url,
      task_default_queue: queue,
    };
    const worker = startWorker(settings);
    t.after(async () => {
      worker.kill('SIGKILL');
      await worker.ended();
    });
    await worker.sees(/ ready\./);
    assert.match(
      worker.stderr,
      new RegExp(`Cannot connect to ${dead}: .*ECONNREFUSED[^]*Will retry using next failover`),
    );
    assert.match(worker.stderr, new RegExp(`Connected to ${alive.url}`));
    const app = new Celery('client', settings);
    t.after(() => app.close());
    const result = await app.sendTask('w.add', [2, 3]);
    assert.equal(await result.get({ timeout: 20 }), 5);
  });

  test('a worker whose server goes away works on with the next one, broadcasts included', async t => {
    const [first, second] = [await server(t), await server(t)];
    const settings = {
      broker_url: [first.url, second.url],
      result_backend: second.url,
      task_default_queue: `q-${randomUUID()}`,
    };
    const worker = startWorker(settings, ['-n', 'moving@test']);
    t.after(async () => {
      worker.kill('SIGKILL');
      await worker.ended();
    });
    await worker.sees(/ ready\./);
    await first.kill();
    await worker.sees(/consuming again/);
    assert.match(worker.stderr, /Will retry using next failover/);
    assert.match(worker.stderr, new RegExp(`Connected to ${second.url}`));
    const app = new Celery('client', { ...settings, broker_url: second.url });
    t.after(() => app.close());
    const result = await app.sendTask('w.add', [4, 5]);
    assert.equal(await result.get({ timeout: 20 }), 9);
    await eventually(async () => {
      const replies = await app.control.ping({ timeout: 1 });
      assert.equal(replies.length, 1);
    });
  });

  test('servers with different database numbers are refused', () => {
    const options = { transportOptions: {}, connectTimeout: 1, useSsl: false };
    assert.throws(
      () => createRedisTransport(parseUrls('redis://:geheim@a/1;redis://b/2'), options),
      (error: Error) => /database/.test(error.message) && !error.message.includes('geheim'),
    );
  });
});
