import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PoolFailure } from '../../../../src/pool/errors.ts';
import { EXIT_RECYCLE } from '../../../../src/pool/messages.ts';
import { madePool, runningPool, turn } from './made-children.ts';

describe('the start of a pool', () => {
  test('is over when nothing is unknown about any child any more', async () => {
    const { pool, child, launcher, counts } = madePool({ concurrency: 3 });
    let isUp = false;
    const started = pool.start().then(() => {
      isUp = true;
    });
    assert.deepEqual(counts.launched, [1, 2, 3]);
    assert.equal(launcher.alive, 3);

    child(2).isReady();
    child(1).isReady();
    await turn();
    assert.equal(isUp, false);
    child(3).isReady();
    await started;

    assert.deepEqual([...pool.pids].sort(), [101, 102, 103]);
  });

  test('tells each child its place, its name and what it is to run', async () => {
    const { child } = await runningPool({
      concurrency: 2,
      slots: 4,
      maxTasksPerChild: 7,
      maxMemoryPerChild: 1000,
      runnerConfig: { app: 'proj' },
    });

    const [init] = child(2).sent;

    assert.ok(init?.type === 'init');
    assert.deepEqual([init.slot, init.index, init.name], [2, 2, 'ForkPoolWorker-2']);
    assert.deepEqual([init.slots, init.maxTasks, init.maxMemory], [4, 7, 1000]);
    assert.deepEqual([init.runnerUrl, init.runnerConfig], ['file:///runner.js', { app: 'proj' }]);
    assert.equal(init.watchesStack, false);
  });

  test('succeeds with one child that is ready, and the others are tried again', async () => {
    const { pool, child, launcher, clock } = madePool({ concurrency: 2 });
    const started = pool.start();
    child(1).isReady();
    child(2).says({ type: 'broken', message: 'no module', stack: 'Error: no module\n at x' });
    child(2).exits({ exitCode: 1 });
    await started;
    assert.equal(launcher.children.length, 2);

    clock.advance(0.25);

    assert.equal(launcher.children.length, 3);
    assert.deepEqual(pool.vitals(), { wanted: 2, ready: 1, blocked: 0, launched: 3, lost: 1 });
  });

  test("fails with a child's own words when none gets ready, and leaves none behind", async () => {
    const { pool, child, launcher } = madePool({ concurrency: 2 });
    const started = pool.start();
    for (const n of [1, 2]) {
      child(n).says({ type: 'broken', message: 'no module', stack: 'Error: no module' });
      child(n).exits({ exitCode: 1 });
    }

    await assert.rejects(started, (error: unknown) => {
      assert.ok(error instanceof PoolFailure);
      assert.match(error.message, /^Could not start worker processes: no module/);
      return true;
    });
    assert.equal(launcher.isStopped, true);
    assert.equal(launcher.alive, 0);
  });

  test('fails when nothing can be launched at all', async () => {
    const { pool, launcher } = madePool();
    launcher.failures.push(new Error('spawn ENOMEM'));

    await assert.rejects(pool.start(), /Could not start worker processes: .*ENOMEM/);
  });

  test('kills a child that does not get ready in time, not without listening once more', async () => {
    const { pool, child, clock } = madePool({ procAliveTimeout: 2 });
    const started = pool.start();

    clock.advance(2);
    assert.deepEqual(child(1).kills, []);
    clock.advance(0.1);

    assert.deepEqual(child(1).kills, ['SIGKILL']);
    await assert.rejects(started, /ForkPoolWorker-1 was not ready after 2 s/);
  });

  test('does not kill one whose word came late', async () => {
    const { pool, child, clock } = madePool({ procAliveTimeout: 2 });
    const started = pool.start();
    clock.advance(2);

    child(1).isReady();
    await started;
    clock.advance(10);

    assert.deepEqual(child(1).kills, []);
  });

  test('happens once', async () => {
    const { pool } = await runningPool();
    await assert.rejects(pool.start(), /A pool that is running cannot be started/);
    await pool.stop();
    await assert.rejects(pool.start(), /A pool that is stopped cannot be started/);
  });

  test('that is stopped says so and waits for nobody', async () => {
    const { pool } = madePool({ concurrency: 2 });
    const started = pool.start();
    const failed = assert.rejects(started, /The pool was stopped while it was starting/);

    await pool.stop();

    await failed;
  });
});

