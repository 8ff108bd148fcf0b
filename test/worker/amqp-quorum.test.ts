/** Workers on quorum queues, whose consumers each have a prefetch count of their own. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { eventually } from '../support/eventually.ts';
import { sharedRabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { lines, withWorker } from '../support/worker.ts';

let surroundings: Awaited<ReturnType<typeof sharedRabbitmqWithRpc>>;
before(async () => {
  surroundings = await sharedRabbitmqWithRpc();
});
after(() => surroundings.stop());

const QUORUM = { task_default_queue_type: 'quorum' };

describe('a worker on a quorum queue', () => {
  it('declares its default queue as one when told to', async () => {
    await withWorker(
      surroundings,
      { settings: QUORUM, args: ['-c', '1'] },
      async ({ app, queue }) => {
        const queues = await surroundings.server.queues();

        assert.equal(queues.find(({ name }) => name === queue)?.type, 'quorum');
        assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
      },
    );
  });

  it('declares a queue of task_queues with the arguments that this brings', async () => {
    const settings = { task_queues: { feeds: { queue_arguments: { 'x-queue-type': 'quorum' } } } };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app }) => {
      const queues = await surroundings.server.queues();

      assert.equal(queues.find(({ name }) => name === 'feeds')?.type, 'quorum');
      const result = await app.sendTask('w.add', [1, 2], { queue: 'feeds' });
      assert.equal(await result.get({ timeout: 20 }), 3);
    });
  });

  it('is not blocked by messages that wait for their ETA with it', async () => {
    const settings = { ...QUORUM, worker_prefetch_multiplier: 1 };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app, worker }) => {
      const later = Array.from({ length: 12 }, () =>
        app.sendTask('w.nothing', [], { countdown: 300 }),
      );
      await Promise.all(later);

      const now = await app.sendTask('w.add', [1, 2]);

      assert.equal(await now.get({ timeout: 20 }), 3);
      const received = worker.stderr.concat(worker.stdout).match(/w\.nothing\[.*received/g);
      assert.equal(received?.length, 12);
    });
  });

  it('holds no more than its prefetch count again when those are done', async () => {
    const settings = { ...QUORUM, worker_prefetch_multiplier: 1, task_acks_late: true };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async bench => {
      const { app, worker, file, queue } = bench;
      const notes = file();
      const eta = new Date(Date.now() + 2500);
      const early = Array.from({ length: 6 }, () => app.sendTask('w.add', [1, 2], { eta }));
      await eventually(() => {
        const log = worker.stderr + worker.stdout;
        assert.equal(log.match(/w\.add\[.*received/g)?.length, 6);
      });
      await Promise.all((await Promise.all(early)).map(result => result.get({ timeout: 20 })));

      const transport = await app[INTERNALS].transport();
      for (const name of ['1', '2', '3', '4']) await app.sendTask('w.work', [notes, name, 30]);
      await eventually(async () => assert.deepEqual(await lines(notes), ['1']));

      await eventually(async () => assert.equal(await transport.size(queue), 3));
    });
  });

  it('gives up a task whose worker was lost as often as the broker counted', async () => {
    const settings = {
      ...QUORUM,
      task_acks_late: true,
      task_reject_on_worker_lost: true,
      worker_max_deliveries: 3,
    };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async bench => {
      const { app, file, queue } = bench;
      const notes = file();

      const result = await app.sendTask('w.dies', [notes]);

      await assert.rejects(result.get({ timeout: 60 }), { name: 'WorkerLostError' });
      assert.equal((await lines(notes)).length, 3);
      const transport = await app[INTERNALS].transport();
      assert.equal(await transport.size(queue), 0);
    });
  });

  it('counts a task whose whole worker was killed', async () => {
    const settings = {
      ...QUORUM,
      task_acks_late: true,
      task_reject_on_worker_lost: true,
      worker_max_deliveries: 1,
    };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async bench => {
      const { app, file, worker, another } = bench;
      const notes = file();
      const result = await app.sendTask('w.lateWork', [notes, 'ran', 60]);
      await eventually(async () => assert.deepEqual(await lines(notes), ['ran']));

      worker.kill('SIGKILL');
      await another(['-c', '1']);

      await assert.rejects(result.get({ timeout: 60 }), { name: 'WorkerLostError' });
      assert.deepEqual(await lines(notes), ['ran']);
    });
  });
});
