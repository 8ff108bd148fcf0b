import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { BackendOptions } from '../../src/backends/contract.ts';
import { BackendStoreError } from '../../src/backends/errors.ts';
import { waitForResult } from '../../src/backends/wait.ts';
import type { Delivery } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { bodyBytes, type Message } from '../../src/wire/messages/message.ts';
import { eventually } from '../support/eventually.ts';
import { messagingOn, openRpc, sharedRpc } from '../support/rpc-backend.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { type SharedRabbitmq, shareRabbitmq } from '../support/shared-rabbitmq.ts';
import { backendContract, meta } from './backend.contract.ts';

function contractOver(broker: string, url: (t: TestContext) => string): void {
  backendContract(`rpc over ${broker}`, async t => ({
    keepsFamily: true,
    keepsGroups: false,
    crowd: 600,
    open: sharedRpc(t, url(t)),
  }));
}

let redis: RedisServer;
let rabbitmq: SharedRabbitmq;
let folder: string;
before(async () => {
  redis = await startRedis();
  rabbitmq = await shareRabbitmq();
  folder = await mkdtemp(join(tmpdir(), 'tscelery-rpc-'));
});
after(async () => {
  await redis.stop();
  await rabbitmq.stop();
  await rm(folder, { recursive: true });
});

contractOver('memory', () => `memory://${randomUUID()}`);
contractOver('rabbitmq', () => rabbitmq.url);
contractOver('redis', () => redis.url);
contractOver('sqlite', () => `sqla+sqlite:///${join(folder, randomUUID())}`);

/** A worker's and a client's backend on one broker. */
async function pair(t: TestContext, options: Partial<BackendOptions> = {}) {
  const url = `memory://${randomUUID()}`;
  const [workers, clients] = [messagingOn(url, t), messagingOn(url, t)];
  const worker = await openRpc(t, workers, options);
  const client = await openRpc(t, clients, options);
  await client.expect();
  /** Put a message into the client's queue. */
  const send = async (message: Partial<Message>) => {
    const transport = await workers.publishing();
    const whole: Message = {
      body: '',
      bodyEncoding: 'utf-8',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: {},
      properties: {},
      ...message,
    };
    const destination = { exchange: DEFAULT_EXCHANGE, routingKey: clients.replyQueue };
    await transport.publish(whole, destination);
  };
  return { worker, client, workers, clients, replyTo: clients.replyQueue, send };
}

/** Everything that arrives in a queue of this name. */
async function listen(t: TestContext, url: string, name: string): Promise<Delivery[]> {
  const seen: Delivery[] = [];
  const transport = await messagingOn(url, t).consuming();
  const onDeliveries = (deliveries: Delivery[]) => void seen.push(...deliveries);
  const replies = queue(name, { exchange: DEFAULT_EXCHANGE, noAck: true });
  await transport.consume([replies], { prefetch: 0, onDeliveries });
  return seen;
}

