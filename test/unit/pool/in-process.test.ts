import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JobControl } from '../../../src/pool/contract.ts';
import { PoolFailure } from '../../../src/pool/errors.ts';
import { InProcessPool } from '../../../src/pool/in-process.ts';
import type { PoolOptions } from '../../../src/pool/options.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { notedEvents, turns } from './parent/made-children.ts';

interface Given extends Partial<PoolOptions> {
  readonly name?: 'solo' | 'async';
}

/** A pool whose jobs run until the test ends them, by their payload. */
async function setup({ name = 'async', ...options }: Given = {}) {
  const clock = new FakeClock(0);
  const { notes, counts, events } = notedEvents();
  const controls = new Map<string, JobControl>();
  const ends = new Map<string, (value: unknown) => void>();
  const fails = new Map<string, (error: unknown) => void>();
  const calls: string[] = [];
  const pool = new InProcessPool(name, {
    concurrency: 2,
    blockedAfter: 60,
    runnerUrl: new URL('file:///runner.js'),
    runnerConfig: {},
    createRunner: async () => ({
      run: (payload, control) => {
        controls.set(String(payload), control);
        return new Promise((resolve, reject) => {
          ends.set(String(payload), resolve);
          fails.set(String(payload), reject);
        });
      },
      hurry: () => void calls.push('hurry'),
      stop: async () => void calls.push('stop'),
    }),
    clock,
    events,
    ...options,
  });
  await pool.start();
  const submit = async (...ids: number[]) => {
    for (const id of ids) pool.submit({ id, payload: `p${id}` });
    await turns();
  };
  const end = async (id: number, value: unknown = 'ok') => {
    ends.get(`p${id}`)!(value);
    await turns();
  };
  const fail = async (id: number, error: unknown) => {
    fails.get(`p${id}`)!(error);
    await turns();
  };
  const control = (id: number) => controls.get(`p${id}`)!;
  const told = () => notes.map(note => note.replace(` in ${process.pid}`, ''));
  return { pool, clock, counts, calls, submit, end, fail, control, told, ran: () => controls.size };
}

