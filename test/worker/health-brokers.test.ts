/** The health of workers on the other brokers: test/worker/health.test.ts has all of it on Redis. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Channel, type Connection, connect } from 'amqplib/callback_api';
import { askServer, type Finding } from '../../src/process/health/probe.ts';
import { eventually } from '../support/eventually.ts';
import { numberIn, parseMetrics } from '../support/prometheus.ts';
import { rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { freePort } from '../support/servers.ts';
import {
  type BenchOptions,
  type Surroundings,
  sqliteSurroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

const host = '127.0.0.1';
const READY: Finding = { isWell: true, reason: 'ready' };
const LIVE: Finding = { isWell: true, reason: 'live' };
const notReady = (why: string): Finding => ({ isWell: false, reason: `not ready: ${why}` });

type Probed = WorkerBench & {
  readonly port: number;
  ask(path: '/live' | '/ready'): Promise<Finding>;
};

async function withProbed(
  surroundings: Surroundings,
  options: BenchOptions,
  body: (bench: Probed) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const args = ['-c', '1', '--health-host', host, '--health-port', `${port}`];
  args.push('--metrics-port', `${port}`);
  await withWorker(surroundings, { ...options, args }, bench =>
    body({ ...bench, port, ask: path => askServer({ port, host }, path, 5) }),
  );
}

const becomes = (ask: Probed['ask'], finding: Finding) =>
  eventually(async () => assert.deepEqual(await ask('/ready'), finding), { seconds: 40 });

for (const [name, make] of [
  ['RabbitMQ', rabbitmqNodeSurroundings],
  ['SQLite', sqliteSurroundings],
] as const) {
  describe(`the health of a worker on ${name}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await make();
    });
    after(() => surroundings.stop());

    it('is ready when it consumes, live and not ready while it ends what runs', async () => {
      await withProbed(surroundings, {}, async ({ app, ask, file, worker }) => {
        assert.deepEqual([await ask('/live'), await ask('/ready')], [LIVE, READY]);
        const started = file();
        await app.sendTask('w.work', [started, 'runs', 2]);
        await eventually(() => existsSync(started));

        worker.kill('SIGTERM');

        await becomes(ask, notReady('it is stopping'));
        assert.deepEqual(await ask('/live'), LIVE);
        assert.equal((await worker.ended()).code, 0);
      });
    });

    it('is not ready when it was told to consume nothing, until it consumes again', async () => {
      await withProbed(surroundings, {}, async ({ app, ask, queue }) => {
        await app.control.cancelConsumer(queue, { reply: true });
        assert.deepEqual(await ask('/ready'), notReady('no queue is consumed'));

        await app.control.addConsumer(queue, {}, { reply: true });

        assert.deepEqual(await ask('/ready'), READY);
      });
    });
  });
}

describe('the health of a worker whose RabbitMQ is in trouble', () => {
  let surroundings: Awaited<ReturnType<typeof rabbitmqNodeSurroundings>>;
  before(async () => {
    surroundings = await rabbitmqNodeSurroundings();
  });
  after(() => surroundings.stop());

  /** Does something over a connection of nobody else. */
  async function byHand(url: string, work: (channel: Channel) => Promise<unknown>): Promise<void> {
    const connection = await promisify<string, Connection>(connect)(url);
    const channel = await promisify<Channel>(done => connection.createChannel(done))();
    await work(channel);
    await promisify<void>(done => connection.close(done))();
  }

  const remove = (url: string, name: string, exchange?: string) =>
    byHand(url, async channel => {
      await promisify(done => channel.deleteQueue(name, {}, done))();
      if (exchange) await promisify(done => channel.deleteExchange(exchange, {}, done))();
    });

  it('stays live and is not ready while the broker is away', async () => {
    await withProbed(surroundings, {}, async ({ app, ask }) => {
      await surroundings.server.kill();
      await becomes(ask, notReady('the connection to the broker is lost'));
      assert.deepEqual(await ask('/live'), LIVE);

      await surroundings.server.restart();

      await becomes(ask, READY);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
    });
  });

  it('consumes a queue anew that was deleted, with the exchange that went with it', async () => {
    const url = surroundings.server.url;
    await withProbed(surroundings, {}, async ({ app, ask, queue, worker }) => {
      await app.control.addConsumer('other', { exchange: 'shop' }, { reply: true });
      await remove(url, queue);
      await worker.sees(new RegExp(`ended the subscription to queue "${queue}"`));
      await becomes(ask, READY);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);

      worker.kill('SIGSTOP');
      await remove(url, 'other', 'shop');
      worker.kill('SIGCONT');

      await worker.sees(/ended the subscription to queue "other"/);
      await becomes(ask, READY);
      const result = await app.sendTask('w.add', [3, 4], { queue: 'other' });
      assert.equal(await result.get({ timeout: 20 }), 7);
    });
  });

  it('is not ready while the broker refuses a queue that was deleted, and names it', async () => {
    const url = surroundings.server.url;
    await withProbed(surroundings, {}, async ({ app, ask, port, queue, worker }) => {
      // metrics are worked out twice a second
      const isConsumed = (value: number) =>
        eventually(async () => {
          const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
          assert.equal(numberIn(parseMetrics(text), 'tscelery_consumer_queue', { queue }), value);
        });
      await isConsumed(1);
      worker.kill('SIGSTOP');
      await byHand(url, async channel => {
        await promisify(done => channel.deleteQueue(queue, {}, done))();
        await promisify(done => channel.assertQueue(queue, { maxPriority: 3 }, done))();
      });

      worker.kill('SIGCONT');

      await worker.sees(/PRECONDITION_FAILED.* Trying again in 1 s/);
      await becomes(ask, notReady(`queue "${queue}" is not consumed`));
      assert.deepEqual(await ask('/live'), LIVE);
      await isConsumed(0);
      await remove(url, queue);
      await becomes(ask, READY);
      await isConsumed(1);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
    });
  });
});
