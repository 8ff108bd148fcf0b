import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import type { PoolOptions } from '../../../../src/pool/options.ts';
import { madePool, runningPool, turn } from './made-children.ts';

describe('the soft limit of a job', () => {
  test("is the pool's, and its child hears of it with the ticket", async () => {
    const { child, clock, notes, submit } = await runningPool({ softTimeLimit: 5 });
    await submit(1);
    child(1).starts(1);

    clock.advance(4.9);
    assert.deepEqual(notes, ['started 1 in 101']);
    clock.advance(0.1);

    assert.deepEqual(notes.slice(1), ['soft limit 1: 5']);
    assert.deepEqual(child(1).sent.at(-1), { type: 'soft-limit', ticket: 1, seconds: 5 });
  });

  test('is told once', async () => {
    const { child, clock, notes, submit } = await runningPool({ softTimeLimit: 1 });
    await submit(1);
    child(1).starts(1);

    clock.advance(1);
    clock.advance(8);

    assert.deepEqual(notes.slice(1), ['soft limit 1: 1']);
  });

  test('counts from the start and not from the submission', async () => {
    const { child, clock, notes, submit } = await runningPool({ softTimeLimit: 1 });
    await submit(1);

    clock.advance(0.02);
    child(1).starts(1);
    clock.advance(0.99);
    assert.equal(notes.length, 1);
    clock.advance(0.01);

    assert.equal(notes.length, 2);
  });

  for (const [own, told] of [
    [2, ['soft limit 1: 2']],
    [0, []],
    [undefined, ['soft limit 1: 5']],
  ] as const) {
    test(`of ${own} that it brings itself, against 5 of the pool, is heeded`, async () => {
      const { pool, child, clock, notes } = await runningPool({ softTimeLimit: 5 });
      pool.submit({ id: 1, payload: '', softTimeLimit: own });
      await turn();
      child(1).starts(1);

      clock.advance(6);

      assert.deepEqual(notes.slice(1), told);
    });
  }

  test('does not reach a job whose place is free or whose reply is there', async () => {
    const { child, clock, notes, submit } = await runningPool({ softTimeLimit: 1 });
    await submit(1, 2);
    child(1).starts(1);
    child(1).turns({ released: [1] });
    child(1).starts(2);
    child(1).replies(2);

    clock.advance(5);

    assert.deepEqual(notes, ['started 1 in 101', 'started 2 in 101', 'done 2: ok']);
  });
});

