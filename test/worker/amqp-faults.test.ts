import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type Channel, connect } from 'amqplib/callback_api';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { Chance, Fleet, progress } from '../support/chaos.ts';
import { eventually } from '../support/eventually.ts';
import { type RabbitmqServer, rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { lines, type Surroundings, withWorker } from '../support/worker.ts';

/** Enough for every fault to meet hundreds of them. */
const TASKS = Number(process.env.TSCELERY_TEST_TASKS ?? 4000);
/** Seconds each task takes, so that faults meet running ones. */
const TASK_SECONDS = 0.002;
/** Waiting and held ones; undefined when there is no such queue. */
const messagesIn = async (server: RabbitmqServer, queue: string) =>
  (await server.queues()).find(({ name }) => name === queue)?.messages;
const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000));

/** One node for all, as it takes long to start; each test has queues of its own. */
let surroundings: Surroundings & { server: RabbitmqServer };
let server: RabbitmqServer;
before(async () => {
  surroundings = await rabbitmqNodeSurroundings();
  server = surroundings.server;
});
after(() => surroundings.stop());

const newQueue = () => `fleet-${randomUUID().slice(0, 8)}`;

describe('a fleet on RabbitMQ', () => {
  let queue: string;
  let proxy: TcpProxy;
  let app: Celery;
  let fleet: Fleet;

  beforeEach(async () => {
    queue = newQueue();
    proxy = await startTcpProxy(server.port);
    // workers reach the broker through the proxy
    const settings: CeleryConfig = {
      ...surroundings.settings,
      task_default_queue: queue,
      broker_url: server.url.replace(String(server.port), String(proxy.port)),
    };
    app = new Celery('client', { ...surroundings.settings, task_default_queue: queue });
    fleet = new Fleet(() => settings, ['--prefetch-multiplier', '10']);
  });
  afterEach(async () => {
    await app.close();
    await fleet.dismiss();
    await proxy.close();
  });

  const send = (task: string, notes: string, count = TASKS) =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        app.sendTask(task, [notes, String(n), TASK_SECONDS], { retryPolicy: { maxRetries: null } }),
      ),
    );

  /** Everything that can go wrong, in an order of chance, each when some more tasks have run. */
  async function chaos(notes: string, chance: Chance): Promise<void> {
    const faults: Readonly<Record<string, () => unknown>> = {
      child: () => fleet.killChild(chance),
      parent: () => fleet.replace(chance.one(fleet.alive)),
      server: async () => {
        await server.kill();
        await pause(chance.below(500) / 1000);
        await server.restart();
      },
      connections: () =>
        server.eval('rabbit_networking:close_all_connections("closed by a test").'),
      drop: () => proxy.drop(),
      pause: async () => {
        proxy.pause();
        await pause(0.2 + chance.below(1000) / 1000);
        proxy.resume();
      },
      blackHole: () => proxy.blackHole(),
    };
    const order = chance.shuffled([...Object.keys(faults), 'child', 'parent', 'drop']);
    for (const [index, name] of order.entries()) {
      await progress(notes, ((index + 1) * TASKS) / (order.length + 2), 90);
      await faults[name]!();
    }
  }

  /** Nothing waits and nothing is held. */
  const drained = () =>
    eventually(
      async () => {
        assert.equal(await messagesIn(server, queue), 0);
      },
      { seconds: 90, everyMs: 200 },
    );

  it('runs every late-acked task and keeps every result, whatever fails', async () => {
    const chance = new Chance();
    try {
      const notes = join(surroundings.dir, 'late');
      await Promise.all([fleet.enlist(), fleet.enlist()]);
      const results = await send('w.lateWork', notes);

      await chaos(notes, chance);
      await drained();

      const values = await Promise.all(results.map(result => result.get({ timeout: 30 })));
      assert.deepEqual(
        values,
        Array.from({ length: TASKS }, (_, n) => String(n)),
      );
      assert.equal(new Set(await lines(notes)).size, TASKS);
    } catch (error) {
      console.error(`TSCELERY_TEST_SEED=${chance.seed}\n${fleet.log}`);
      throw error;
    }
  });

  it('runs early-acked tasks once while nobody is killed, also when connections are lost', async () => {
    const notes = join(surroundings.dir, 'early');
    const count = 3000;
    await fleet.enlist();
    await send('w.work', notes, count);

    for (const ran of [500, 1000, 2000]) {
      await progress(notes, ran);
      proxy.drop();
    }
    await drained();
    await eventually(async () => assert.equal(new Set(await lines(notes)).size, count));

    // an ack that was on its way counts as taken: better twice than never
    const ran = await lines(notes);
    assert.ok(ran.length - count <= 60, `${ran.length - count} ran twice`);
  });
});

