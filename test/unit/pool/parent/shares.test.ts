import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeldJob } from '../../../../src/pool/parent/held-job.ts';
import { patienceWith } from '../../../../src/pool/parent/transfer.ts';
import { runningPool, turn } from './made-children.ts';

const KIB = 1024;
const LARGE = 256 * KIB;

describe('jobs', () => {
  test('are dealt to the children evenly', async () => {
    const { child, submit } = await runningPool({ concurrency: 3 });

    await submit(1, 2, 3, 4, 5, 6, 7);

    assert.deepEqual(child(1).payloads, ['p1', 'p4', 'p7']);
    assert.deepEqual(child(2).payloads, ['p2', 'p5']);
    assert.deepEqual(child(3).payloads, ['p3', 'p6']);
  });

  test('go ahead to a child only as far as was allowed', async () => {
    const { pool, child, submit } = await runningPool({ concurrency: 2, prefetchPerChild: 1 });

    await submit(1, 2, 3, 4);

    assert.deepEqual([child(1).payloads.length, child(2).payloads.length], [2, 2]);
    assert.equal(pool.free, 0);
  });

  test('that proved to be long are not sent ahead at all', async () => {
    const { child, clock, submit } = await runningPool({ prefetchPerChild: 8 });
    for (let ticket = 1; ticket <= 20; ticket++) {
      await submit(ticket);
      child(1).starts(ticket);
      clock.advance(0.5);
      child(1).replies(ticket);
    }
    const before = child(1).payloads.length;

    await submit(21, 22, 23);

    assert.deepEqual(child(1).payloads.slice(before), ['p21']);
  });

  test('that proved to be short are sent ahead again', async () => {
    const { child, clock, submit } = await runningPool({ prefetchPerChild: 8 });
    for (let ticket = 1; ticket <= 60; ticket++) {
      await submit(ticket);
      child(1).starts(ticket);
      clock.advance(ticket <= 20 ? 0.5 : 0.001);
      child(1).replies(ticket);
    }
    const before = child(1).payloads.length;

    await submit(61, 62, 63);

    assert.deepEqual(child(1).payloads.slice(before), ['p61', 'p62', 'p63']);
  });

  test('come in parcels and not one by one while a child has enough', async () => {
    const { child, submit } = await runningPool({ prefetchPerChild: 8 });
    await submit(1, 2, 3, 4, 5, 6, 7, 8, 9);
    await assert.rejects(submit(10, 11, 12, 13, 14, 15, 16, 17, 18), /no room/);

    child(1).replies(1);
    await submit(10);
    assert.equal(child(1).payloads.length, 9);
    for (const ticket of [2, 3, 4, 5]) child(1).replies(ticket);
    await turn();

    assert.equal(child(1).payloads.length, 10);
  });

  test('do not go to a child whose replies to 64 others are still being written', async () => {
    const { child, submit } = await runningPool({ prefetchPerChild: 0 });
    for (let ticket = 1; ticket <= 64; ticket++) {
      await submit(ticket);
      child(1).starts(ticket);
      child(1).turns({ released: [ticket] });
    }

    await submit(65);
    assert.equal(child(1).payloads.length, 64);
    child(1).replies(1);
    await turn();

    assert.equal(child(1).payloads.at(-1), 'p65');
  });

  test('of some size are sent ahead up to half a megabyte', async () => {
    const { pool, child } = await runningPool();
    for (let id = 1; id <= 5; id++) pool.submit({ id, payload: 'x'.repeat(200 * KIB) });

    await turn();

    assert.equal(child(1).payloads.length, 2);
    child(1).starts(1);
    child(1).starts(2);
    child(1).replies(1);
    child(1).replies(2);
    await turn();
    assert.equal(child(1).payloads.length, 4);
  });

  test('that are light go ahead whatever lies before them', async () => {
    const { pool, child, submit } = await runningPool();
    for (let id = 1; id <= 2; id++) pool.submit({ id, payload: 'x'.repeat(200 * KIB) });

    await submit(3, 4);

    assert.deepEqual(child(1).payloads.slice(2), ['p3', 'p4']);
  });
});