describe('an rpc result on the wire', () => {
  for (const [result_persistent, mode] of [
    [null, 1],
    [false, 1],
    [true, 2],
  ] as const) {
    it(`goes to reply_to with delivery mode ${mode} when result_persistent is ${result_persistent}`, async t => {
      const url = `memory://${randomUUID()}`;
      const seen = await listen(t, url, 'somebody');
      const worker = await openRpc(t, messagingOn(url, t), { settings: { result_persistent } });

      await worker.store(meta('some-id', 'SUCCESS', 5), 'somebody');

      await eventually(() => assert.equal(seen.length, 1));
      const [{ exchange, routingKey, message }] = seen as [Delivery];
      assert.deepEqual([exchange, routingKey], ['', 'somebody']);
      assert.equal(message.contentType, 'application/json');
      assert.equal(message.contentEncoding, 'utf-8');
      assert.deepEqual(message.properties, {
        correlation_id: 'some-id',
        delivery_mode: mode,
        priority: 0,
      });
      const text = bodyBytes(message).toString();
      assert.match(text, /^\{"status": "SUCCESS", "result": 5, .*, "task_id": "some-id"\}$/);
    });
  }

  it('is nothing at all without reply_to', async t => {
    const url = `memory://${randomUUID()}`;
    const seen = await listen(t, url, 'somebody');
    const worker = await openRpc(t, messagingOn(url, t));

    for (const replyTo of [undefined, null, '']) await worker.store(meta('a', 'SUCCESS'), replyTo);
    await worker.store(meta('b', 'SUCCESS'), 'somebody');

    await eventually(() => assert.ok(seen.length > 0));
    assert.deepEqual(
      seen.map(({ message }) => message.properties.correlation_id),
      ['b'],
    );
  });

  it('is read in the five fields of Celery up to 5.6', async t => {
    const { client, send } = await pair(t);
    const body =
      '{"task_id": "id", "status": "SUCCESS", "result": [1, NaN], "traceback": null, "children": [[["c", null], null]]}';

    await send({ body, properties: { correlation_id: 'id' } });

    const found = await waitForResult(client, 'id', { timeout: 10 });
    assert.deepEqual(found, {
      task_id: 'id',
      status: 'SUCCESS',
      result: [1, Number.NaN],
      traceback: null,
      children: [[['c', null], null]],
      date_done: null,
    });
  });

  it('is read in the serializer that the message names, if that is accepted', async t => {
    const options = { serializer: 'msgpack', accept: ['msgpack'] };
    const { worker, client, clients, replyTo, send } = await pair(t, options);
    await worker.store(meta('id', 'SUCCESS', { bytes: [1, 2] }), replyTo);

    assert.deepEqual((await waitForResult(client, 'id', { timeout: 10 })).result, {
      bytes: [1, 2],
    });
    await send({ body: '{"status": "SUCCESS"}', properties: { correlation_id: 'other' } });
    await eventually(() => assert.match(clients.warnings.join(), /other.*disabled content/));
  });

  it('fails the wait of its task when it cannot be read', async t => {
    const { client, send } = await pair(t);
    const waiting = waitForResult(client, 'id', { timeout: 10 });
    await eventually(() => assert.equal(client.subscriptions, 1));

    await send({ body: 'not json', properties: { correlation_id: 'id' } });

    await assert.rejects(waiting, { name: 'BackendGetMetaError', taskId: 'id' });
    assert.equal(client.subscriptions, 0);
  });
});

describe('rpc results that nobody has read', () => {
  it('are all there however many they are, and only a few of those that were read stay', async t => {
    const { worker, client, replyTo } = await pair(t);
    const ids = Array.from({ length: 10_000 }, (_, i) => `task-${i}`);
    const waits = ids.map(async id => {
      const found = await waitForResult(client, id, { timeout: 120 });
      client.release(id);
      return found.result;
    });
    await eventually(() => assert.equal(client.subscriptions, ids.length));

    await Promise.all(ids.map((id, i) => worker.store(meta(id, 'SUCCESS', i), replyTo)));

    assert.deepEqual(
      await Promise.all(waits),
      ids.map((_, i) => i),
    );
    assert.equal(client.subscriptions, 0);
    const left = await Promise.all(ids.map(id => client.fetch(id)));
    assert.ok(left.filter(Boolean).length <= 1000);
  });

  it('are dropped with a warning beyond max_unread_results, oldest first', async t => {
    const transportOptions = { max_unread_results: 3 };
    const { worker, client, clients, replyTo } = await pair(t, { transportOptions });

    for (const id of ['a', 'b', 'c', 'd', 'e']) await worker.store(meta(id, 'SUCCESS'), replyTo);

    await waitForResult(client, 'e', { timeout: 10 });
    const found = await Promise.all(['a', 'b', 'c', 'd'].map(id => client.fetch(id)));
    assert.deepEqual(
      found.map(one => one?.task_id),
      [undefined, undefined, 'c', 'd'],
    );
    assert.equal(clients.warnings.length, 1);
    assert.match(clients.warnings[0]!, /More than 3 results wait to be read/);
  });

  for (const max_unread_results of [0, -1, 2.5, 'many']) {
    it(`cannot be limited to ${JSON.stringify(max_unread_results)}`, async t => {
      await assert.rejects(
        openRpc(t, messagingOn('memory://', t), {
          transportOptions: { max_unread_results },
        }),
        { name: 'ImproperlyConfigured', message: /max_unread_results .* positive integer/ },
      );
    });
  }
});

