import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { madePool, runningPool, turn } from './made-children.ts';

describe('a pool that grows', () => {
  test('has room at once, and has grown when the new children are ready', async () => {
    const { pool, child, counts } = await runningPool({ prefetchPerChild: 0 });
    let isGrown = false;
    const grown = pool.grow(2).then(() => {
      isGrown = true;
    });
    assert.deepEqual([pool.size, pool.free, counts.room], [3, 3, 1]);

    child(2).isReady();
    await turn();
    assert.equal(isGrown, false);
    child(3).isReady();
    await grown;

    assert.deepEqual(counts.launched, [1, 2, 3]);
  });

  test('fills the places that became free, before it makes new ones', async () => {
    const { pool, counts } = await runningPool({ concurrency: 3 });
    await pool.shrink(1);
    assert.equal(pool.letGo(2), 2);

    void pool.grow(4);

    assert.deepEqual(counts.launched.slice(3), [1, 2, 3, 4]);
  });

  for (const n of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    test(`or shrinks by ${n} is refused`, async () => {
      const { pool } = await runningPool({ concurrency: 2 });
      const message = new RegExp(`whole number of at least 1, not ${n}`);

      await assert.rejects(pool.grow(n), message);
      await assert.rejects(pool.shrink(n), message);
      assert.equal(pool.size, 2);
    });
  }

  test('does so only while it runs', async () => {
    const { pool } = madePool();
    await assert.rejects(pool.grow(1), /A pool that is new cannot grow/);
    await pool.stop();
    await assert.rejects(pool.grow(1), /A pool that is stopped cannot grow/);
  });

  test('and is stopped meanwhile does not keep anybody waiting', async () => {
    const { pool } = await runningPool();
    const grown = pool.grow(1);

    await pool.stop();
    await grown;
  });
});