describe('a child that dies', () => {
  test('loses what it ran, and what it had not started goes to the next one', async () => {
    const { child, notes, submit, launcher } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);

    child(1).exits({ signal: 'SIGSEGV' });
    child(2).isReady();
    await turn();

    assert.deepEqual(notes, [
      'started 1 in 101',
      'failed 1: WorkerLostError Worker exited prematurely: signal 11 (SIGSEGV) Job: 1.',
      "error: Process 'ForkPoolWorker-1' pid:101 exited with 'signal 11 (SIGSEGV)'",
    ]);
    assert.deepEqual(child(2).payloads, ['p2']);
    assert.equal(launcher.alive, 1);
  });

  test('had started what its ledger says, although it never told', async () => {
    const { child, notes, submit } = await runningPool();
    await submit(1, 2);
    child(1).claims(1);

    child(1).exits({ exitCode: 1 });
    child(2).isReady();
    await turn();

    assert.deepEqual(notes.slice(0, 2), [
      'started 1 in 101',
      'failed 1: WorkerLostError Worker exited prematurely: exitcode 1 Job: 1.',
    ]);
    assert.deepEqual(child(2).payloads, ['p2']);
  });

  test('gets a successor in the same place with a number of its own', async () => {
    const { child, counts, pool } = await runningPool({ concurrency: 2 });

    child(1).exits({ signal: 'SIGKILL' });

    assert.deepEqual(counts.launched, [1, 2, 1]);
    const [init] = child(3).sent;
    assert.ok(init?.type === 'init');
    assert.deepEqual([init.slot, init.name], [1, 'ForkPoolWorker-3']);
    assert.deepEqual(pool.vitals(), { wanted: 2, ready: 1, blocked: 0, launched: 3, lost: 1 });
  });

  test('again and again without a job done ends the pool', async () => {
    const { child, notes, launcher } = await runningPool();

    for (let n = 1; n <= 101; n++) {
      child(n).isReady();
      child(n).exits({ signal: 'SIGKILL' });
    }

    assert.match(notes.at(-1)!, /^fatal: More than 100 pool processes died within 1 s/);
    assert.equal(launcher.children.length, 101);
  });

  test('again and again with jobs done between is replaced for ever', async () => {
    const { child, notes, submit } = await runningPool();

    for (let n = 1; n <= 150; n++) {
      child(n).isReady();
      await submit(n);
      child(n).replies(1);
      child(n).exits({ signal: 'SIGKILL' });
    }

    assert.ok(!notes.some(note => note.startsWith('fatal')));
  });
});

describe('a child that has done its share', () => {
  test('is replaced while it still runs, and its successor waits for its place', async () => {
    const { child, notes, submit } = await runningPool({ maxTasksPerChild: 1 });
    await submit(1, 2);
    child(1).starts(1);
    child(1).says({ type: 'leaving', note: undefined });

    child(2).isReady();
    await turn();
    assert.deepEqual([child(1).payloads, child(2).payloads], [['p1'], []]);
    child(1).replies(1);
    await turn();

    assert.deepEqual(child(2).payloads, ['p2']);
    child(1).exits({ exitCode: EXIT_RECYCLE });
    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok']);
  });

  test('never gets more jobs than that', async () => {
    const { child, submit } = await runningPool({ maxTasksPerChild: 2, prefetchPerChild: 8 });

    await submit(1, 2, 3, 4);

    assert.deepEqual(child(1).payloads, ['p1', 'p2']);
  });

  test('says why, when it has a reason', async () => {
    const { child, notes, pool } = await runningPool();

    child(1).says({ type: 'leaving', note: 'child of 400 KiB' });
    child(1).says({ type: 'leaving', note: 'once more' });
    child(1).exits({ exitCode: EXIT_RECYCLE });

    assert.deepEqual(notes, ['warning: child of 400 KiB']);
    assert.equal(pool.vitals().lost, 0);
  });

  test('but dies of something else on its way counts as lost', async () => {
    const { child, notes, pool } = await runningPool();
    child(1).says({ type: 'leaving', note: undefined });

    child(1).exits({ signal: 'SIGKILL' });

    assert.equal(pool.vitals().lost, 1);
    assert.match(notes[0]!, /exited with 'signal 9 \(SIGKILL\)'/);
  });
});

describe('a launch that fails while the pool runs', () => {
  test('is tried again after ever longer pauses, and ends the pool at last', async () => {
    const { child, clock, notes, launcher } = await runningPool();
    for (let i = 0; i < 11; i++) launcher.failures.push(new Error('spawn EAGAIN'));

    child(1).exits({ signal: 'SIGKILL' });
    for (let i = 0; i < 11; i++) {
      await turn();
      clock.advance(5);
    }

    assert.match(notes.at(-1)!, /^fatal: Could not start worker processes \(11 tries\): .*EAGAIN/);
    assert.equal(launcher.failures.length, 0);
  });

  test('is made good by the first one that works', async () => {
    const { child, clock, pool, launcher, submit } = await runningPool();
    launcher.failures.push(new Error('spawn EAGAIN'));
    child(1).exits({ signal: 'SIGKILL' });
    await submit(1);
    assert.deepEqual(pool.pids, []);

    clock.advance(0.25);
    child(2).isReady();
    await turn();

    assert.deepEqual(pool.pids, [102]);
    assert.deepEqual(child(2).payloads, ['p1']);
  });

  test('is not tried again after the pool has stopped', async () => {
    const { child, clock, pool, launcher } = await runningPool();
    launcher.failures.push(new Error('spawn EAGAIN'));
    child(1).exits({ signal: 'SIGKILL' });
    await turn();

    await pool.stop();
    clock.advance(60);

    assert.equal(launcher.children.length, 1);
  });
});