describe('a large payload', () => {
  const large = (id: number) => ({ id, payload: 'x'.repeat(LARGE) });

  test('goes ahead of its job, which follows when all of it is there', async () => {
    const { pool, child, notes } = await runningPool();
    pool.submit(large(1));
    await turn();
    assert.deepEqual([child(1).parcels.length, child(1).told], [1, []]);
    assert.ok(child(1).parcels[0]!.bytes >= LARGE);

    child(1).parcels[0]!.events.onSent();
    assert.deepEqual(child(1).sent.at(-1), { type: 'large-job', ticket: 1, careful: false });
    child(1).replies(1);

    assert.deepEqual(notes, ['started 1 in 101', 'done 1: ok']);
  });

  test('is sent only where its job can start', async () => {
    const { pool, child, submit } = await runningPool({ concurrency: 2 });
    await submit(1);
    child(1).starts(1);

    pool.submit(large(2));
    pool.submit(large(3));
    await turn();

    assert.deepEqual([child(1).parcels.length, child(2).parcels.length], [0, 1]);
    child(1).replies(1);
    await turn();
    assert.deepEqual([child(1).parcels.length, child(2).parcels.length], [1, 1]);
  });

  test('is not overtaken by what comes after it', async () => {
    const { pool, child, submit } = await runningPool();
    pool.submit(large(1));

    await submit(2, 3);

    assert.deepEqual(child(1).payloads, []);
    child(1).parcels[0]!.events.onSent();
    await turn();
    child(1).starts(1);
    child(1).replies(1);
    await turn();
    assert.deepEqual(child(1).payloads, ['p2', 'p3']);
  });

  test('that nobody takes in goes to another child after a second', async () => {
    const { pool, child, clock, submit } = await runningPool({ concurrency: 2 });
    await submit(1, 2);
    child(1).starts(1);
    child(2).starts(1);
    child(2).replies(1);
    pool.submit(large(3));
    await turn();
    assert.equal(child(2).parcels.length, 1);
    child(1).replies(1);

    clock.advance(1.1);
    await turn();

    assert.equal(child(2).parcels[0]!.isCancelled, true);
    assert.deepEqual(child(2).told, ['no-parcel', 'ping']);
    assert.equal(child(1).parcels.length, 1);
  });

  test('that moves on, however slowly, is not given up', async () => {
    const { pool, child, clock } = await runningPool();
    pool.submit(large(1));
    await turn();

    for (let i = 0; i < 5; i++) {
      clock.advance(0.9);
      child(1).parcels[0]!.events.onMoved();
    }

    assert.equal(child(1).parcels[0]!.isCancelled, false);
  });

  test('is forgotten when its job is given back or ended', async () => {
    const { pool, child, notes } = await runningPool({ concurrency: 2 });
    pool.submit(large(1));
    pool.submit(large(2));
    await turn();

    assert.equal(pool.terminate(2), true);
    await turn();
    assert.deepEqual(notes, ['failed 2: Terminated signal 15 (SIGTERM)']);
    assert.deepEqual(await pool.recall(), [1]);

    assert.deepEqual(
      [child(1).parcels[0]!.isCancelled, child(2).parcels[0]!.isCancelled],
      [true, true],
    );
    assert.deepEqual([child(1).kills, child(2).kills], [[], []]);
  });

  test('goes to the next child when the first one dies on the way', async () => {
    const { pool, child, notes } = await runningPool();
    pool.submit(large(1));
    await turn();

    child(1).exits({ signal: 'SIGKILL' });
    child(2).isReady();
    await turn();

    assert.equal(child(2).parcels.length, 1);
    assert.equal(notes.length, 1);
  });

  test('that cannot be sent fails its job, and the log says why', async () => {
    const { pool, child, notes } = await runningPool();
    pool.submit({ id: 1, payload: { f: () => 1 }, size: LARGE });

    await turn();
    await turn();

    assert.equal(child(1).parcels.length, 0);
    assert.match(notes.join('\n'), /failed 1: WorkerLostError .*its payload cannot be sent/);
  });

  test('has more patience each time it was in vain', () => {
    const held = new HeldJob({ id: 1, payload: '' });
    const seconds = [0, 1, 2, 5].map(times => {
      held.parcelsInVain = times;
      return patienceWith(held);
    });
    assert.deepEqual(seconds, [1, 2, 4, 32]);
  });
});

describe('the size of a job', () => {
  const sizes: readonly [string, unknown, number | undefined, number, boolean][] = [
    ['a text', 'abc', undefined, 3, false],
    ['a text whose size was told', 'abc', 10, 10, false],
    ['what is no text', { a: 1 }, undefined, 0, false],
    ['just too little to be large', '', LARGE - 1, LARGE - 1, false],
    ['just large', '', LARGE, LARGE, true],
  ];
  for (const [what, payload, size, expected, isLarge] of sizes) {
    test(`of ${what} is ${expected}`, () => {
      const held = new HeldJob({ id: 1, payload, size });
      assert.deepEqual([held.size, held.isLarge], [expected, isLarge]);
    });
  }
});
