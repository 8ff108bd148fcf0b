import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WorkerLostError } from '../../src/pool/errors.ts';
import { isAlive, logFile, newPool, startedPool } from '../fixtures/pool-harness.ts';
import { eventually } from '../support/eventually.ts';
import { TYPESCRIPT } from '../support/typescript.ts';

const prefork = (t: Parameters<typeof startedPool>[0], options = {}) =>
  startedPool(t, 'prefork', options);

describe('a child that dies', () => {
  test('loses the job it ran and none of those it held', async t => {
    const h = await prefork(t, { prefetchPerChild: 20 });
    const log = logFile(t);
    const victim = h.run({ do: 'block', ms: 60_000, value: 0, log: log.path });
    await eventually(() => log.lines().length === 1);
    const others = [1, 2, 3, 4, 5].map(value => h.run({ do: 'echo', value, log: log.path }));

    process.kill(h.pool.pids[0]!, 'SIGKILL');

    const { error } = await victim;
    assert.ok(error instanceof WorkerLostError);
    assert.equal(error.message, 'Worker exited prematurely: signal 9 (SIGKILL) Job: 1.');
    assert.equal(error.signal, 'SIGKILL');
    assert.equal((await Promise.all(others)).filter(a => a.error).length, 0);
    assert.deepEqual(log.lines(), ['0', '1', '2', '3', '4', '5']);
  });

  test('is logged and replaced in its slot under the next name', async t => {
    const journal = logFile(t);
    const h = await prefork(t, { runnerConfig: { journal: journal.path } });
    const pid = h.pool.pids[0]!;

    process.kill(pid, 'SIGTERM');

    await eventually(() => journal.lines().length === 2);
    assert.match(journal.lines()[1]!, /^start 1 2 /);
    assert.deepEqual(h.logs, [
      `error: Process 'ForkPoolWorker-1' pid:${pid} exited with 'signal 15 (SIGTERM)'`,
    ]);
    const { launched, lost } = h.pool.vitals();
    assert.deepEqual([launched, lost], [2, 1]);
  });

  test('by process.exit in a job leaves the exit code in the error', async t => {
    const h = await prefork(t);

    const zero = await h.run({ do: 'exit', code: 0 });
    const two = await h.run({ do: 'exit', code: 2 });

    assert.equal(zero.error?.message, 'Worker exited prematurely: exitcode 0 Job: 1.');
    assert.equal(two.error?.message, 'Worker exited prematurely: exitcode 2 Job: 2.');
    assert.equal((await h.run({ do: 'echo', value: 1 })).reply, 1);
  });

  test('by process.exit takes no earlier reply along', async t => {
    const h = await prefork(t);
    const answers = [1, 2, 3].map(value => h.run({ do: 'echo', value }));
    const exit = h.run({ do: 'exit', code: 3 });

    assert.deepEqual(
      (await Promise.all(answers)).map(a => a.reply),
      [1, 2, 3],
    );
    assert.match((await exit).error!.message, /exitcode 3/);
  });

  for (const fault of ['uncaught', 'unhandled']) {
    test(`of an ${fault} error fails its job with exitcode 1`, async t => {
      const h = await prefork(t, { stderr: 'ignore' });

      const { error } = await h.run({ do: fault });

      assert.equal(error?.message, 'Worker exited prematurely: exitcode 1 Job: 1.');
    });
  }

  test('again and again starts no job twice and leaves none unanswered', async t => {
    const h = await prefork(t, { concurrency: 2, prefetchPerChild: 10 });
    const log = logFile(t);
    const random = seeded(20_261_121);
    const jobs = Array.from({ length: 100 }, (_, value) =>
      h.run({ do: random() < 0.5 ? 'sleep' : 'block', ms: random() * 8, value, log: log.path }),
    );
    const all = Promise.all(jobs);
    let kills = 0;
    while (h.answers.length < 80) {
      const progress = h.answers.length + 1 + Math.floor(random() * 15);
      await eventually(() => h.answers.length >= progress, { everyMs: 1 });
      await new Promise(resolve => setTimeout(resolve, random() * 10));
      const { pid } = h.started[h.started.length - 1]!;
      if (h.pool.pids.includes(pid)) process.kill(pid, 'SIGKILL');
      kills++;
    }

    const answers = await all;

    const runs = log.lines();
    assert.equal(new Set(runs).size, runs.length);
    assert.equal(h.answers.length, 100);
    const lost = answers.filter(a => a.error);
    // a kill may also take the answer of the job before along
    assert.ok(lost.length <= 2 * kills, `${lost.length} lost by ${kills} kills`);
    assert.ok(answers.every(a => a.error || runs.includes(String(a.reply))));
  });

  test('before any job too often makes the pool give up', async t => {
    const runnerUrl = new URL('../fixtures/pool-dying-runner.ts', import.meta.url);
    const h = newPool(t, 'prefork', { runnerUrl, concurrency: 2 });

    await assert.rejects(h.pool.start(), /exited with 'exitcode 7' before it was ready/);
  });
});

