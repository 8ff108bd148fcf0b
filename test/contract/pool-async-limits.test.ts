import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { logFile, startedPool } from '../fixtures/pool-harness.ts';
import { eventually } from '../support/eventually.ts';

const LATE = /^warning: async: job 1 ended after it was given up; its answer is ignored$/;

describe('an async pool', () => {
  test('runs 10 000 jobs, a hundred at once and never more', async t => {
    const h = await startedPool(t, 'async', { concurrency: 100 });

    const jobs = Array.from({ length: 10_000 }, () => h.run({ do: 'crowd', ms: 1 }));
    const answers = await Promise.all(jobs);

    assert.equal(Math.max(...answers.map(a => Number(a.reply))), 100);
  });

  test('takes no IPC: jobs and replies may hold anything, functions too', async t => {
    const h = await startedPool(t, 'async', { concurrency: 2 });
    const value = () => 'here';

    assert.equal((await h.run({ do: 'echo', value })).reply, value);
  });

  test('fills the place of a job that does not end although its time is up', async t => {
    const h = await startedPool(t, 'async', { concurrency: 2 });
    const stuck = [1, 2].map(() => h.run({ do: 'sleep', ms: 60_000 }, { timeLimit: 0.1 }));

    const next = await h.run({ do: 'echo', value: 'next' });

    assert.equal(next.reply, 'next');
    assert.deepEqual(
      (await Promise.all(stuck)).map(a => a.error?.code),
      ['TIME_LIMIT', 'TIME_LIMIT'],
    );
    assert.equal(h.pool.free, 10);
  });

  for (const value of ['answer', 'throw']) {
    test(`ignores the late ${value} of a job whose time was up, and logs that once`, async t => {
      const h = await startedPool(t, 'async', { concurrency: 2 });
      const log = logFile(t);
      const command = { do: 'obstinate', ms: 100, value, log: log.path };

      const { error } = await h.run(command, { timeLimit: 0.1 });

      assert.equal(error?.code, 'TIME_LIMIT');
      await eventually(() => h.logs.length > 0);
      assert.equal(log.lines().at(-1), 'TimeLimitExceeded true');
      assert.match(h.logs[0]!, LATE);
      await h.pool.drain();
      assert.equal(h.answers.length, 1);
      assert.equal(h.logs.length, 1);
    });
  }

  test('tells a job that is terminated by its signal, and waits for it no longer', async t => {
    const h = await startedPool(t, 'async');
    const log = logFile(t);
    const id = h.submit({ do: 'obstinate', ms: 0, log: log.path });
    await eventually(() => h.started.length === 1);

    h.pool.terminate(id);

    assert.equal((await h.answerTo(id)).error?.code, 'TERMINATED');
    await eventually(() => log.lines().at(-1) === 'Terminated true');
  });

  test('aborts what runs when it is stopped', async t => {
    const h = await startedPool(t, 'async', { concurrency: 2 });
    const log = logFile(t);
    h.submit({ do: 'obstinate', ms: 0, log: log.path });
    await eventually(() => h.started.length === 1);

    await h.pool.stop();

    await eventually(() => log.lines().at(-1) === 'Terminated true');
    assert.deepEqual(h.answers, []);
    assert.deepEqual(h.logs, []);
  });

  test('names a job that blocks the loop after a pause among those that may have', async t => {
    const h = await startedPool(t, 'async', { concurrency: 3, blockedAfter: 0.1 });
    const sleeping = h.submit({ do: 'sleep', ms: 60_000 });

    const { id } = await h.run({ do: 'pauseAndBlock', ms: 200 });

    assert.deepEqual(h.blockages[0]?.jobs, [id, sleeping]);
  });
});
