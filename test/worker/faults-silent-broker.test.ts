/** Workers that end while their broker or their result store has stopped answering. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { deferred } from '../../src/base/deferred.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { redisSurroundings, type WorkerBench, withWorker } from '../support/worker.ts';

type Node = Awaited<ReturnType<typeof rabbitmqWithRpc>>;

const POOLS = ['prefork', 'threads', 'async'];
/** For ends that took some 200 seconds, or never came. */
const timeout = 120_000;
/** Seconds, of those that have nothing to store. */
const SOON = 30;

/** Runs a task that is acknowledged early and one that is acknowledged late. */
async function busy({ app, file, lines, queue }: WorkerBench, seconds: number) {
  const notes = file();
  const early = await app.sendTask('w.work', [notes, 'early', seconds]);
  await app.sendTask('w.lateWork', [notes, 'late', seconds]);
  await eventually(async () => assert.equal((await lines(notes)).length, 2));
  const size = async () => (await app[INTERNALS].transport()).size(queue);
  return { early, size };
}

for (const pool of POOLS) {
  describe(`a ${pool} worker whose broker is paused, with results over it`, { timeout }, () => {
    let node: Node;
    before(async () => {
      node = await rabbitmqWithRpc();
    });
    after(() => node.stop());
    const args = ['-P', pool];

    it('ends soon when nothing runs, and says what the broker was not told', async () => {
      await withWorker(node, { args }, async ({ worker }) => {
        await node.server.pause();
        worker.kill('SIGTERM');

        const { code, stderr } = await worker.ended(SOON).finally(() => node.server.resume());

        assert.equal(code, 0);
        assert.match(stderr, /WARNING.*may not know that it is to send nothing more/);
      });
    });

    it('kills what runs with QUIT, and says what could not be stored', async () => {
      await withWorker(node, { args }, async bench => {
        const { worker } = bench;
        const { size } = await busy(bench, 600);

        await node.server.pause();
        worker.kill('SIGQUIT');
        const { code, stdout, stderr } = await worker
          .ended(SOON)
          .finally(() => node.server.resume());

        assert.equal(code, 0);
        assert.match(stdout, /worker: Cold shutdown \(MainProcess\)/);
        assert.match(stderr, /ERROR.*w\.work\[.*was killed, which could not be stored within 5 s/);
        assert.doesNotMatch(stderr, /w\.lateWork\[.*could not be stored/);
        // nobody acknowledged it
        await eventually(async () => assert.equal(await size(), 1), { seconds: 20 });
      });
    });

    it('does not wait for the broker when INT comes again', async () => {
      await withWorker(node, { args }, async bench => {
        const { worker } = bench;
        const { size } = await busy(bench, 600);

        await node.server.pause();
        worker.kill('SIGINT');
        await worker.sees(/Warm shutdown/);
        worker.kill('SIGINT');
        const { code } = await worker.ended(SOON).finally(() => node.server.resume());

        assert.equal(code, 1);
        await eventually(async () => assert.equal(await size(), 1), { seconds: 20 });
      });
    });
  });
}

describe('a worker whose broker is paused when its last task ends', { timeout: 180_000 }, () => {
  let node: Node;
  before(async () => {
    node = await rabbitmqWithRpc();
  });
  after(() => node.stop());

  it('gives the storing of results a minute over all, whatever the pool', async () => {
    let busyWorkers = 0;
    let stopped = 0;
    const paused = deferred();
    const ends = POOLS.map(pool =>
      withWorker(node, { args: ['-P', pool] }, async bench => {
        const { size } = await busy(bench, 5);
        busyWorkers += 1;
        if (busyWorkers === POOLS.length) node.server.pause().then(paused.resolve, paused.reject);
        await paused.promise;
        bench.worker.kill('SIGTERM');
        const { code, stderr } = await bench.worker.ended(90);

        assert.equal(code, 0);
        assert.match(stderr, /CRITICAL.*w\.work\[.*the failure could not be stored/);
        assert.match(stderr, /the store did not take it within 45 s/);
        stopped += 1;
        if (stopped === POOLS.length) node.server.resume();
        await eventually(async () => assert.equal(await size(), 1), { seconds: 100 });
      }),
    );

    await Promise.all(ends);
  });
});

describe('a worker whose broker is killed, with results over it', { timeout }, () => {
  for (const [signal, pool] of [
    ['SIGTERM', 'prefork'],
    ['SIGQUIT', 'prefork'],
    ['SIGQUIT', 'async'],
  ] as const) {
    it(`ends with ${signal}, ${pool}`, async t => {
      const node = await rabbitmqWithRpc();
      t.after(() => node.stop());
      await withWorker(node, { args: ['-P', pool] }, async bench => {
        const isCold = signal === 'SIGQUIT';
        await busy(bench, isCold ? 600 : 3);

        await node.server.kill();
        bench.worker.kill(signal);
        const { code, stderr } = await bench.worker.ended(isCold ? SOON : 90);

        assert.equal(code, 0);
        assert.match(
          stderr,
          isCold ? /w\.work\[.*was killed, which could not/ : /could not be stored/,
        );
      });
    });
  }
});

describe('a worker whose result store is paused', { timeout }, () => {
  for (const pool of POOLS) {
    it(`kills what runs with QUIT and says what could not be stored, ${pool}`, async t => {
      const redis = await startRedis();
      const proxy = await startTcpProxy(redis.port);
      t.after(async () => {
        await proxy.close();
        await redis.stop();
      });
      const settings = { result_backend: `redis://127.0.0.1:${proxy.port}/1` };
      const surroundings = await redisSurroundings();
      t.after(() => surroundings.stop());
      await withWorker(surroundings, { args: ['-P', pool], settings }, async bench => {
        const { size } = await busy(bench, 600);

        proxy.pause();
        bench.worker.kill('SIGQUIT');
        const { code, stderr } = await bench.worker.ended(SOON);

        assert.equal(code, 0);
        assert.match(stderr, /ERROR.*w\.work\[.*was killed, which could not be stored within 5 s/);
        assert.equal(await size(), 1);
      });
    });
  }
});
