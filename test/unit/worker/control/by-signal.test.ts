import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChildReport, Pool } from '../../../../src/pool/contract.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import { activityOf, resizeByOne } from '../../../../src/worker/control/by-signal.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import { madePool, runningPool, turn } from '../../pool/parent/made-children.ts';
import { notedLog, requestFor } from '../made-requests.ts';

type Parts = Pick<WorkerParts, 'pool' | 'autoscaler'>;

function partsOf(parts: Partial<Parts>) {
  const { logger, lines } = notedLog();
  let adjusted = 0;
  const prefetch = {
    adjust: () => {
      adjusted += 1;
    },
  };
  const worker = { logger, prefetch, autoscaler: undefined, ...parts } as unknown as WorkerParts;
  return { worker, lines, adjusted: () => adjusted };
}

describe('a signal for one child more or less', () => {
  it('has the pool grow, and says how large it is now', async () => {
    const { pool, child } = await runningPool();
    const { worker, lines, adjusted } = partsOf({ pool });

    await resizeByOne(worker, 1);
    assert.deepEqual(lines, ['info: The pool will grow: it has 2 places now.']);
    child(2).isReady();
    await turn();

    assert.equal(adjusted(), 1);
  });

  it('has the pool shrink', async () => {
    const { pool } = await runningPool({ concurrency: 3, slots: 2 });
    const { worker, lines } = partsOf({ pool });

    await resizeByOne(worker, -1);

    assert.deepEqual(lines, ['info: The pool will shrink: it has 4 places now.']);
  });

  it('is refused for the last child', async () => {
    const { pool } = await runningPool();
    const { worker, lines, adjusted } = partsOf({ pool });

    await resizeByOne(worker, -1);

    assert.deepEqual(lines, [
      'error: The pool could not shrink: a pool keeps one child at least, and this one has 1',
    ]);
    assert.deepEqual([pool.size, adjusted()], [1, 0]);
  });

  it('is refused when the pool does not run', async () => {
    const { pool } = madePool();
    const { worker, lines } = partsOf({ pool });

    await resizeByOne(worker, 1);

    assert.match(lines[0]!, /^error: The pool could not grow: A pool that is new cannot grow/);
  });

  it('is refused while the number follows the work', async () => {
    const { pool } = await runningPool();
    const autoscaler = {} as NonNullable<Parts['autoscaler']>;
    const { worker, lines } = partsOf({ pool, autoscaler });

    for (const by of [1, -1] as const) await resizeByOne(worker, by);

    assert.equal(pool.size, 1);
    assert.match(
      lines[0]!,
      /^error: The pool could not grow: pool_grow is not supported with auto/,
    );
    assert.match(lines[1]!, /^error: The pool could not shrink: pool_shrink is not supported/);
  });

  it('that fails later is told when it fails', async () => {
    let fail = (_: Error) => {};
    const grown = new Promise<void>((_, reject) => {
      fail = reject;
    });
    const { worker, lines } = partsOf({ pool: { size: 1, grow: () => grown } as unknown as Pool });
    await resizeByOne(worker, 1);
    assert.match(lines[0]!, /^info: The pool will grow/);

    fail(new Error('no memory'));
    await turn();

    assert.equal(lines.at(-1), 'error: The pool could not grow: no memory');
  });
});

/** So many requests of each state, in a worker whose children say this. */
async function activity(counts: { active?: number; reserved?: number }, reports?: ChildReport[]) {
  const state = new WorkerState();
  for (const [name, count] of Object.entries(counts)) {
    for (let n = 0; n < count; n++) {
      const { request } = requestFor({ id: `${name}-${n}` });
      if (name === 'active') Object.assign(request, { state: 'active', pid: 100 + n });
      state.requests.add(request);
    }
  }
  const pool = reports && ({ reports: async () => reports } as unknown as Pool);
  return activityOf(state, pool);
}

describe('what a worker does now', () => {
  it('is nothing when it has nothing', async () => {
    assert.deepEqual(await activity({}), { 'ACTIVE TASKS': [], 'WAITING TASKS': [] });
  });

  it('names what runs with its process, and what waits with its state', async () => {
    const found = await activity({ active: 2, reserved: 1 }, []);

    assert.deepEqual(found, {
      'ACTIVE TASKS': ['t.add[active-0] pid:100', 't.add[active-1] pid:101'],
      'WAITING TASKS': ['t.add[reserved-0] reserved'],
    });
  });

  it('names a hundred of each, and counts the others', async () => {
    const found = await activity({ active: 101, reserved: 350 });

    assert.equal(found['ACTIVE TASKS']!.length, 101);
    assert.equal(found['ACTIVE TASKS']!.at(-1), 'and 1 more');
    assert.equal(found['WAITING TASKS']!.length, 101);
    assert.equal(found['WAITING TASKS']!.at(-1), 'and 250 more');
  });

  it('has what each child says of itself, also one that has no process yet', async () => {
    const found = await activity({}, [
      { name: 'ForkPoolWorker-1', pid: 7, lines: ['runs 1 job'] },
      { name: 'ForkPoolWorker-2', pid: undefined, lines: ['is starting'] },
    ]);

    assert.deepEqual(Object.keys(found).slice(2), [
      'ForkPoolWorker-1 (pid 7)',
      'ForkPoolWorker-2 (pid ?)',
    ]);
    assert.deepEqual(found['ForkPoolWorker-2 (pid ?)'], ['is starting']);
  });
});
