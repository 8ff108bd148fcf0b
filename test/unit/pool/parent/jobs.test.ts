import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { madePool, runningPool, turn } from './made-children.ts';

describe('a job', () => {
  test('goes to a child, and its start and its reply are told', async () => {
    const { child, notes, submit } = await runningPool();

    await submit(1);
    child(1).starts(1);
    child(1).replies(1, 'three');

    assert.deepEqual(child(1).payloads, ['p1']);
    assert.deepEqual(notes, ['started 1 in 101', 'done 1: three']);
  });

  test('whose reply is the first word of it has started all the same', async () => {
    const { child, notes, submit } = await runningPool();
    await submit(7);

    child(1).replies(1);

    assert.deepEqual(notes, ['started 7 in 101', 'done 7: ok']);
  });

  test('is told of once, whatever a child repeats', async () => {
    const { child, notes, submit } = await runningPool();
    await submit(1);
    child(1).starts(1);
    child(1).starts(1);
    child(1).turns({ released: [1] });
    child(1).replies(1);

    child(1).replies(1);
    child(1).turns({ started: [1], released: [1], dropped: [1] });
    child(1).says({ type: 'threw', ticket: 1, error: 'late' });
    child(1).says({ type: 'waits', ticket: 1, what: 'a result' });

    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok']);
  });

  test('that a child never got is nothing that it could speak of', async () => {
    const { child, notes } = await runningPool();

    child(1).turns({ started: [5], released: [5], done: [5], replies: ['x'], dropped: [5] });

    assert.deepEqual(notes, []);
  });

  test('of one turn travels with the others of it', async () => {
    const { child, submit } = await runningPool();

    await submit(1, 2, 3);

    const messages = child(1).sent.filter(({ type }) => type === 'jobs');
    assert.equal(messages.length, 1);
    assert.deepEqual(child(1).payloads, ['p1', 'p2', 'p3']);
  });

  test('waits until a child is ready', async () => {
    const { pool, child, submit } = madePool();
    const started = pool.start();
    await submit(1);
    assert.deepEqual(child(1).payloads, []);

    child(1).isReady();
    await started;
    await turn();

    assert.deepEqual(child(1).payloads, ['p1']);
  });

  test('that waits for a result says so, and that it goes on', async () => {
    const { child, notes, submit } = await runningPool();
    await submit(4);
    child(1).starts(1);

    child(1).says({ type: 'waits', ticket: 1, what: 'a result' });
    child(1).says({ type: 'waits', ticket: 1, what: undefined });

    assert.deepEqual(notes.slice(1), ['waits 4: a result', 'waits 4: undefined']);
  });

  test('that the runner itself failed at is lost, and the log names the child', async () => {
    const { child, notes, submit } = await runningPool();
    await submit(1);

    child(1).says({ type: 'threw', ticket: 1, error: 'TypeError: no' });

    assert.deepEqual(notes, [
      'started 1 in 101',
      'error: ForkPoolWorker-1: runner failed: TypeError: no, job 1',
      'failed 1: WorkerLostError runner failed: TypeError: no',
    ]);
  });

  test('that cannot be sent fails alone, and those beside it arrive', async () => {
    const { pool, child, notes } = await runningPool();
    pool.submit({ id: 1, payload: 'p1' });
    pool.submit({ id: 2, payload: () => 1 });
    pool.submit({ id: 3, payload: 'p3' });

    await turn();
    await turn();

    assert.deepEqual(child(1).payloads, ['p1', 'p3']);
    assert.match(notes.join('\n'), /failed 2: WorkerLostError .*its payload cannot be sent/);
    child(1).replies(3);
    assert.equal(notes.at(-1), 'done 3: ok');
  });
});

describe('room', () => {
  test('is what the children run and hold ahead, and no more is taken', async () => {
    const { pool, submit } = await runningPool({ concurrency: 2, slots: 3, prefetchPerChild: 1 });
    assert.deepEqual([pool.size, pool.free], [6, 8]);

    await submit(1, 2, 3, 4, 5, 6, 7, 8);

    assert.equal(pool.free, 0);
    assert.throws(() => pool.submit({ id: 9, payload: '' }), /no room for job 9/);
  });

  test('is told once, after there was none', async () => {
    const { child, counts, submit } = await runningPool({ prefetchPerChild: 1 });
    await submit(1);
    child(1).replies(1);
    assert.equal(counts.room, 0);

    await submit(2, 3);
    child(1).replies(2);
    child(1).replies(3);

    assert.equal(counts.room, 1);
  });

  test('comes with the release of a place, before the reply', async () => {
    const { pool, child, counts, notes, submit } = await runningPool({ prefetchPerChild: 0 });
    await submit(1);
    child(1).starts(1);
    child(1).turns({ released: [1] });

    assert.deepEqual([counts.room, pool.free], [1, 1]);
    await submit(2);
    assert.deepEqual(child(1).payloads, ['p1', 'p2']);
    child(1).replies(1);
    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok']);
    assert.equal(pool.free, 0);
  });

  test('is nowhere before the start and after the end', async () => {
    const { pool, child } = madePool();
    assert.deepEqual([pool.free, pool.size], [0, 1]);
    const started = pool.start();
    assert.ok(pool.free > 0);
    child(1).isReady();
    await started;

    await pool.stop();

    assert.equal(pool.free, 0);
    assert.throws(() => pool.submit({ id: 1, payload: '' }), RangeError);
  });
});

