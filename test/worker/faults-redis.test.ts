import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { Chance, Fleet, progress } from '../support/chaos.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { lines } from '../support/worker.ts';

/** Enough for every fault to meet hundreds of them. */
const TASKS = Number(process.env.TSCELERY_TEST_TASKS ?? 4000);
/** Seconds each task takes, so that faults meet running ones. */
const TASK_SECONDS = 0.002;
const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000));

describe('a fleet on Redis', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let client: Redis;
  let app: Celery;
  let dir: string;
  /** Of the workers, which reach the server through the proxy. */
  let settings: CeleryConfig;
  let fleet: Fleet;

  beforeEach(async () => {
    server = await startRedis({ persistent: true });
    proxy = await startTcpProxy(server.port);
    client = server.client();
    dir = await mkdtemp(join(tmpdir(), 'tscelery-faults-'));
    const url = server.url.replace(String(server.port), String(proxy.port));
    settings = {
      broker_url: url,
      result_backend: url,
      // seconds after which a silent connection is given up
      broker_transport_options: { socket_timeout: 3 },
      redis_socket_timeout: 3,
    };
    app = new Celery('client', { broker_url: server.url, result_backend: server.url });
    fleet = new Fleet(() => settings, ['--prefetch-multiplier', '10']);
  });
  afterEach(async () => {
    await app.close();
    await fleet.dismiss();
    await proxy.close();
    await server.stop();
    await rm(dir, { recursive: true });
  });

  const send = (task: string, notes: string) =>
    Promise.all(
      Array.from({ length: TASKS }, (_, n) =>
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
      clients: () => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
      drop: () => proxy.drop(),
      pause: async () => {
        proxy.pause();
        await pause(0.2 + chance.below(1000) / 1000);
        proxy.resume();
      },
      blackHole: () => proxy.blackHole(),
    };
    const order = chance.shuffled([...Object.keys(faults), 'child', 'parent', 'server']);
    for (const [index, name] of order.entries()) {
      await progress(notes, ((index + 1) * TASKS) / (order.length + 2));
      await faults[name]!();
    }
  }

  const drained = () =>
    eventually(
      async () => {
        assert.equal(await client.llen('celery'), 0);
        assert.equal(await client.hlen('unacked'), 0);
      },
      { seconds: 90, everyMs: 100 },
    );

  /** A failure names what is needed to see it again. */
  async function withChance(body: (chance: Chance) => Promise<void>): Promise<void> {
    const chance = new Chance();
    try {
      await body(chance);
    } catch (error) {
      console.error(`TSCELERY_TEST_SEED=${chance.seed}\n${fleet.log}`);
      throw error;
    }
  }

  it('runs every late-acked task and keeps every result, whatever fails', async () => {
    await withChance(async chance => {
      const notes = join(dir, 'late');
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
    });
  });

  it('runs no early-acked task twice, whatever fails', async () => {
    await withChance(async chance => {
      const notes = join(dir, 'early');
      await Promise.all([fleet.enlist(), fleet.enlist()]);
      await send('w.work', notes);

      await chaos(notes, chance);
      await drained();

      const ran = await lines(notes);
      assert.equal(new Set(ran).size, ran.length, 'a task ran twice');
      // what a killed worker had acknowledged and not finished is gone: that is an early ack
      assert.ok(ran.length > TASKS * 0.95, `only ${ran.length} ran`);
    });
  });

  it('runs a task of three visibility timeouts once while a second worker is idle', async () => {
    settings = { ...settings, broker_transport_options: { visibility_timeout: 1 } };
    const notes = join(dir, 'long');
    await fleet.enlist();
    await fleet.enlist();

    const result = await app.sendTask('w.lateWork', [notes, 'long', 3.2]);

    assert.equal(await result.get({ timeout: 20 }), 'long');
    await drained();
    assert.deepEqual(await lines(notes), ['long']);
  });
});
