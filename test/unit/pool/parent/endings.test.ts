import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { madePool, runningPool, turn } from './made-children.ts';

describe('a pool that drains', () => {
  test('ends what it has, and then its children', async () => {
    const { pool, child, notes, submit, launcher } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);
    const drained = pool.drain();
    assert.equal(pool.free, 0);
    await turn();
    assert.deepEqual(child(1).told, []);

    child(1).replies(1);
    child(1).replies(2);
    await drained;

    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok', 'started 2 in 101', 'done 2: ok']);
    assert.equal(child(1).told[0], 'finish');
    assert.deepEqual(child(1).kills, []);
    assert.equal(launcher.isStopped, true);
  });

  test('waits for replies whose place is free already', async () => {
    const { pool, child, notes, submit } = await runningPool();
    await submit(1);
    child(1).starts(1);
    child(1).turns({ released: [1] });
    const drained = pool.drain();
    await turn();
    assert.deepEqual(child(1).told, []);

    child(1).replies(1);
    await drained;

    assert.equal(notes.at(-1), 'done 1: ok');
  });

  test('replaces a child that dies while there is work', async () => {
    const { pool, child, notes, submit } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);
    const drained = pool.drain();

    child(1).exits({ signal: 'SIGKILL' });
    child(2).isReady();
    await turn();
    child(2).replies(1);
    await drained;

    assert.equal(notes.at(-1), 'done 2: ok');
  });

  test('and replaces none when nothing is left to do', async () => {
    const { pool, child, submit, launcher } = await runningPool({ concurrency: 2 });
    child(1).obeys = false;
    await submit(1);
    child(1).starts(1);
    const drained = pool.drain();

    child(1).exits({ signal: 'SIGKILL' });
    await drained;

    assert.equal(launcher.children.length, 2);
  });

  test('is done at once when it has nothing', async () => {
    const { pool, launcher } = await runningPool({ concurrency: 2 });
    await pool.drain();
    assert.equal(launcher.alive, 0);
  });

  test('is asked twice and drains once', async () => {
    const { pool, child, submit } = await runningPool();
    await submit(1);
    const [first, second] = [pool.drain(), pool.drain()];
    child(1).replies(1);
    await Promise.all([first, second]);
    assert.deepEqual(child(1).told.filter(type => type === 'finish').length, 1);
  });

  test('stops instead when it never started', async () => {
    const { pool, launcher } = madePool();
    await pool.drain();
    assert.equal(launcher.isStopped, true);
  });

  test('and gets nothing done ends as soon as it is stopped', async () => {
    const { pool, child, notes, submit } = await runningPool();
    await submit(1);
    child(1).starts(1);
    const drained = pool.drain();

    await pool.stop();
    await drained;

    assert.deepEqual(child(1).kills, ['SIGTERM']);
    assert.deepEqual(notes, ['started 1 in 101']);
  });

  test('keeps to the time limits', async () => {
    const { pool, child, clock, notes, submit } = await runningPool({ timeLimit: 2 });
    await submit(1);
    child(1).starts(1);
    const drained = pool.drain();

    clock.advance(2);
    await drained;

    assert.equal(notes.at(-1), 'failed 1: TimeLimitExceeded TimeLimitExceeded(2,)');
  });
});

describe('a pool that stops', () => {
  test('kills its children, and tells nothing more of any job', async () => {
    const { pool, child, notes, submit } = await runningPool({ softTimeLimit: 1 });
    child(1).obeys = false;
    await submit(1, 2);
    child(1).starts(1);
    const before = [...notes];
    const stopped = pool.stop();

    child(1).says({ type: 'waits', ticket: 1, what: 'a result' });
    child(1).turns({ done: [1], replies: ['late'], started: [2] });
    child(1).says({ type: 'waits', ticket: 1, what: 'a result' });
    child(1).says({ type: 'threw', ticket: 2, error: 'late' });
    child(1).exits({ signal: 'SIGTERM' });
    await stopped;

    assert.deepEqual(notes, before);
  });

  test('kills those for good that do not heed the first signal', async () => {
    const { pool, child, clock } = await runningPool({ concurrency: 2 });
    child(2).obeys = false;
    const stopped = pool.stop();
    await turn();
    assert.deepEqual(child(2).kills, ['SIGTERM']);

    clock.advance(0.1);
    await stopped;

    assert.deepEqual([child(1).kills, child(2).kills], [['SIGTERM'], ['SIGTERM', 'SIGKILL']]);
  });

  test('twice, or before it was started, does no harm', async () => {
    const { pool } = madePool();
    await pool.stop();
    await pool.stop();
    assert.deepEqual([pool.size, pool.free, pool.pids], [0, 0, []]);
  });

  test('leaves no timer behind, whatever it was about', async () => {
    const { pool, child, clock, submit } = await runningPool({
      concurrency: 2,
      softTimeLimit: 5,
      timeLimit: 9,
    });
    await submit(1, 2, 3);
    child(1).starts(1);
    void pool.grow(1);

    await pool.stop();

    assert.equal(clock.pending, 0);
  });
});

describe('a pool in a hurry', () => {
  test('tells its children once, those that get ready later as well', async () => {
    const { pool, child } = await runningPool();
    void pool.grow(1);

    pool.hurry();
    pool.hurry();

    assert.deepEqual([child(1).told, child(2).told], [['hurry'], []]);
    child(2).isReady();
    assert.deepEqual(child(2).told, ['hurry']);
  });
});

describe('what a pool tells an operator', () => {
  test('is what Celery tells, and more', async () => {
    const { pool, child, submit } = await runningPool({
      concurrency: 2,
      slots: 3,
      softTimeLimit: 5,
      maxTasksPerChild: 10,
    });
    await submit(1);
    child(1).replies(1);

    assert.deepEqual(pool.info(), {
      implementation: 'tscelery.pool.prefork:TaskPool',
      'max-concurrency': 6,
      processes: [101, 102],
      'max-tasks-per-child': 10,
      'put-guarded-by-semaphore': false,
      timeouts: [5, 0],
      slots: 3,
      'jobs-done': 1,
    });
  });

  test('has N/A where a child is never replaced', async () => {
    const { pool } = await runningPool();
    assert.equal(pool.info()['max-tasks-per-child'], 'N/A');
  });
});