describe('a pool that shrinks', () => {
  test('lets the youngest idle places go', async () => {
    const { pool, child } = await runningPool({ concurrency: 3 });

    await pool.shrink(2);

    assert.deepEqual(pool.pids, [101]);
    assert.deepEqual([child(2).told[0], child(3).told[0]], ['finish', 'finish']);
    assert.equal(pool.vitals().lost, 0);
  });

  test('keeps one child, and those that run something', async () => {
    const { pool, child, submit } = await runningPool({ concurrency: 2, prefetchPerChild: 0 });
    await submit(1, 2);
    child(1).starts(1);
    child(2).starts(1);

    await assert.rejects(pool.shrink(2), /a pool keeps one child at least, and this one has 2/);
    await assert.rejects(pool.shrink(1), /Can't shrink pool. All processes busy!/);

    assert.equal(pool.size, 2);
  });

  test('takes back what the child had not started', async () => {
    const { pool, child, submit, notes } = await runningPool({ concurrency: 2 });
    await submit(1, 2);
    child(1).starts(1);

    await pool.shrink(1);
    child(1).replies(1);
    await turn();

    assert.deepEqual(child(1).payloads, ['p1', 'p2']);
    child(1).replies(2);
    assert.equal(notes.at(-1), 'done 2: ok');
  });

  test('kills a child that does not hear that it is to go', async () => {
    const { pool, child, clock } = await runningPool({ concurrency: 2 });
    child(2).obeys = false;
    const shrunk = pool.shrink(1);

    clock.advance(2.9);
    assert.deepEqual(child(2).kills, []);
    clock.advance(0.2);
    await shrunk;

    assert.deepEqual(child(2).kills, ['SIGKILL']);
  });

  test('gives one that has heard ten seconds for its last steps', async () => {
    const { pool, child, clock } = await runningPool({ concurrency: 2 });
    child(2).obeys = false;
    const shrunk = pool.shrink(1);
    child(2).says({ type: 'pong', report: undefined });

    clock.advance(9.9);
    assert.deepEqual(child(2).kills, []);
    clock.advance(0.2);
    await shrunk;

    assert.deepEqual(child(2).kills, ['SIGKILL']);
  });
});

describe('a pool that lets children go', () => {
  test('takes the idle ones, and says how many there were', async () => {
    const { pool, child, submit } = await runningPool({ concurrency: 3, prefetchPerChild: 0 });
    await submit(1);
    child(1).starts(1);

    assert.equal(pool.letGo(3), 2);
    assert.equal(pool.size, 1);
  });

  test('takes busy ones only when it is told to, and they end what they run', async () => {
    const { pool, child, submit, notes } = await runningPool({ prefetchPerChild: 0 });
    child(1).obeys = false;
    await submit(1);
    child(1).starts(1);
    assert.equal(pool.letGo(1), 0);

    assert.equal(pool.letGo(1, true), 1);
    assert.deepEqual([pool.size, pool.free], [0, 0]);
    child(1).replies(1);
    child(1).exits({ exitCode: 0 });

    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok']);
    assert.equal(pool.vitals().lost, 0);
  });

  test('does nothing when it is not up', async () => {
    const { pool } = madePool();
    assert.equal(pool.letGo(1), 0);
  });

  test('and takes work afterwards does it when it has grown again', async () => {
    const { pool, child, notes, submit } = await runningPool();
    assert.equal(pool.letGo(1), 1);
    await turn();
    void pool.grow(1);
    await submit(1);

    child(2).isReady();
    await turn();
    child(2).replies(1);

    assert.deepEqual(notes, ['started 1 in 102', 'done 1: ok']);
  });
});

describe('the restart of a pool', () => {
  test('replaces one child after the other, each when the new one is ready', async () => {
    const { pool, child, launcher } = await runningPool({ concurrency: 2 });
    const restarted = pool.restart();
    await turn();
    assert.equal(launcher.children.length, 3);
    assert.deepEqual(child(1).told, []);

    child(3).isReady();
    await turn();
    assert.deepEqual(child(1).told.slice(0, 1), ['finish']);
    assert.deepEqual(child(2).told, []);
    child(4).isReady();
    await restarted;
    await turn();

    assert.deepEqual(pool.pids, [103, 104]);
    assert.equal(pool.vitals().lost, 0);
  });

  test('spares what runs, and what has not started goes to the new one after it', async () => {
    const { pool, child, submit, notes } = await runningPool();
    child(1).obeys = false;
    await submit(1, 2);
    child(1).starts(1);
    const restarted = pool.restart();
    await turn();
    child(2).isReady();
    await restarted;
    await turn();
    assert.deepEqual(child(2).payloads, []);

    child(1).replies(1);
    await turn();
    child(2).replies(1);

    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok', 'started 2 in 102', 'done 2: ok']);
  });

  test('that fails keeps the old children and says why', async () => {
    const { pool, child, submit, notes } = await runningPool();
    const restarted = pool.restart();
    await turn();

    child(2).says({ type: 'broken', message: 'SyntaxError: x', stack: 'SyntaxError: x' });
    child(2).exits({ exitCode: 1 });

    await assert.rejects(restarted, /Could not restart: SyntaxError: x/);
    await submit(1);
    child(1).replies(1);
    assert.equal(notes.at(-1), 'done 1: ok');
  });

  test('that cannot launch a child says why', async () => {
    const { pool, launcher } = await runningPool();
    launcher.failures.push('no memory');

    await assert.rejects(pool.restart(), /Could not restart: no memory/);
    assert.deepEqual(pool.pids, [101]);
  });

  test('asked for twice happens twice, one after the other', async () => {
    const { pool, child, launcher } = await runningPool();
    const [first, second] = [pool.restart(), pool.restart()];
    await turn();
    child(2).isReady();
    await first;
    await turn();
    assert.equal(launcher.children.length, 3);

    child(3).isReady();
    await second;

    assert.deepEqual(pool.pids, [103]);
  });

  test('does not bring back a place that was given up meanwhile', async () => {
    const { pool, child } = await runningPool({ concurrency: 2 });
    const restarted = pool.restart();
    await turn();
    assert.equal(pool.letGo(1), 1);
    await turn();

    child(3).isReady();
    await restarted;

    assert.deepEqual(pool.pids, [103]);
    assert.equal(pool.size, 1);
  });

  test('needs a pool that runs', async () => {
    const { pool } = madePool();
    await assert.rejects(pool.restart(), /A pool that is new cannot be restarted/);
  });

  test('ends with the pool', async () => {
    const { pool } = await runningPool({ concurrency: 2 });
    const restarted = pool.restart();
    const failed = assert.rejects(restarted, /Could not restart|stopped while it was restarting/);
    await turn();

    await pool.stop();

    await failed;
  });
});