describe('a pool inside the worker', () => {
  test('runs as many jobs as it has places, in order', async () => {
    const { submit, end, told } = await setup();
    await submit(1, 2, 3);
    assert.deepEqual(told(), ['started 1', 'started 2']);

    await end(2, 'two');
    await end(1, 'one');
    await end(3, 'three');

    assert.deepEqual(told().slice(2), ['done 2: two', 'started 3', 'done 1: one', 'done 3: three']);
  });

  test('has one place when it is solo, whatever the concurrency', async () => {
    const { pool, submit, told } = await setup({ name: 'solo', concurrency: 8 });
    await submit(1, 2);
    assert.deepEqual([pool.size, told()], [1, ['started 1']]);
  });

  test('takes no more than it has room for, and tells when there is some again', async () => {
    const { pool, submit, end, counts } = await setup({ prefetchPerChild: 1 });
    await submit(1, 2, 3);
    assert.equal(pool.free, 0);
    assert.throws(() => pool.submit({ id: 4, payload: '' }), /no room for job 4/);

    await end(1);
    await end(2);

    assert.deepEqual([counts.room, pool.free], [1, 2]);
  });

  test('has room as soon as a place is released, before the reply', async () => {
    const { pool, submit, control, told, end } = await setup({
      concurrency: 1,
      prefetchPerChild: 0,
    });
    await submit(1);
    control(1).release();
    control(1).release();
    assert.equal(pool.free, 1);

    await submit(2);
    await end(1);

    assert.deepEqual(told(), ['started 1', 'started 2', 'done 1: ok']);
  });

  test('tells for what a job waits', async () => {
    const { submit, control, told } = await setup();
    await submit(1);
    control(1).waits?.('a result');
    control(1).waits?.(undefined);
    assert.deepEqual(told().slice(1), ['waits 1: a result', 'waits 1: undefined']);
  });

  test('loses a job whose runner throws, and says so', async () => {
    const { submit, fail, told } = await setup();
    await submit(1);
    await fail(1, new TypeError('no'));
    assert.deepEqual(told().slice(1), [
      'error: async: runner failed: TypeError: no, job 1',
      'failed 1: WorkerLostError runner failed: TypeError: no',
    ]);
  });

  test('gives back what has not started', async () => {
    const { pool, submit } = await setup({ concurrency: 1 });
    await submit(1, 2, 3);

    assert.deepEqual(await pool.recall(), [2, 3]);
    assert.deepEqual(await pool.recall(), []);
    assert.equal(pool.free, 8);
  });

  test('has no children that could become more or fewer', async () => {
    const { pool } = await setup();
    await assert.rejects(pool.grow(), /The async pool has no children: it cannot grow/);
    await assert.rejects(pool.shrink(), /it cannot shrink/);
    await assert.rejects(pool.restart(), /cannot load code twice: restart the worker/);
    assert.deepEqual([pool.letGo(), await pool.reports(), pool.pids], [0, [], [process.pid]]);
    assert.equal(pool.vitals().wanted, 0);
  });

  test('tells an operator which limits it keeps', async () => {
    const limits = { softTimeLimit: 3, timeLimit: 5 };
    const { pool: many } = await setup(limits);
    const { pool: one, told } = await setup({ ...limits, name: 'solo' });
    assert.deepEqual(
      [many.info().timeouts, one.info().timeouts],
      [
        [3, 5],
        [3, 0],
      ],
    );
    assert.deepEqual(told(), [
      'warning: The solo pool cannot enforce hard time limits; use prefork.',
    ]);
  });

  test('says which module could not be loaded', async () => {
    const createRunner = () => Promise.reject(new Error('no app'));
    await assert.rejects(setup({ createRunner }), (error: unknown) => {
      assert.ok(error instanceof PoolFailure);
      assert.equal(error.message, 'Could not load file:///runner.js: Error: no app');
      return true;
    });
  });

  test('is started once', async () => {
    const { pool } = await setup();
    await assert.rejects(pool.start(), /can be started only once/);
    await pool.stop();
    await assert.rejects(pool.start(), /can be started only once/);
  });
});

describe('time limits inside the worker', () => {
  test('abort the signal of a job, and then give it up', async () => {
    const { submit, clock, control, told, end, pool } = await setup({
      softTimeLimit: 1,
      timeLimit: 2,
    });
    await submit(1);
    clock.advance(1);
    assert.match(String(control(1).signal.reason), /SoftTimeLimitExceeded\(1,\)/);
    assert.equal(control(1).isAbandoned, false);

    clock.advance(1);
    assert.deepEqual(told().slice(1), [
      'soft limit 1: 1',
      'failed 1: TimeLimitExceeded TimeLimitExceeded(2,)',
    ]);
    assert.equal(control(1).isAbandoned, true);
    assert.equal(pool.free, 10);

    await end(1, 'late');
    assert.match(told().at(-1)!, /^warning: async: job 1 ended after it was given up/);
  });

  test('of a job that was given up make place for the next one', async () => {
    const { submit, clock, told } = await setup({ concurrency: 1, timeLimit: 2 });
    await submit(1, 2);

    clock.advance(2);
    await turns();

    assert.deepEqual(told().slice(-1), ['started 2']);
  });

  test('that are hard mean nothing to solo, which can give up nothing', async () => {
    const { submit, clock, told, end } = await setup({
      name: 'solo',
      softTimeLimit: 1,
      timeLimit: 2,
    });
    await submit(1);
    clock.advance(10);
    await end(1);
    assert.deepEqual(told().slice(1), ['started 1', 'soft limit 1: 1', 'done 1: ok']);
  });

  test('end with the release of the place', async () => {
    const { submit, clock, control, told, end } = await setup({ softTimeLimit: 1, timeLimit: 2 });
    await submit(1);
    control(1).release();
    clock.advance(10);
    await end(1);
    assert.deepEqual(told(), ['started 1', 'done 1: ok']);
  });
});