describe('a child that never gets ready', () => {
  test('fails the start with what it threw, be it an object without a prototype', async t => {
    const runnerUrl = new URL('../fixtures/pool-bare-runner.ts', import.meta.url);
    const h = newPool(t, 'prefork', { runnerUrl });

    await assert.rejects(h.pool.start(), /thrown bare/);
  });

  test('is killed, and a pool with no other child does not start', async t => {
    const runnerUrl = new URL('../fixtures/pool-hanging-runner.ts', import.meta.url);
    const h = newPool(t, 'prefork', { runnerUrl, procAliveTimeout: 0.5 });

    await assert.rejects(h.pool.start(), /ForkPoolWorker-1 was not ready after 0.5 s/);

    assert.deepEqual(h.pool.pids, []);
  });
});

test('a child that was ready while its parent was held up is not killed', async t => {
  const h = newPool(t, 'prefork', { procAliveTimeout: 3 });
  const start = h.pool.start();
  const [pid] = h.pool.pids;
  const until = performance.now() + 4000;
  while (performance.now() < until);

  await start;

  assert.deepEqual(h.pool.pids, [pid]);
});

describe('a hard time limit', () => {
  test('kills a child that is busy in a loop and replaces it', async t => {
    const h = await prefork(t);

    const { error } = await h.run({ do: 'block', ms: 60_000 }, { timeLimit: 0.3 });

    assert.equal(error?.code, 'TIME_LIMIT');
    assert.equal(error?.message, 'TimeLimitExceeded(0.3,)');
    assert.equal((await h.run({ do: 'echo', value: 'alive' })).reply, 'alive');
  });

  test('loses neither the replies nor the jobs beside the one it ends', async t => {
    const h = await prefork(t, { timeLimit: 0.4 });
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

  test('runs the other slots of the child again elsewhere', async t => {
    const h = await prefork(t, { slots: 2 });
    const log = logFile(t);
    const stuck = h.run({ do: 'sleep', ms: 60_000 }, { timeLimit: 0.3 });
    const other = h.run({ do: 'sleep', ms: 600, value: 'other', log: log.path });

    assert.equal((await stuck).error?.code, 'TIME_LIMIT');
    assert.equal((await other).reply, 'other');
    assert.deepEqual(log.lines(), ['other', 'other']);
    assert.equal(h.started.length, 2);
  });

  test('comes after the soft one', async t => {
    const h = await prefork(t);

    const limits = { softTimeLimit: 0.1, timeLimit: 0.3 };
    const { id, error } = await h.run({ do: 'sleep', ms: 60_000 }, limits);

    assert.deepEqual(h.softTimeouts, [{ id, seconds: 0.1 }]);
    assert.equal(error?.code, 'TIME_LIMIT');
  });
});

describe('a long job', () => {
  for (const kind of ['sleep', 'block']) {
    test(`does not keep back short ones that its child holds (${kind})`, async t => {
      const h = await prefork(t, { concurrency: 2, prefetchPerChild: 10 });
      const long = h.run({ do: kind, ms: 3000 });
      const short = Array.from({ length: 12 }, () => h.run({ do: 'echo' }));

      await Promise.all(short);

      assert.ok(h.answers.every(a => a.id !== 1));
      await long;
    });
  }

  test('that blocks its child can still be announced and recalled around', async t => {
    const h = await prefork(t);
    h.submit({ do: 'block', ms: 60_000 });
    const waiting = [h.submit({ do: 'echo' }), h.submit({ do: 'echo' })];
    await eventually(() => h.started.length === 1);

    assert.deepEqual(await h.pool.recall(), waiting);
  });
});

describe('slots', () => {
  test('let one child run several jobs at once', async t => {
    const h = await prefork(t, { slots: 3 });
    assert.equal(h.pool.size, 3);
    const slow = [1, 2].map(() => h.run({ do: 'sleep', ms: 500 }));

    await h.run({ do: 'echo' });

    assert.equal(h.answers.length, 1);
    const pids = new Set(h.started.map(s => s.pid));
    assert.equal(pids.size, 1);
    await Promise.all(slow);
  });

  test('are filled again as each of them becomes free', async t => {
    const h = await prefork(t, { slots: 4 });
    await Promise.all([1, 2, 3, 4].map(() => h.run({ do: 'sleep', ms: 200 })));
    const long = [1, 2, 3].map(() => h.run({ do: 'sleep', ms: 5000 }));
    await eventually(() => h.started.length === 7);

    await h.run({ do: 'echo' });

    assert.equal(h.answers.length, 5);
    assert.equal(long.length, 3);
  });
});

describe('recycling', () => {
  test('replaces a child after its share of jobs, without a log line', async t => {
    const h = await prefork(t, { maxTasksPerChild: 3 });

    const answers = await Promise.all(Array.from({ length: 9 }, () => h.run({ do: 'pid' })));

    assert.equal(new Set(answers.map(a => a.reply)).size, 3);
    assert.deepEqual(h.logs, []);
  });

  test('replaces a child that has grown too large, with a warning', async t => {
    const h = await prefork(t, { maxMemoryPerChild: 200 * 1024 });
    const first = (await h.run({ do: 'pid' })).reply;

    await h.run({ do: 'grow', ms: 200 });

    assert.notEqual((await h.run({ do: 'pid' })).reply, first);
    assert.match(h.logs[0]!, /^warning: child process exiting after exceeding memory limit \(/);
  });
});

describe('a child that has grown too large', () => {
  test('ends what runs in its other slots and gives back what it has not started', async t => {
    const h = await prefork(t, { slots: 2, maxMemoryPerChild: 200 * 1024, prefetchPerChild: 10 });
    const log = logFile(t);
    const gate = logFile(t);
    const neighbour = h.run({ do: 'untilFile', value: gate.path, log: log.path });
    await eventually(() => h.started.length === 1);
    const large = h.run({ do: 'grow', ms: 200, value: 'large', log: log.path });
    const next = [1, 2, 3].map(value => h.run({ do: 'echo', value, log: log.path }));
    await large;
    await eventually(() => h.logs.length === 1);

    assert.ok(!h.answers.some(a => a.id === 1));
    writeFileSync(gate.path, '');

    assert.equal((await neighbour).reply, gate.path);
    assert.deepEqual(
      (await Promise.all(next)).map(a => a.reply),
      [1, 2, 3],
    );
    assert.deepEqual(log.lines().sort(), ['1', '2', '3', gate.path, 'large'].sort());
  });
});

describe('the parent', () => {
  for (const kind of ['sleep', 'block']) {
    test(`that is killed leaves no child behind (${kind})`, async t => {
      const script = fileURLToPath(new URL('../fixtures/pool-parent.ts', import.meta.url));
      const command = JSON.stringify({ do: kind, ms: 60_000 });
      const parent = spawn(process.execPath, [...TYPESCRIPT, script, command], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.after(() => parent.kill('SIGKILL'));
      const [line] = await once(parent.stdout, 'data');
      const pids: number[] = JSON.parse(String(line));
      assert.ok(pids.every(isAlive));

      parent.kill('SIGKILL');

      await eventually(() => !pids.some(isAlive));
    });
  }

  test('that stops its pool leaves no child behind', async t => {
    const h = await prefork(t, { concurrency: 3 });
    h.submit({ do: 'block', ms: 60_000 });
    await eventually(() => h.started.length === 1);
    const pids = h.pool.pids;

    await h.pool.stop();

    assert.ok(!pids.some(isAlive));
  });

  test('passes Ctrl+C by: children ignore SIGINT', async t => {
    const h = await prefork(t);
    const pid = h.pool.pids[0]!;

    process.kill(pid, 'SIGINT');

    assert.equal((await h.run({ do: 'pid' })).reply, pid);
  });
});

describe('a prefork pool', () => {
  test('does 10 000 jobs with two children', async t => {
    const h = await prefork(t, { concurrency: 2, prefetchPerChild: 100 });

    const jobs = Array.from({ length: 10_000 }, (_, value) => h.run({ do: 'echo', value }));
    const answers = await Promise.all(jobs);

    assert.ok(answers.every((a, i) => a.reply === i));
    assert.equal(new Set(h.started.map(s => s.pid)).size, 2);
  });

  test('carries Buffers and a string of a megabyte both ways', async t => {
    const h = await prefork(t);
    const bytes = Buffer.from([0, 1, 254, 255]);
    const text = 'é'.repeat(1024 * 1024);

    const [a, b] = await Promise.all([bytes, text].map(value => h.run({ do: 'echo', value })));

    assert.deepEqual(a!.reply, bytes);
    assert.equal(b!.reply, text);
  });

  test('fails only the job whose payload or reply cannot be sent', async t => {
    const h = await prefork(t);
    const bad = h.run({ do: 'echo', value: () => {} });
    const good = h.run({ do: 'echo', value: 1 });
    const badReply = h.run({ do: 'unsendable' });

    assert.match((await bad).error!.message, /its payload cannot be sent/);
    assert.match((await badReply).error!.message, /its reply cannot be sent/);
    assert.equal((await good).reply, 1);
  });

  test('starts its children side by side and gives each a slot of its own', async t => {
    const journal = logFile(t);
    await prefork(t, { concurrency: 3, runnerConfig: { journal: journal.path } });

    const names = journal.lines().map(line => line.split(' ').slice(0, 3).join(' '));

    assert.deepEqual(names.sort(), ['start 1 1', 'start 2 2', 'start 3 3']);
  });

  test('does not shrink while all children are busy', async t => {
    const h = await prefork(t, { concurrency: 2 });
    h.submit({ do: 'sleep', ms: 60_000 });
    h.submit({ do: 'sleep', ms: 60_000 });
    await eventually(() => h.started.length === 2);

    await assert.rejects(h.pool.shrink(1), /Can't shrink pool. All processes busy!/);
  });

  test('takes a task that sends messages of its own as no concern of its', async t => {
    const h = await prefork(t);

    assert.equal((await h.run({ do: 'chatter', value: 1 })).reply, 1);
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
