/** Results over the broker, as the caller of a task sees them. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, RemoteTaskError, TaskRevokedError, WorkerLostError } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { rpcBrokers } from '../support/rpc-brokers.ts';
import { type Surroundings, type WorkerBench, withWorker } from '../support/worker.ts';

for (const { broker, surround } of rpcBrokers) {
  describe(`a result sent over ${broker}`, () => {
    let surroundings: Surroundings;
    let bench: WorkerBench;
    let finish: () => void;
    let finished: Promise<void>;

    before(async () => {
      surroundings = await surround();
      await new Promise<void>((ready, failed) => {
        finished = withWorker(surroundings, {}, async started => {
          bench = started;
          ready();
          await new Promise<void>(resolve => {
            finish = resolve;
          });
        });
        finished.catch(failed);
      });
    });
    after(async () => {
      finish();
      await finished;
      await surroundings.stop();
    });

    const send = (name: string, args: unknown[] = [], options = {}) =>
      bench.app.sendTask(name, args, options);

    it('is what the task returned', async () => {
      assert.equal(await (await send('w.add', [1, 2])).get({ timeout: 20 }), 3);
    });

    it('waits for the caller who asks late', async () => {
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) => send('w.add', [i, i])),
      );
      await eventually(async () => {
        for (const result of results) assert.equal(await result.state(), 'SUCCESS');
      });

      const values = await Promise.all(results.map(result => result.get({ timeout: 1 })));

      assert.deepEqual(
        values,
        results.map((_, i) => 2 * i),
      );
    });

    it('is told at once to who revokes a call that waits for its time', async () => {
      const result = await send('w.add', [1, 2], { countdown: 60 });
      await bench.worker.sees(new RegExp(`${result.id}\\] received`));

      await result.revoke();

      await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
    });

    it('can be had twice, also by another handle of the same process', async () => {
      const result = await send('w.add', [1, 2]);

      assert.equal(await result.get({ timeout: 20 }), 3);
      assert.equal(await result.get(), 3);
      assert.equal(await bench.app.AsyncResult(result.id).get({ timeout: 5 }), 3);
    });

    it('is out of reach of another process, which goes on waiting', async () => {
      const other = new Celery('other', { ...surroundings.settings });
      const result = await send('w.add', [1, 2]);
      await result.get({ timeout: 20 });

      await assert.rejects(other.AsyncResult(result.id).get({ timeout: 0.3 }), { code: 'TIMEOUT' });

      assert.equal(await other.AsyncResult(result.id).state(), 'PENDING');
      await other.close();
    });

    for (const [name, args, states] of [
      ['w.progress', [], ['PROGRESS', 'PROGRESS', 'PROGRESS', 'SUCCESS']],
      ['w.retries', [2], ['RETRY', 'RETRY', 'SUCCESS']],
    ] as const) {
      it(`is preceded by the states on the way of ${name}`, async () => {
        const seen: string[] = [];
        const taskId = randomUUID();
        const waiting = bench.app.AsyncResult(taskId).get({
          timeout: 20,
          onMessage: ({ status }) => void seen.push(status),
        });
        const backend = await bench.app[INTERNALS].backend();
        await eventually(() => assert.equal(backend.subscriptions, 1));

        await send(name, [...args], { taskId });

        await waiting;
        assert.deepEqual(seen, states);
        assert.equal(backend.subscriptions, 0);
      });
    }

    it('may be an error', async () => {
      const result = await send('w.fail', ['so sorry']);

      await assert.rejects(result.get({ timeout: 20 }), (error: Error) => {
        assert.ok(error instanceof RemoteTaskError || error instanceof TypeError);
        assert.match(error.message, /so sorry/);
        return true;
      });
      assert.match((await result.traceback()) ?? '', /worker-app\./);
    });

    it('comes from the worker itself when the task never ran or died', async () => {
      const expired = await send('w.add', [1, 1], { countdown: 0.5, expires: 0.1 });
      const dead = await send('w.dies', [bench.file()]);

      await assert.rejects(expired.get({ timeout: 20 }), TaskRevokedError);
      await assert.rejects(dead.get({ timeout: 20 }), WorkerLostError);
    });

    it('reaches a task that waits for the task it sent', async () => {
      const id = await (await send('w.spawnAndAwait', [4, 5])).get({ timeout: 20 });

      assert.equal(id, 9);
    });

    it('is dropped for those who do not want it', async () => {
      const ignored = await send('w.add', [1, 2], { ignoreResult: true });
      const file = bench.file();
      const unanswered = await send('w.work', [file, 'done', 0], { replyTo: '' });

      assert.equal(await ignored.get(), undefined);
      await eventually(async () => assert.deepEqual(await bench.lines(file), ['done']));
      assert.equal(await unanswered.state(), 'PENDING');
    });
  });
}
