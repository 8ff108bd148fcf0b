import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runningPool, turn } from './made-children.ts';

describe('a child that does not start what it has got', () => {
  test('gives it back after a moment, and another one does it', async () => {
    const { child, clock, submit, notes } = await runningPool({ concurrency: 2 });
    await submit(1, 2, 3);
    assert.deepEqual([child(1).payloads, child(2).payloads], [['p1', 'p3'], ['p2']]);
    child(1).starts(1);
    child(2).replies(1);

    clock.advance(0.1);
    await turn();
    child(2).replies(2);

    assert.deepEqual(notes, [
      'started 1 in 101',
      'started 2 in 102',
      'done 2: ok',
      'started 3 in 102',
      'done 3: ok',
    ]);
    assert.equal(child(1).claims(2), 'dropped');
  });

  test('gets nothing more before it has answered', async () => {
    const { pool, child, clock, submit } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);
    clock.advance(0.1);
    await turn();
    assert.deepEqual(child(1).told, ['ping']);
    assert.deepEqual(child(1).payloads, ['p1', 'p2']);

    child(1).says({ type: 'pong', report: undefined });
    child(1).replies(1);
    await turn();

    assert.deepEqual(child(1).payloads, ['p1', 'p2', 'p2']);
    await pool.stop();
  });

  test('is not asked again at each look', async () => {
    const { child, clock, submit } = await runningPool();
    await submit(1, 2);
    child(1).starts(1);

    clock.advance(2);

    assert.deepEqual(child(1).told, ['ping']);
  });
});

describe('a child that says nothing', () => {
  test('is reported with what it runs after ten seconds, then ever more seldom', async () => {
    const { pool, child, clock, submit, notes } = await runningPool();
    await submit(8);
    child(1).starts(1);

    clock.advance(9.9);
    assert.equal(notes.length, 1);
    clock.advance(70);

    assert.deepEqual(notes.slice(1), [
      'blocked ForkPoolWorker-1 pid:101 10s jobs 8',
      'blocked ForkPoolWorker-1 pid:101 20s jobs 8',
      'blocked ForkPoolWorker-1 pid:101 40s jobs 8',
    ]);
    assert.equal(pool.vitals().blocked, 1);
    assert.deepEqual(child(1).kills, []);
  });

  test('but what it has to do counts as well when it speaks', async () => {
    const { pool, child, clock, submit, notes } = await runningPool();
    await submit(1);
    child(1).starts(1);
    clock.advance(12);
    assert.equal(pool.vitals().blocked, 1);

    child(1).says({ type: 'pong', report: undefined });
    assert.equal(pool.vitals().blocked, 0);
    clock.advance(8);

    assert.equal(notes.length, 2);
  });

  test('for as long as the pool was told is reported then', async () => {
    const { child, clock, submit, notes } = await runningPool({ blockedAfter: 2 });
    await submit(1);
    child(1).starts(1);

    clock.advance(2);

    assert.match(notes[1]!, /^blocked ForkPoolWorker-1 pid:101 2s/);
  });

  test('is killed when its event loop turns, and its job is lost', async () => {
    const { child, clock, submit, notes } = await runningPool();
    await submit(1);
    child(1).starts(1);

    for (let second = 0; second < 12; second++) {
      clock.advance(1);
      child(1).beats();
    }
    await turn();

    assert.deepEqual(child(1).kills, ['SIGKILL']);
    assert.match(notes[1]!, /^error: ForkPoolWorker-1 pid:101 is not blocked and has not answered/);
    assert.match(notes[2]!, /^failed 1: WorkerLostError .*SIGKILL/);
  });

  test('and has nothing to do is left alone', async () => {
    const { clock, notes, child } = await runningPool();

    clock.advance(3600);

    assert.deepEqual([notes, child(1).told], [[], []]);
    assert.equal(clock.pending, 0);
  });
});

describe('looks at the children', () => {
  test('end with the last job and begin with the next one', async () => {
    const { child, clock, submit } = await runningPool();
    await submit(1);
    child(1).starts(1);
    assert.equal(clock.pending, 1);

    child(1).replies(1);
    clock.advance(0.1);
    assert.equal(clock.pending, 0);
    await submit(2);

    assert.equal(clock.pending, 1);
  });
});

describe('reports of the children', () => {
  test('are what each says of itself', async () => {
    const { pool, child, clock } = await runningPool({ concurrency: 2 });
    const reports = pool.reports();
    await turn();
    child(1).says({ type: 'pong', report: ['runs 1 job'] });
    child(2).says({ type: 'pong', report: [] });

    assert.deepEqual(await reports, [
      { name: 'ForkPoolWorker-1', pid: 101, lines: ['runs 1 job'] },
      { name: 'ForkPoolWorker-2', pid: 102, lines: [] },
    ]);
    assert.equal(clock.pending, 0);
  });

  test('that several ask for at once are asked for once', async () => {
    const { pool, child } = await runningPool();
    const both = Promise.all([pool.reports(), pool.reports()]);
    await turn();
    assert.deepEqual(child(1).told, ['ping']);

    child(1).says({ type: 'pong', report: ['fine'] });

    assert.deepEqual(
      (await both).map(([first]) => first?.lines),
      [['fine'], ['fine']],
    );
  });

  test('of one that starts say so, and do not wait', async () => {
    const { pool, child } = await runningPool();
    void pool.grow(1);
    const reports = pool.reports();
    await turn();
    child(1).says({ type: 'pong', report: [] });

    const [, second] = await reports;

    assert.deepEqual(second?.lines, ['is starting']);
  });

  test('of one that dies meanwhile say that it is gone', async () => {
    const { pool, child } = await runningPool();
    const reports = pool.reports();
    child(1).exits({ signal: 'SIGKILL' });

    assert.deepEqual((await reports)[0]?.lines, ['is gone']);
  });

  const stacks: readonly [string, readonly string[] | undefined, readonly string[]][] = [
    [
      'is JavaScript',
      ['at f (a.ts:1)'],
      ['does not answer: its event loop is blocked here:', '  at f (a.ts:1)'],
    ],
    [
      'is none',
      undefined,
      ['does not answer: its event loop is blocked, and not by JavaScript: by a synchronous call.'],
    ],
  ];
  for (const [what, stack, lines] of stacks) {
    test(`of one that is blocked have its stack, when that ${what}`, async () => {
      const { pool, child, clock } = await runningPool();
      child(1).stack = async () => stack;
      const reports = pool.reports();

      clock.advance(1);

      assert.deepEqual((await reports)[0]?.lines, lines);
    });
  }

  test('of one that is blocked name the setting that shows its stack', async () => {
    const { pool, clock } = await runningPool();
    const reports = pool.reports();

    clock.advance(1);

    assert.match((await reports)[0]!.lines[0]!, /With the setting worker_stack_watch its stack/);
  });
});
