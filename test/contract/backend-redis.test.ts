import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { BackendStoreError } from '../../src/backends/errors.ts';
import { openBackend } from '../../src/backends/open.ts';
import { waitForResult } from '../../src/backends/wait.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { backendContract, DEFAULT_OPTIONS, meta } from './backend.contract.ts';

let shared: RedisServer;
before(async () => {
  shared = await startRedis({ password: 's3cret' });
});
after(() => shared.stop());

const opener =
  (t: TestContext, server: RedisServer, transportOptions: Record<string, unknown> = {}) =>
  async (options = {}) => {
    const all = { ...DEFAULT_OPTIONS, transportOptions, ...options };
    const backend = await openBackend(server.url, all);
    t.after(() => backend.stop());
    return backend;
  };

backendContract('redis', async t => {
  // a prefix of its own: the server is shared
  const prefix = randomUUID();
  const client = shared.client();
  return {
    keepsFamily: true,
    open: opener(t, shared, { global_keyprefix: prefix }),
    noSubscriptionLeft: async () => (await client.pubsub('CHANNELS', `${prefix}*`)).length === 0,
  };
});

describe('redis keys', () => {
  it('are those of Python Celery, with its time to live and its channel', async t => {
    const open = opener(t, shared);
    const [id, group] = [randomUUID(), randomUUID()];
    const client = shared.client();
    const messages: [string, string][] = [];
    const listener = client.duplicate();
    t.after(() => listener.disconnect());
    listener.on('message', (channel, text) => messages.push([channel, text]));
    await listener.subscribe(`celery-task-meta-${id}`);
    const backend = await open({ expires: 1000 });

    await backend.store(meta(id, 'SUCCESS', 5));
    await backend.storeGroup(group, [[group, null], []]);

    const text = await client.get(`celery-task-meta-${id}`);
    assert.match(text ?? '', /^\{"status": "SUCCESS", "result": 5, "traceback": null, "children"/);
    assert.equal(await client.ttl(`celery-task-meta-${id}`), 1000);
    await eventually(() => assert.deepEqual(messages, [[`celery-task-meta-${id}`, text]]));
    assert.equal(
      await client.get(`celery-taskset-meta-${group}`),
      `{"result": [["${group}", null], []]}`,
    );
    assert.equal(await client.ttl(`celery-taskset-meta-${group}`), 1000);
  });

  it('live for ever without result_expires', async t => {
    const backend = await opener(t, shared)({ expires: 0 });
    const id = randomUUID();

    await backend.store(meta(id, 'SUCCESS'));

    assert.equal(await shared.client().ttl(`celery-task-meta-${id}`), -1);
  });

  for (const [prefix, expected] of [
    ['app', 'app_celery-task-meta-'],
    ['app:', 'app:celery-task-meta-'],
    ['app.', 'app.celery-task-meta-'],
  ] as const) {
    it(`begin with ${expected} when global_keyprefix is ${prefix}`, async t => {
      const backend = await opener(t, shared, { global_keyprefix: prefix })();
      const id = randomUUID();

      await backend.store(meta(id, 'SUCCESS'));

      assert.equal(await shared.client().exists(expected + id), 1);
    });
  }
});

describe('redis backend addresses', () => {
  it('of one group are found among all others, also below a prefix with signs of patterns', async t => {
    const [group, other] = [randomUUID(), randomUUID()];
    const backend = await opener(t, shared, { global_keyprefix: '[a]*' })();
    const stranger = await opener(t, shared, { global_keyprefix: 'a' })();
    const ids = Array.from({ length: 1500 }, () => randomUUID());
    const store = (id: string, group_id: string, result: unknown = null) =>
      backend.store({ ...meta(id, 'SUCCESS', result), group_id });
    await Promise.all(ids.map((id, i) => store(id, i % 500 === 0 ? group : other)));
    await store(randomUUID(), other, `speaks of ${group}`);
    await stranger.store({ ...meta(randomUUID(), 'SUCCESS'), group_id: group });

    const found = await backend.fetchOfGroup?.(group);

    assert.deepEqual(
      found?.map(({ task_id }) => task_id).sort(),
      [ids[0], ids[500], ids[1000]].sort(),
    );
  });

  it('include a unix socket with a database number', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'tscelery-socket-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'redis.sock');
    const server = await startRedis({ args: ['--unixsocket', path] });
    t.after(() => server.stop());
    const backend = await openBackend(`redis+socket://${path}?virtual_host=3`, DEFAULT_OPTIONS);
    t.after(() => backend.stop());

    await backend.store(meta('id', 'SUCCESS', 1));

    const client = server.client();
    await client.select(3);
    assert.equal(await client.exists('celery-task-meta-id'), 1);
  });

  it('may be given by the redis_* settings', async t => {
    const settings = { redis_port: shared.port, redis_password: 's3cret', redis_db: 5 };
    const id = randomUUID();
    const backend = await openBackend('redis', { ...DEFAULT_OPTIONS, settings });
    t.after(() => backend.stop());

    await backend.store(meta(id, 'SUCCESS', 1));

    const client = shared.client();
    await client.select(5);
    assert.equal(await client.exists(`celery-task-meta-${id}`), 1);
  });
});