describe('ending one job inside the worker', () => {
  test('that waits takes it out, and the others keep their order', async () => {
    const { pool, submit, told, end } = await setup({ concurrency: 1 });
    await submit(1, 2, 3, 4);

    assert.equal(pool.terminate(3), true);
    await turns();
    for (const id of [1, 2, 4]) await end(id);

    assert.deepEqual(told(), [
      ...['started 1', 'failed 3: Terminated SIGTERM', 'done 1: ok'],
      ...['started 2', 'done 2: ok', 'started 4', 'done 4: ok'],
    ]);
  });

  test('that runs gives it up', async () => {
    const { pool, submit, control, told } = await setup();
    await submit(1);

    assert.equal(pool.terminate(1, 'SIGKILL'), true);
    await turns();

    assert.deepEqual(told().slice(1), ['failed 1: Terminated SIGKILL']);
    assert.equal(control(1).signal.aborted, true);
  });

  test('that runs is beyond solo', async () => {
    const { pool, submit, told, end } = await setup({ name: 'solo' });
    await submit(1, 2);
    assert.deepEqual([pool.terminate(1), pool.terminate(2)], [false, true]);
    await turns();
    await end(1);
    assert.deepEqual(told(), ['started 1', 'failed 2: Terminated SIGTERM', 'done 1: ok']);
  });

  test('that has ended before its turn came changes nothing', async () => {
    const { pool, submit, control, told, end } = await setup();
    await submit(1);
    control(1).release();
    assert.deepEqual([pool.terminate(1), pool.terminate(99)], [false, false]);
    await end(1);
    assert.equal(told().at(-1), 'done 1: ok');
  });

  test('with a signal that does not exist is refused', async () => {
    const { pool, submit } = await setup();
    await submit(1);
    assert.throws(() => pool.terminate(1, 'SIGFOO' as NodeJS.Signals), TypeError);
  });
});

describe('the end of a pool inside the worker', () => {
  test('waits for what runs and for replies, and takes nothing new', async () => {
    const { pool, submit, control, told, end, calls } = await setup({ concurrency: 1 });
    await submit(1, 2);
    control(1).release();
    const drained = pool.drain();
    assert.equal(pool.free, 0);
    await turns();
    assert.deepEqual(calls, []);

    await end(1);
    await end(2);
    await drained;

    assert.deepEqual(calls, ['stop']);
    assert.deepEqual(told().slice(-1), ['done 2: ok']);
  });

  for (const name of ['solo', 'async'] as const) {
    test(`tells nothing more of any job of ${name}`, async () => {
      const { pool, submit, control, told, end, clock, calls } = await setup({
        name,
        softTimeLimit: 1,
      });
      await submit(1, 2, 3);
      pool.terminate(3);
      const before = told();

      await pool.stop();
      control(1).waits?.('a result');
      control(1).release();
      clock.advance(5);
      await end(1, 'late');
      await turns();

      assert.deepEqual(told(), before);
      assert.deepEqual(calls, ['stop']);
      assert.equal(clock.pending, 0);
    });
  }

  test('aborts the signals of what runs, where it may be given up', async () => {
    const { pool, submit, control } = await setup();
    await submit(1);
    await pool.stop();
    assert.match(String(control(1).signal.reason), /the worker was stopped/);
  });

  test('ends a drain that would wait', async () => {
    const { pool, submit, calls } = await setup();
    await submit(1);
    const drained = pool.drain();
    await pool.stop();
    await drained;
    assert.deepEqual(calls, ['stop']);
  });

  test('comes at once when there is nothing to do', async () => {
    const { pool, calls } = await setup();
    pool.hurry();
    await pool.drain();
    await pool.drain();
    assert.deepEqual(calls, ['hurry', 'stop']);
  });
});