describe('the rpc backend in trouble', () => {
  async function setup(t: TestContext, options: Partial<BackendOptions> = {}) {
    const server = await startRedis({ persistent: true });
    t.after(() => server.stop());
    const clients = messagingOn(server.url, t);
    const worker = await openRpc(t, messagingOn(server.url, t), options);
    const client = await openRpc(t, clients);
    await Promise.all([worker.start(), client.expect()]);
    return { server, worker, client, replyTo: clients.replyQueue };
  }

  it('sends what was given while the broker was down, in order, when it is back', async t => {
    const { server, worker, client, replyTo } = await setup(t);
    const error = { exc_type: 'X', exc_message: [], exc_module: null };
    const [id, other] = [randomUUID(), randomUUID()];
    const states: string[] = [];
    const waiting = waitForResult(client, id, {
      timeout: 30,
      onMessage: ({ status }) => void states.push(status),
    });

    await server.kill();
    const stores = [
      worker.store(meta(id, 'STARTED'), replyTo),
      worker.store(meta(id, 'FAILURE', error), replyTo),
      worker.store(meta(other, 'SUCCESS', 1), replyTo),
    ];
    await server.restart();
    await Promise.all(stores);

    assert.equal((await waiting).status, 'FAILURE');
    assert.deepEqual([...new Set(states)], ['STARTED', 'FAILURE']);
    assert.equal((await waitForResult(client, other, { timeout: 10 })).result, 1);
  });

  it('hears of results that were sent while its own connection was down', async t => {
    const { server, worker, client, replyTo } = await setup(t);
    const admin = server.client();

    for (let round = 0; round < 5; round++) {
      const ids = Array.from({ length: 100 }, () => randomUUID());
      const waits = ids.map(id => waitForResult(client, id, { timeout: 20 }));
      const stores = ids.map((id, i) => worker.store(meta(id, 'SUCCESS', i), replyTo));
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await Promise.all(stores);

      assert.deepEqual(
        (await Promise.all(waits)).map(({ result }) => result),
        ids.map((_, i) => i),
      );
    }
  });

  it('gives up after the tries of retry_policy, naming the task', async t => {
    const retry_policy = { max_retries: 2, interval_start: 0, interval_step: 0.01 };
    const { server, worker, replyTo } = await setup(t, { transportOptions: { retry_policy } });
    await server.kill();

    await assert.rejects(worker.store(meta('some-id', 'SUCCESS'), replyTo), (error: unknown) => {
      assert.ok(error instanceof BackendStoreError);
      assert.deepEqual([error.taskId, error.state], ['some-id', 'SUCCESS']);
      assert.match(error.message, /some-id/);
      return true;
    });
  });

  it('gives up at once when it is stopped', async t => {
    const { server, worker, replyTo } = await setup(t);
    await server.kill();
    const store = assert.rejects(worker.store(meta(randomUUID(), 'SUCCESS'), replyTo));

    await worker.stop();

    await store;
    await assert.rejects(worker.store(meta(randomUUID(), 'SUCCESS'), replyTo), /was closed/);
  });

  it('leaves no queue behind when it is stopped', async t => {
    const { server, worker, client, replyTo } = await setup(t);

    await client.stop();
    await worker.store(meta('late', 'SUCCESS'), 'nobody');

    const keys = await server.client().keys('*');
    assert.ok(!keys.some(key => key.includes(replyTo)), keys.join());
  });
});