/** Passes bytes between us and the server until it is told to swallow them without a word. */
async function silenceable(t: TestContext, port: number) {
  const sockets: Socket[] = [];
  const proxy = createServer(near => {
    const far = connect(port, '127.0.0.1');
    sockets.push(near, far);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (proxy.address() as AddressInfo).port,
    silence: () => {
      for (const socket of sockets) socket.unpipe().resume();
    },
  };
}

describe('redis backend in trouble', () => {
  async function setup(t: TestContext) {
    const server = await startRedis({ persistent: true });
    t.after(() => server.stop());
    return { server, open: opener(t, server), client: server.client() };
  }

  it('hears of a result although its subscriber connection was killed while waiting', async t => {
    const { open, client } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const ids = Array.from({ length: 50 }, () => randomUUID());
    const waits = ids.map(id => waitForResult(reader, id, { timeout: 20 }));
    await eventually(async () => (await client.pubsub('CHANNELS')).length === 50);

    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await Promise.all(ids.map((id, i) => writer.store(meta(id, 'SUCCESS', i))));

    const results = await Promise.all(waits);
    assert.deepEqual(
      results.map(found => found.result),
      ids.map((_, i) => i),
    );
    await eventually(async () => (await client.pubsub('CHANNELS')).length === 0);
  });

  it('keeps hearing when the subscriber connection is killed again and again', async t => {
    const { open, client } = await setup(t);
    const [writer, reader] = [await open(), await open()];

    for (let round = 0; round < 5; round++) {
      const id = randomUUID();
      const wait = waitForResult(reader, id, { timeout: 20 });
      await eventually(async () => (await client.pubsub('CHANNELS')).length === 1);
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await writer.store(meta(id, 'SUCCESS', round));
      assert.equal((await wait).result, round);
    }
  });

  it('stores everything although its connections are killed while storing', async t => {
    const { open, client } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const ids = Array.from({ length: 2000 }, () => randomUUID());
    await writer.start();

    const stores: Promise<void>[] = [];
    for (const [i, id] of ids.entries()) {
      stores.push(writer.store(meta(id, 'SUCCESS', i)));
      if (i % 400 === 399) await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      if (i % 20 === 0) await new Promise(done => setImmediate(done));
    }
    await Promise.all(stores);

    const found = await Promise.all(ids.map(id => reader.fetch(id)));
    assert.deepEqual(
      found.map(one => one?.result),
      ids.map((_, i) => i),
    );
  });

  it('stores what was given while the server was down, in order, when it is back', async t => {
    const { server, open } = await setup(t);
    const backend = await open();
    await backend.start();
    const [id, other] = [randomUUID(), randomUUID()];

    await server.kill();
    const stores = [
      backend.store(meta(id, 'STARTED')),
      backend.store(meta(id, 'FAILURE', { exc_type: 'X', exc_message: [], exc_module: null })),
      backend.store(meta(other, 'SUCCESS', 1)),
    ];
    await server.restart();
    await Promise.all(stores);

    assert.equal((await backend.fetch(id))?.status, 'FAILURE');
    assert.equal((await backend.fetch(other))?.result, 1);
  });

  it('goes on waiting over a restart of the server', async t => {
    const { server, open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const id = randomUUID();
    const wait = waitForResult(reader, id, { timeout: 30 });
    await eventually(() => assert.equal(reader.subscriptions, 1));

    await server.restart();
    await writer.store(meta(id, 'SUCCESS', 'after'));

    assert.equal((await wait).result, 'after');
  });

  it('gives up after the tries of retry_policy, naming the task and no password', async t => {
    const { server } = await setup(t);
    await server.kill();
    const retry_policy = { max_retries: 2, interval_start: 0, interval_step: 0.01 };
    const url = server.url.replace('redis://', 'redis://:s3cret@');
    const backend = await openBackend(url, {
      ...DEFAULT_OPTIONS,
      transportOptions: { retry_policy },
    });
    t.after(() => backend.stop());

    await assert.rejects(backend.store(meta('some-id', 'SUCCESS', 'value')), (error: unknown) => {
      assert.ok(error instanceof BackendStoreError);
      assert.deepEqual([error.taskId, error.state], ['some-id', 'SUCCESS']);
      assert.match(error.message, /some-id/);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
    await assert.rejects(backend.fetch('some-id'), { name: 'BackendGetMetaError' });
    await assert.rejects(backend.start(), { name: 'OperationalError' });
  });

  it('works after a start that failed', async t => {
    const { server, open } = await setup(t);
    const backend = await open();
    await server.kill();
    await assert.rejects(backend.start(), {
      name: 'OperationalError',
      message: /connecting to the result backend redis:/,
    });

    const store = backend.store(meta('id', 'SUCCESS', 1));
    await server.restart();
    await store;
    await backend.start();

    assert.equal((await backend.fetch('id'))?.result, 1);
  });

  it('notices a connection that died without a word', async t => {
    const { server, open } = await setup(t);
    const proxy = await silenceable(t, server.port);
    const reader = await openBackend(`redis://127.0.0.1:${proxy.port}`, {
      ...DEFAULT_OPTIONS,
      settings: { redis_backend_health_check_interval: 0.1, redis_socket_timeout: 1 },
    });
    t.after(() => reader.stop());
    const writer = await open();
    const id = randomUUID();
    const wait = waitForResult(reader, id, { timeout: 30 });
    await eventually(async () => (await server.client().pubsub('CHANNELS')).length === 1);

    proxy.silence();
    await writer.store(meta(id, 'SUCCESS', 'heard'));

    assert.equal((await wait).result, 'heard');
  });

  it('notices by default within seconds that its connections died without a word', async t => {
    const { server } = await setup(t);
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const backend = await openBackend(`redis://127.0.0.1:${proxy.port}`, DEFAULT_OPTIONS);
    t.after(() => backend.stop());
    const id = randomUUID();
    const wait = waitForResult(backend, id, { timeout: 60 });
    await eventually(async () => (await server.client().pubsub('CHANNELS')).length === 1);
    const from = performance.now();

    proxy.blackHole();
    await backend.store(meta(id, 'SUCCESS', 'heard'));

    assert.equal((await wait).result, 'heard');
    assert.ok(performance.now() - from < 20_000, 'not the 120 s of redis-py');
  });

  it('gives up at once when it is stopped', async t => {
    const { server, open } = await setup(t);
    const backend = await open();
    await backend.start();
    await server.kill();
    const store = assert.rejects(backend.store(meta(randomUUID(), 'SUCCESS')));
    const subscribe = assert.rejects(backend.subscribe(randomUUID(), () => {}));

    await backend.stop();

    await store;
    await subscribe;
  });

  it('reports a stored text that is no document, and survives hearing one', async t => {
    const { open, client } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const [broken, id] = ['broken', randomUUID()];
    await client.set(`celery-task-meta-${broken}`, 'not json');
    const wait = waitForResult(reader, id, { timeout: 20 });
    await eventually(async () => (await client.pubsub('CHANNELS')).length === 1);

    await client.publish(`celery-task-meta-${id}`, 'not json either');
    await writer.store(meta(id, 'SUCCESS', 1));

    assert.equal((await wait).result, 1);
    await assert.rejects(reader.fetch(broken), { name: 'BackendGetMetaError' });
  });
});
