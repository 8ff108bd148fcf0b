import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkerLostError } from '../../src/pool/errors.ts';
import { logFile, startedPool } from '../fixtures/pool-harness.ts';
import { eventually } from '../support/eventually.ts';

const threads = (t: Parameters<typeof startedPool>[0], options = {}) =>
  startedPool(t, 'threads', options);

describe('a thread that dies', () => {
  for (const [fault, text] of [
    ['uncaught', 'nobody catches this'],
    ['unhandled', 'nobody handles this'],
  ] as const) {
    test(`of an ${fault} error fails its job, is logged with the error and replaced`, async t => {
      const h = await threads(t);

      const { error } = await h.run({ do: fault });

      assert.ok(error instanceof WorkerLostError);
      assert.equal(error.message, 'Worker exited prematurely: exitcode 1 Job: 1.');
      assert.equal((await h.run({ do: 'echo', value: 1 })).reply, 1);
      assert.match(h.logs[0]!, /^error: Thread 'ThreadPoolWorker-1' .* 'exitcode 1': Error: /);
      assert.ok(h.logs[0]!.includes(text));
    });
  }

  test('of lack of memory fails its job and leaves the process alone', async t => {
    const h = await threads(t, { resourceLimits: { maxOldGenerationSizeMb: 40 } });

    const { error } = await h.run({ do: 'hoard', ms: 200 });

    assert.ok(error instanceof WorkerLostError);
    assert.match(h.logs[0]!, /memory limit/);
    assert.equal((await h.run({ do: 'echo', value: 1 })).reply, 1);
  });

  test('by process.exit ends only itself and takes no earlier reply along', async t => {
    const h = await threads(t);
    const answers = [1, 2, 3].map(value => h.run({ do: 'echo', value }));
    const exit = h.run({ do: 'exit', code: 3 });

    assert.deepEqual(
      (await Promise.all(answers)).map(a => a.reply),
      [1, 2, 3],
    );
    assert.match((await exit).error!.message, /exitcode 3/);
  });

  test('loses the job it ran and none of those it held', async t => {
    const h = await threads(t, { prefetchPerChild: 20 });
    const log = logFile(t);
    const victim = h.submit({ do: 'block', ms: 60_000, value: 0, log: log.path });
    await eventually(() => log.lines().length === 1);
    const others = [1, 2, 3, 4, 5].map(value => h.run({ do: 'echo', value, log: log.path }));

    h.pool.terminate(victim);

    const { error } = await h.answerTo(victim);
    assert.equal(error?.message, 'signal 15 (SIGTERM)');
    assert.equal((await Promise.all(others)).filter(a => a.error).length, 0);
    assert.deepEqual(log.lines(), ['0', '1', '2', '3', '4', '5']);
  });

  test('again and again starts no job twice and leaves none unanswered', async t => {
    const h = await threads(t, { concurrency: 2, prefetchPerChild: 10 });
    const log = logFile(t);
    const jobs = Array.from({ length: 120 }, (_, value) => {
      const kind = value % 20 === 7 ? 'uncaught' : value % 2 ? 'sleep' : 'block';
      return h.run({ do: kind, ms: value % 5, value, log: log.path });
    });

    const answers = await Promise.all(jobs);

    const runs = log.lines();
    assert.equal(new Set(runs).size, runs.length);
    assert.equal(h.answers.length, 120);
    const lost = answers.filter(a => a.error).length;
    assert.ok(lost >= 6, 'those that die are lost');
    assert.ok(lost <= 12, `${lost} lost`);
  });
});

describe('a hard time limit of a thread', () => {
  test('loses neither the replies nor the jobs beside the one it ends', async t => {
    const h = await threads(t, { timeLimit: 0.4 });
    const log = logFile(t);
    const before = [1, 2, 3].map(value => h.run({ do: 'echo', value, log: log.path }));
    const stuck = h.run({ do: 'block', ms: 60_000, value: 4, log: log.path });
    const after = [5, 6].map(value => h.run({ do: 'echo', value, log: log.path }));

    const answers = await Promise.all([...before, ...after]);

    assert.equal((await stuck).error?.code, 'TIME_LIMIT');
    assert.deepEqual(
      answers.map(a => a.reply),
      [1, 2, 3, 5, 6],
    );
    assert.deepEqual(log.lines(), ['1', '2', '3', '4', '5', '6']);
  });

  test('runs the other slots of the thread again elsewhere', async t => {
    const h = await threads(t, { slots: 2 });
    const log = logFile(t);
    const stuck = h.run({ do: 'sleep', ms: 60_000 }, { timeLimit: 0.3 });
    const other = h.run({ do: 'sleep', ms: 600, value: 'other', log: log.path });

    assert.equal((await stuck).error?.code, 'TIME_LIMIT');
    assert.equal((await other).reply, 'other');
    assert.deepEqual(log.lines(), ['other', 'other']);
  });
});

describe('a threads pool', () => {
  test('replaces a thread after its share of jobs, without a log line', async t => {
    const journal = logFile(t);
    const h = await threads(t, { maxTasksPerChild: 3, runnerConfig: { journal: journal.path } });

    await Promise.all(Array.from({ length: 9 }, () => h.run({ do: 'echo' })));

    await eventually(() => journal.lines().filter(line => line.startsWith('stop')).length === 3);
    assert.deepEqual(h.logs, []);
  });

  for (const kind of ['hoard', 'grow']) {
    test(`replaces a thread whose memory has grown too large (${kind})`, async t => {
      const journal = logFile(t);
      const h = await threads(t, {
        maxMemoryPerChild: 100 * 1024,
        runnerConfig: { journal: journal.path },
      });

      await h.run({ do: kind, ms: 120 });

      await eventually(() => journal.lines().length >= 3);
      assert.match(h.logs[0]!, /^warning: child process exiting after exceeding memory limit \(/);
    });
  }

  test('does 10 000 jobs with two threads', async t => {
    const h = await threads(t, { concurrency: 2, prefetchPerChild: 100 });

    const jobs = Array.from({ length: 10_000 }, (_, value) => h.run({ do: 'echo', value }));
    const answers = await Promise.all(jobs);

    assert.ok(answers.every((a, i) => a.reply === i));
  });

  test('fails only the job whose payload or reply cannot be sent', async t => {
    const h = await threads(t);
    const bad = h.run({ do: 'echo', value: () => {} });
    const good = h.run({ do: 'echo', value: 1 });
    const badReply = h.run({ do: 'unsendable' });

    assert.match((await bad).error!.message, /its payload cannot be sent/);
    assert.match((await badReply).error!.message, /its reply cannot be sent/);
    assert.equal((await good).reply, 1);
  });

  test('shows one process, whatever the number of its threads', async t => {
    const h = await threads(t, { concurrency: 3 });

    assert.deepEqual(h.pool.pids, [process.pid]);
    assert.equal(h.pool.size, 3);
  });
});