describe('the hard limit of a job', () => {
  test('asks the child for its last words, and the job fails when it is gone', async () => {
    const { child, clock, notes, submit } = await runningPool({ timeLimit: 3 });
    await submit(1);
    child(1).starts(1);

    clock.advance(3);
    await turn();

    assert.deepEqual(child(1).told, ['die']);
    assert.deepEqual(child(1).kills, []);
    assert.deepEqual(notes.slice(1), ['failed 1: TimeLimitExceeded TimeLimitExceeded(3,)']);
  });

  test('kills a child that does not hear', async () => {
    const { child, clock, notes, submit } = await runningPool({ timeLimit: 3 });
    child(1).obeys = false;
    await submit(1);
    child(1).starts(1);

    clock.advance(3);
    assert.deepEqual(child(1).kills, []);
    clock.advance(0.1);
    await turn();

    assert.deepEqual(child(1).kills, ['SIGKILL']);
    assert.deepEqual(notes.slice(1), ['failed 1: TimeLimitExceeded TimeLimitExceeded(3,)']);
  });

  test('is forgiven when the reply comes among the last words', async () => {
    const { child, clock, notes, submit } = await runningPool({ timeLimit: 3 });
    child(1).obeys = false;
    await submit(1);
    child(1).starts(1);
    clock.advance(3);

    child(1).replies(1, 'just in time');
    child(1).exits({ exitCode: 0 });

    assert.deepEqual(notes.slice(1), ['done 1: just in time']);
  });

  test('comes after the soft one', async () => {
    const limits = { softTimeLimit: 1, timeLimit: 2 };
    const { child, clock, notes, submit } = await runningPool(limits);
    await submit(1);
    child(1).starts(1);

    clock.advance(2);
    await turn();

    assert.deepEqual(notes.slice(1), [
      'soft limit 1: 1',
      'failed 1: TimeLimitExceeded TimeLimitExceeded(2,)',
    ]);
  });

  test('makes a child careful about the jobs that have one, and about no others', async () => {
    const { pool, child } = await runningPool();
    const carefulness = () =>
      child(1).sent.flatMap(each => (each.type === 'jobs' ? [each.careful] : []));
    pool.submit({ id: 1, payload: '' });
    await turn();
    child(1).replies(1);

    pool.submit({ id: 2, payload: '', timeLimit: 1 });
    await turn();

    assert.deepEqual(carefulness(), [false, true]);
  });

  test('of one job spares what the child has not started', async () => {
    const { child, clock, notes, submit } = await runningPool({ timeLimit: 1 });
    await submit(1, 2);
    child(1).starts(1);

    clock.advance(1);
    await turn();
    child(2).isReady();
    await turn();
    child(2).replies(1);

    assert.deepEqual(notes.slice(1), [
      'failed 1: TimeLimitExceeded TimeLimitExceeded(1,)',
      'started 2 in 102',
      'done 2: ok',
    ]);
  });

  test('of one job lets those that ran beside it run again, without a second start', async () => {
    const { pool, child, clock, notes } = await runningPool({ slots: 2 });
    pool.submit({ id: 1, payload: 'p1', timeLimit: 1 });
    pool.submit({ id: 2, payload: 'p2' });
    await turn();
    child(1).starts(1, 2);

    clock.advance(1);
    await turn();
    child(2).isReady();
    await turn();

    assert.deepEqual(child(2).payloads, ['p2']);
    child(2).starts(1);
    child(2).replies(1);
    assert.deepEqual(notes, [
      'started 1 in 101',
      'started 2 in 101',
      'failed 1: TimeLimitExceeded TimeLimitExceeded(1,)',
      'done 2: ok',
    ]);
  });

  test('of two jobs of one child ends both, and asks the child once', async () => {
    const { child, clock, notes, submit } = await runningPool({ slots: 2, timeLimit: 1 });
    child(1).obeys = false;
    await submit(1, 2);
    child(1).starts(1, 2);

    clock.advance(1);
    clock.advance(0.1);
    await turn();

    assert.deepEqual(child(1).told, ['die']);
    assert.equal(notes.filter(note => note.includes('TimeLimitExceeded')).length, 2);
  });
});

describe('options of a pool', () => {
  const wrong: readonly [keyof PoolOptions, unknown, RegExp][] = [
    ['concurrency', 0, /concurrency must be a whole number of at least 1, not 0/],
    ['concurrency', 1.5, /concurrency .* not 1.5/],
    ['concurrency', Number.NaN, /concurrency .* not NaN/],
    ['slots', 0, /slots .* at least 1, not 0/],
    ['maxTasksPerChild', -1, /maxTasksPerChild .* not -1/],
    ['maxMemoryPerChild', 0, /maxMemoryPerChild .* not 0/],
    ['prefetchPerChild', -1, /prefetchPerChild .* at least 0, not -1/],
    ['softTimeLimit', -1, /softTimeLimit must be seconds \(0 or more\), not -1/],
    ['timeLimit', Number.POSITIVE_INFINITY, /timeLimit must be seconds .* not Infinity/],
    ['procAliveTimeout', Number.NaN, /procAliveTimeout must be seconds .* not NaN/],
    ['blockedAfter', -0.5, /blockedAfter must be seconds .* not -0.5/],
    ['runnerConfig', () => 1, /runnerConfig cannot be sent to a child/],
  ];
  for (const [name, value, message] of wrong) {
    test(`refuse ${String(value)} for ${name}, before any child is started`, () => {
      assert.throws(
        () => madePool({ [name]: value }),
        error => error instanceof ImproperlyConfigured && message.test(error.message),
      );
    });
  }

  test('that are at their bounds are taken', () => {
    madePool({ concurrency: 1, slots: 1, maxTasksPerChild: 1, prefetchPerChild: 0 });
    madePool({ softTimeLimit: 0, timeLimit: 0.001, blockedAfter: 0, procAliveTimeout: 0 });
  });
});
