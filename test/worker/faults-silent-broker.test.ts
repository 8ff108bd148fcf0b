/** Workers that end while their broker or their result store has stopped answering. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import type { CeleryConfig } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import {
  redisSurroundings,
  type Surroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

const POOLS = ['prefork', 'threads', 'async'];
/** For ends that took some 200 seconds, or never came; also on a slow machine. */
const timeout = 300_000;
/** Seconds, of those that have nothing to store. */
const SOON = 60;

/** Runs a task that is acknowledged early and one that is acknowledged late. */
async function busy({ app, file, lines, queue }: WorkerBench, seconds: number) {
  const notes = file();
  const early = await app.sendTask('w.work', [notes, 'early', seconds]);
  await app.sendTask('w.lateWork', [notes, 'late', seconds]);
  await eventually(async () => assert.equal((await lines(notes)).length, 2));
  const size = async () => (await app[INTERNALS].transport()).size(queue);
  return { early, size };
}

/** A worker of each of these pools, as most of a test is waiting for their ends. */
async function withWorkers(
  surroundings: Surroundings,
  { pools = POOLS, settings = {} }: { pools?: readonly string[]; settings?: CeleryConfig },
  body: (benches: readonly WorkerBench[]) => Promise<void>,
  benches: readonly WorkerBench[] = [],
): Promise<void> {
  const pool = pools[benches.length];
  if (pool === undefined) return body(benches);
  await withWorker(surroundings, { args: ['-P', pool], settings }, bench =>
    withWorkers(surroundings, { pools, settings }, body, [...benches, bench]),
  );
}

const busyAll = (benches: readonly WorkerBench[], seconds: number) =>
  Promise.all(benches.map(bench => busy(bench, seconds)));
const endsOf = (benches: readonly WorkerBench[], seconds: number) =>
  Promise.all(benches.map(({ worker }) => worker.ended(seconds)));
/** Nobody acknowledged the late ones. */
const givenBack = (tasks: Awaited<ReturnType<typeof busyAll>>, seconds: number) =>
  eventually(
    async () => {
      const sizes = await Promise.all(tasks.map(({ size }) => size()));
      assert.deepEqual(
        sizes,
        tasks.map(() => 1),
      );
    },
    { seconds },
  );

describe('workers whose broker is paused, with results over it', { timeout: 2 * timeout }, () => {
  let node: Awaited<ReturnType<typeof rabbitmqWithRpc>>;
  before(async () => {
    node = await rabbitmqWithRpc();
  });
  after(() => node.stop());

  it('end soon when nothing runs, and say what the broker was not told', async () => {
    await withWorkers(node, {}, async benches => {
      await node.server.pause();
      for (const { worker } of benches) worker.kill('SIGTERM');

      const ends = await endsOf(benches, SOON).finally(() => node.server.resume());

      for (const { code, stderr } of ends) {
        assert.equal(code, 0);
        assert.match(stderr, /WARNING.*may not know that it is to send nothing more/);
      }
    });
  });

  it('kill what runs with QUIT, and say what could not be stored', async () => {
    await withWorkers(node, {}, async benches => {
      const tasks = await busyAll(benches, 600);

      await node.server.pause();
      for (const { worker } of benches) worker.kill('SIGQUIT');
      const ends = await endsOf(benches, SOON).finally(() => node.server.resume());

      for (const { code, stdout, stderr } of ends) {
        assert.equal(code, 0);
        assert.match(stdout, /worker: Cold shutdown \(MainProcess\)/);
        assert.match(stderr, /ERROR.*w\.work\[.*was killed, which could not be stored within 5 s/);
        assert.doesNotMatch(stderr, /w\.lateWork\[.*could not be stored/);
      }
      await givenBack(tasks, 60);
    });
  });

  it('do not wait for the broker when INT comes again', async () => {
    await withWorkers(node, {}, async benches => {
      const tasks = await busyAll(benches, 600);

      await node.server.pause();
      for (const { worker } of benches) {
        worker.kill('SIGINT');
        await worker.sees(/Warm shutdown/);
        worker.kill('SIGINT');
      }
      const ends = await endsOf(benches, SOON).finally(() => node.server.resume());

      for (const { code } of ends) assert.equal(code, 1);
      await givenBack(tasks, 60);
    });
  });

  it('give the storing of results a minute over all when their last tasks end', async () => {
    await withWorkers(node, {}, async benches => {
      const tasks = await busyAll(benches, 10);
      await node.server.pause();
      for (const { worker } of benches) worker.kill('SIGTERM');
      const ends = await endsOf(benches, 120).finally(() => node.server.resume());

      for (const { code, stderr } of ends) {
        assert.equal(code, 0);
        assert.match(stderr, /CRITICAL.*w\.work\[.*the failure could not be stored/);
        assert.match(stderr, /the store did not take it within 45 s/);
      }
      await givenBack(tasks, 100);
    });
  });
});

it('workers whose broker is killed, with results over it, end', { timeout }, async t => {
  const node = await rabbitmqWithRpc();
  t.after(() => node.stop());
  await withWorkers(node, { pools: ['prefork', 'prefork', 'async'] }, async benches => {
    const [warm, ...cold] = benches as [WorkerBench, ...WorkerBench[]];
    await busyAll(cold, 600);
    await busy(warm, 8);

    await node.server.kill();
    warm.worker.kill('SIGTERM');
    for (const { worker } of cold) worker.kill('SIGQUIT');
    const [killed, [ended]] = await Promise.all([endsOf(cold, SOON), endsOf([warm], 120)]);

    for (const { code, stderr } of killed) {
      assert.equal(code, 0);
      assert.match(stderr, /w\.work\[.*was killed, which could not/);
    }
    assert.equal(ended!.code, 0);
    assert.match(ended!.stderr, /could not be stored/);
  });
});

it('workers whose result store is paused kill what runs with QUIT and say what could not be stored', {
  timeout,
}, async t => {
  const redis = await startRedis();
  const proxy = await startTcpProxy(redis.port);
  const surroundings = await redisSurroundings();
  t.after(async () => {
    await proxy.close();
    await redis.stop();
    await surroundings.stop();
  });
  const settings = { result_backend: `redis://127.0.0.1:${proxy.port}/1` };
  await withWorkers(surroundings, { settings }, async benches => {
    const tasks = await busyAll(benches, 600);

    proxy.pause();
    for (const { worker } of benches) worker.kill('SIGQUIT');
    const ends = await endsOf(benches, SOON);

    for (const [i, { code, stderr }] of ends.entries()) {
      assert.equal(code, 0);
      assert.match(stderr, /ERROR.*w\.work\[.*was killed, which could not be stored within 5 s/);
      assert.equal(await tasks[i]!.size(), 1);
    }
  });
});