describe('jobs that have not started', () => {
  test('are given back, and those that have stay, also when no word of it has come', async () => {
    const { pool, child, notes, submit } = await runningPool();
    await submit(1, 2, 3);
    child(1).starts(1);
    child(1).claims(2);

    assert.deepEqual(await pool.recall(), [3]);

    assert.deepEqual(notes, ['started 1 in 101', 'started 2 in 101']);
    assert.equal(child(1).claims(3), 'dropped');
    child(1).turns({ done: [1, 2], replies: ['a', 'b'] });
    assert.deepEqual(notes.slice(2), ['done 1: a', 'done 2: b']);
  });

  test('are given back in the order in which they came, from the line as well', async () => {
    const { pool, submit } = await runningPool({ prefetchPerChild: 1 });
    await submit(1, 2);

    assert.deepEqual(await pool.recall(), [1, 2]);

    assert.equal(pool.free, 2);
    assert.deepEqual(await pool.recall(), []);
  });

  test('and that a child dropped in time go to whoever is free, with a ticket of their own', async () => {
    const { child, notes, submit, pool } = await runningPool({ concurrency: 2 });
    await submit(1, 2);
    child(1).turns({ dropped: [1] });
    await turn();

    assert.deepEqual(child(1).payloads, ['p1', 'p1']);
    child(1).replies(2);
    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok']);
    assert.deepEqual(await pool.recall(), [2]);
  });
});

describe('ending one job', () => {
  test('that nobody has is told of in a turn of its own', async () => {
    const { pool, child, notes } = await runningPool();
    pool.submit({ id: 1, payload: 'p1' });

    assert.equal(pool.terminate(1), true);
    assert.deepEqual(notes, []);
    await turn();

    assert.deepEqual(notes, ['failed 1: Terminated signal 15 (SIGTERM)']);
    assert.deepEqual([child(1).payloads, child(1).kills], [[], []]);
  });

  test('that a child has not started spares the child', async () => {
    const { pool, child, notes, submit } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);

    assert.equal(pool.terminate(2, 'SIGKILL'), true);
    await turn();

    assert.deepEqual(notes.slice(1), ['failed 2: Terminated signal 9 (SIGKILL)']);
    assert.deepEqual(child(1).kills, []);
    assert.equal(child(1).claims(2), 'dropped');
  });

  test('that runs kills its child, and another one takes the place', async () => {
    const { pool, child, notes, submit, launcher } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);

    assert.equal(pool.terminate(1, 'SIGUSR1'), true);
    await turn();

    assert.deepEqual(child(1).kills, ['SIGUSR1']);
    assert.deepEqual(notes.slice(1), ['failed 1: Terminated signal 10 (SIGUSR1)']);
    assert.equal(launcher.children.length, 2);
    child(2).isReady();
    await turn();
    assert.deepEqual(child(2).payloads, ['p2']);
  });

  test('that catches the signal is killed a second later', async () => {
    const { pool, child, clock, notes, submit } = await runningPool();
    child(1).obeys = false;
    await submit(1);
    child(1).starts(1);
    pool.terminate(1);

    clock.advance(0.9);
    assert.deepEqual(child(1).kills, ['SIGTERM']);
    clock.advance(0.2);
    await turn();

    assert.deepEqual(child(1).kills, ['SIGTERM', 'SIGKILL']);
    assert.equal(notes.at(-1), 'failed 1: Terminated signal 9 (SIGKILL)');
  });

  test('that is not here, or whose code has ended, does nothing', async () => {
    const { pool, child, submit } = await runningPool();
    await submit(1);
    child(1).starts(1);
    child(1).turns({ released: [1] });

    assert.deepEqual([pool.terminate(1), pool.terminate(99)], [false, false]);
    assert.deepEqual(child(1).kills, []);
  });

  test('with a signal that does not exist is refused, and the job goes on', async () => {
    const { pool, child, notes, submit } = await runningPool();
    await submit(1);
    child(1).starts(1);

    assert.throws(() => pool.terminate(1, 'SIGFOO' as NodeJS.Signals), TypeError);

    child(1).replies(1);
    assert.equal(notes.at(-1), 'done 1: ok');
  });

  test('is not told of after the pool has stopped', async () => {
    const { pool, notes } = await runningPool();
    pool.submit({ id: 1, payload: 'p1' });
    pool.terminate(1);

    await pool.stop();
    await turn();

    assert.deepEqual(notes, []);
  });
});
