/** A rate limit that is set from the command line, by the clock of the tasks that it slows down. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { redisSurroundings, type Surroundings, WORKER_APP, withWorker } from '../support/worker.ts';

const PER_SECOND = 25;
const TASKS = 51;

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

describe('tscelery control rate_limit', () => {
  it('holds back a task that its worker could start much faster', async t => {
    await withWorker(surroundings, { args: ['-E'] }, async ({ app, queue }) => {
      const started: number[] = [];
      const receiver = app.events.Receiver({
        handlers: { 'task-started': ({ timestamp }) => started.push(timestamp) },
      });
      await receiver.start();
      t.after(() => receiver.stop());
      const settings = { ...surroundings.settings, task_default_queue: queue };
      const words = ['control', 'rate_limit', 'w.add', `${PER_SECOND}/s`];

      const { stdout, code } = await runCli(['-A', `${WORKER_APP}:app`, ...words], {
        env: { TEST_SETTINGS: JSON.stringify(settings) },
      });
      for (let i = 0; i < TASKS; i++) await app.sendTask('w.add', [i, 1]);
      await eventually(() => assert.equal(started.length, TASKS), { seconds: 30 });

      assert.equal(code, 0);
      assert.equal(stdout, '->  w1@test: OK\n        new rate limit set successfully\n');
      const seconds = Math.max(...started) - Math.min(...started);
      const rate = (TASKS - 1) / seconds;
      t.diagnostic(`${rate.toFixed(2)} of ${PER_SECOND} a second`);
      // a machine that is busy with other tests may be late, and never early
      assert.ok(rate < PER_SECOND * 1.05, `${rate} a second`);
      assert.ok(rate > PER_SECOND * 0.5, `${rate} a second`);
    });
  });
});
