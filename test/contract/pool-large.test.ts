import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Harness, startedPool } from '../fixtures/pool-harness.ts';
import { eventually } from '../support/eventually.ts';

const MIB = 2 ** 20;

/** A job that answers with the length of what it was given. */
function large(mib: number): [{ do: string; value: string }, { size: number }] {
  const value = 'x'.repeat(mib * MIB);
  return [{ do: 'length', value }, { size: value.length }];
}

for (const kind of ['prefork', 'threads']) {
  describe(`a large payload in the ${kind} pool`, () => {
    test('runs once, however long its way into the child is', async t => {
      const h = await startedPool(t, kind);

      const { reply } = await h.run(...large(64));

      assert.equal(reply, 64 * MIB);
      assert.equal(h.started.length, 1);
      assert.equal(h.answers.length, 1);
    });

    test('keeps its place in line', async t => {
      const h = await startedPool(t, kind);
      const jobs = [1, 8, 2, 0, 3].map(mib => h.run(...large(mib)));

      const replies = (await Promise.all(jobs)).map(answer => answer.reply);

      assert.deepEqual(replies, [1 * MIB, 8 * MIB, 2 * MIB, 0, 3 * MIB]);
      assert.deepEqual(
        h.answers.map(answer => answer.id),
        [1, 2, 3, 4, 5],
      );
    });

    test('is no obstacle to the small ones in other slots', async t => {
      const h = await startedPool(t, kind, { slots: 3 });
      const big = [16, 16].map(mib => h.run(...large(mib)));

      const small = await Promise.all([1, 2, 3, 4].map(value => h.run({ do: 'echo', value })));

      assert.deepEqual(
        small.map(answer => answer.reply),
        [1, 2, 3, 4],
      );
      for (const { reply } of await Promise.all(big)) assert.equal(reply, 16 * MIB);
    });

    test('that cannot be sent fails its job alone', async t => {
      const h = await startedPool(t, kind);
      const bad = { do: 'echo', value: { call() {} } };

      const { error } = await h.run(bad, { size: MIB });

      assert.match(error!.message, /its payload cannot be sent/);
      assert.equal((await h.run({ do: 'echo', value: 'next' })).reply, 'next');
    });

    test('is waited for when the pool is drained', async t => {
      const h = await startedPool(t, kind);
      h.submit(...large(8));

      await h.pool.drain();

      assert.equal(h.answers[0]?.reply, 8 * MIB);
    });
  });
}

describe('a large payload on its way into a process that does not read', () => {
  /** The payload fills the pipe and goes no further. */
  async function stuck(t: Parameters<typeof startedPool>[0]): Promise<Harness> {
    const h = await startedPool(t, 'prefork');
    process.kill(h.pool.pids[0]!, 'SIGSTOP');
    h.submit(...large(8));
    await new Promise(setImmediate);
    return h;
  }

  test('is recalled', async t => {
    const h = await stuck(t);

    assert.deepEqual(await h.pool.recall(), [1]);

    assert.deepEqual(h.answers, []);
  });

  test('is terminated, and the next one takes its place', async t => {
    const h = await stuck(t);

    assert.equal(h.pool.terminate(1), true);

    assert.equal((await h.answerTo(1)).error?.code, 'TERMINATED');
    process.kill(h.pool.pids[0]!, 'SIGCONT');
    assert.equal((await h.run(...large(4))).reply, 4 * MIB);
  });

  test('goes to the next process when that one dies', async t => {
    const h = await stuck(t);
    const answer = h.answerTo(1);

    process.kill(h.pool.pids[0]!, 'SIGKILL');

    assert.equal((await answer).reply, 8 * MIB);
    assert.equal(h.started.length, 1);
  });

  test('goes to another process after a while', async t => {
    const h = await startedPool(t, 'prefork', { concurrency: 2 });
    for (const pid of h.pool.pids) process.kill(pid, 'SIGSTOP');
    const answer = h.answerTo(h.submit(...large(8)));
    await new Promise(setImmediate);

    process.kill(h.pool.pids[1]!, 'SIGCONT');

    assert.equal((await answer).reply, 8 * MIB);
    process.kill(h.pool.pids[0]!, 'SIGCONT');
  });

  test('does not use up its time limit', async t => {
    const h = await startedPool(t, 'prefork');
    const [pid] = h.pool.pids;
    process.kill(pid!, 'SIGSTOP');
    const [payload, { size }] = large(8);
    const answer = h.answerTo(h.submit(payload, { size, timeLimit: 0.5 }));

    setTimeout(() => process.kill(pid!, 'SIGCONT'), 600); // longer than the limit

    assert.equal((await answer).reply, 8 * MIB);
  });
});

describe('large payloads', {
  skip: process.platform !== 'linux' && 'counts bytes by /proc',
}, () => {
  const written = () => Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);

  test('cross the pipe once', async t => {
    const h = await startedPool(t, 'prefork', { concurrency: 2 });
    const before = written();

    const jobs = Array.from({ length: 20 }, () => h.run(...large(2)));
    for (const { reply } of await Promise.all(jobs)) assert.equal(reply, 2 * MIB);

    assert.ok(written() - before < 44 * MIB, `${(written() - before) / MIB} MiB for 40`);
  });

  test('of middling size do not crowd at a child that cannot run them yet', async t => {
    const h = await startedPool(t, 'prefork', { slots: 100 });
    const before = written();

    const [payload] = large(1);
    const job = { ...payload, value: payload.value.slice(0, 200 * 1024) };
    const jobs = Array.from({ length: 300 }, () => h.run(job, { size: job.value.length }));
    await eventually(() => h.answers.length === jobs.length);

    assert.ok(written() - before < 66 * MIB, `${(written() - before) / MIB} MiB for 59`);
  });
});