/** Of the library as it is: another program. */
function foreignChannel(url: string): Promise<Channel> {
  return new Promise((resolve, reject) => {
    connect(url, (error, connection) => {
      if (error) return reject(error);
      connection.createChannel((_, channel) => {
        channel.once('close', () => connection.close());
        resolve(channel);
      });
    });
  });
}

describe('a worker on RabbitMQ', () => {
  it('survives messages of any kind, and runs the task that comes after them', async () => {
    await withWorker(surroundings, {}, async ({ queue, worker, app }) => {
      const channel = await foreignChannel(surroundings.server.url);
      const task = { task: 'w.add', id: 'x' };
      const json = { contentType: 'application/json', contentEncoding: 'utf-8' };
      let deep: object = {};
      for (let level = 0; level < 1000; level++) deep = { k: deep };
      for (const [body, properties] of [
        ['', {}],
        ['not json', { ...json, headers: task }],
        ['[[1, 2]', { ...json, headers: task }],
        ['[[1, 2], {}, {}]', { ...json, headers: { task: 'w.add' } }],
        ['[[1, 2], {}, {}]', { ...json, headers: { ...task, eta: 'soon', retries: 'many' } }],
        ['[[1, 2], {}, {}]', { ...json, headers: { ...task, deep } }],
        ['\xff\xfe', { ...json, contentEncoding: 'klingon', headers: task }],
        ['[[1, 2], {}, {}]', { contentType: 'application/x-python-serialize', headers: task }],
        ['[[1], {}, {}]', { ...json, headers: { ...task, task: ['w.add'] } }],
        ['{"task": 3}', { ...json, replyTo: 'nowhere', correlationId: 'c' }],
        [
          '[[1, 2], {}, {}]',
          { ...json, headers: { ...task, __proto__: null, 'x-delivery-count': -1 } },
        ],
      ] as const) {
        channel.sendToQueue(queue, Buffer.from(body, 'latin1'), properties);
      }
      await new Promise<void>(resolve => channel.close(() => resolve()));

      const result = await app.sendTask('w.add', [20, 22], {});

      assert.equal(await result.get({ timeout: 20 }), 42);
      await eventually(async () => {
        assert.equal(await (await app[INTERNALS].transport()).size(queue), 0);
      });
      assert.equal(worker.child.exitCode, null);
      assert.doesNotMatch(worker.stderr, /Connection to broker lost|channel was lost/);
    });
  });

  it('runs a late-acked task once that blocks its worker for longer than the heartbeat', async () => {
    const options = { settings: { broker_heartbeat: 2 }, args: ['-P', 'async', '-c', '2'] };
    await withWorker(surroundings, options, async ({ app, worker, queue, file, lines }) => {
      const notes = file();
      const result = await app.sendTask('w.blocksLate', [notes, 9]);

      await worker.sees(/w\.blocksLate\[\S+\] has ended here; it is not started twice/, 60);

      assert.equal(await result.get({ timeout: 20 }), null);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
      await eventually(async () => assert.equal(await messagesIn(server, queue), 0));
      assert.deepEqual(await lines(notes), ['blocks']);
    });
  });

  // the last one: the node does not wait for acks from here on
  it('runs a late-acked task once that takes longer than the consumer timeout', async () => {
    const queue = newQueue();
    const settings = { ...surroundings.settings, task_default_queue: queue };
    await server.eval(
      'application:set_env(rabbit, consumer_timeout, 1000), application:set_env(rabbit, channel_tick_interval, 300).',
    );
    const app = new Celery('client', settings);
    const fleet = new Fleet(() => settings);
    try {
      const notes = join(surroundings.dir, 'long');
      const worker = await fleet.enlist();

      const result = await app.sendTask('w.lateWork', [notes, 'long', 5]);
      const quick = await app.sendTask('w.add', [1, 2]);

      assert.equal(await quick.get({ timeout: 20 }), 3);
      assert.equal(await result.get({ timeout: 30 }), 'long');
      assert.deepEqual(await lines(notes), ['long']);
      await worker.sees(/received again; it is not started twice/);
      await eventually(
        async () => {
          assert.equal(await messagesIn(server, queue), 0);
        },
        { seconds: 20, everyMs: 200 },
      );
      assert.equal(worker.child.exitCode, null);
    } finally {
      await app.close();
      await fleet.dismiss();
    }
  });
});
