import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Terminated } from '../../../../src/pool/errors.ts';
import type { Request } from '../../../../src/worker/request.ts';
import { type MadeDelivery, requestFor, turn } from '../made-requests.ts';
import { dispatcherOf, LATE, unconfirmed } from './made-dispatcher.ts';

/** Many short runs, until jobs are handed out ahead and messages may be on their way. */
function runShortOnes({
  dispatcher,
  clock,
  reserve,
  done,
  pool,
}: ReturnType<typeof dispatcherOf>): void {
  for (let n = 0; n < 100; n++) {
    reserve(`short ${n}`, LATE);
    dispatcher.pump();
    clock.advance(0.001);
    done(pool.jobs.at(-1)!.id, 0.0001);
    pool.free += 1;
  }
}

describe('a request with early acknowledgement', () => {
  test('goes to the pool when the broker has confirmed the acknowledgement', async () => {
    const { dispatcher, reserve, submitted } = dispatcherOf();
    const { made, answer } = unconfirmed();
    const { request, delivery } = reserve('1', {}, made);

    dispatcher.pump();
    await turn();
    assert.deepEqual([delivery.notes, submitted(), request.state], [['ack'], [], 'starting']);
    answer.resolve();
    await turn();

    assert.deepEqual([submitted(), request.state], [[1], 'submitted']);
  });

  test('is not started when the acknowledgement fails', async () => {
    const { dispatcher, reserve, submitted, state, lines } = dispatcherOf();
    const { made, answer } = unconfirmed();
    reserve('1', {}, made);

    dispatcher.pump();
    answer.reject(new Error('given to others'));
    await turn();

    assert.deepEqual([submitted(), state.requests.size], [[], 0]);
    assert.match(lines[0]!, /^error: Couldn't ack t\.add\[1\], .* It was not started here\.$/);
  });

  test('makes room for the next one when its acknowledgement fails', async () => {
    const { dispatcher, reserve, submitted, pool } = dispatcherOf();
    const { made, answer } = unconfirmed();
    reserve('1', {}, made);
    reserve('2', LATE);

    dispatcher.pump();
    assert.deepEqual(submitted(), []);
    answer.reject(new Error('gone'));
    await turn();

    assert.deepEqual([submitted(), pool.free], [[1], 99]);
  });

  test('is acknowledged for a delivery too that came while it started', async () => {
    const { dispatcher, reserve, submitted } = dispatcherOf();
    const { made, answer } = unconfirmed();
    const { request } = reserve('1', {}, made);
    const again = requestFor({ id: '1' }).delivery;

    dispatcher.pump();
    request.join(again);
    answer.resolve();
    await turn();

    assert.deepEqual([submitted(), again.notes], [[1], ['ack']]);
  });

  test('starts from a newer delivery when the older cannot be acknowledged', async () => {
    const { dispatcher, reserve, submitted } = dispatcherOf();
    const { made, answer } = unconfirmed();
    const { request } = reserve('1', {}, made);
    const again = requestFor({ id: '1' }).delivery;

    dispatcher.pump();
    request.join(again);
    answer.reject(new Error('the connection was lost'));
    await turn();

    assert.deepEqual([again.notes, submitted()], [['ack'], [1]]);
  });

  test('starts at once when it came acknowledged', () => {
    const { dispatcher, reserve, submitted } = dispatcherOf();
    const { delivery } = reserve('1', {}, { settled: true });

    dispatcher.pump();

    assert.deepEqual([submitted(), delivery.notes], [[1], []]);
  });
});

describe('a request with late acknowledgement', () => {
  test('goes to the pool first, and counts as running and held', () => {
    const { dispatcher, reserve, submitted } = dispatcherOf();
    const { delivery } = reserve('1', LATE);

    dispatcher.pump();

    assert.deepEqual([submitted(), delivery.notes], [[1], []]);
    assert.deepEqual([dispatcher.active, dispatcher.lateRunning, dispatcher.free], [1, 1, 0]);
  });

  test('is settled and held no longer when it is answered', () => {
    const { dispatcher, reserve, done, heard, state } = dispatcherOf();
    const { delivery } = reserve('1', LATE);
    dispatcher.pump();

    dispatcher.events.onStarted(1, 4711);
    done(1);

    assert.deepEqual(
      [delivery.notes, heard],
      [['ack'], ['1 started in 4711', '1 answered success']],
    );
    assert.deepEqual([dispatcher.active, dispatcher.lateRunning, state.requests.size], [0, 0, 0]);
  });
});

describe('the line before the pool', () => {
  test('gives each place one request, and the next when one is done', () => {
    const { dispatcher, reserve, done, submitted } = dispatcherOf({ places: 2 });
    for (const id of ['1', '2', '3']) reserve(id, LATE);

    dispatcher.pump();
    assert.deepEqual([submitted(), dispatcher.waiting], [[1, 2], 1]);
    done(1);

    assert.deepEqual([submitted(), dispatcher.waiting], [[1, 2, 3], 0]);
  });

  test('waits while the pool takes nothing, until that says that there is room', () => {
    const { dispatcher, reserve, submitted, pool } = dispatcherOf();
    pool.free = 0;
    reserve('1', LATE);
    dispatcher.pump();
    assert.deepEqual(submitted(), []);

    pool.free = 1;
    dispatcher.events.onRoom();

    assert.deepEqual(submitted(), [1]);
  });

  test('passes over what is not wanted any more', () => {
    const { dispatcher, reserve, pool, unwanted } = dispatcherOf();
    unwanted.add('1');
    for (const id of ['1', '2']) reserve(id, LATE);

    dispatcher.pump();

    assert.equal(JSON.stringify(pool.jobs[0]!.payload).includes('"2"'), true);
  });

  test('forgets what was given to another worker meanwhile', () => {
    const { dispatcher, reserve, submitted, state, lines } = dispatcherOf();
    const { delivery } = reserve('1');
    delivery.lost = true;

    dispatcher.pump();

    assert.deepEqual([submitted(), delivery.notes, state.requests.size], [[], [], 0]);
    assert.match(lines[0]!, /^warning: t\.add\[1\] was given to another worker/);
  });

  test('tells after each change how many places are free', () => {
    const { dispatcher, reserve, done, loads } = dispatcherOf({ places: 2 });
    reserve('1', LATE);

    dispatcher.pump();
    done(1);

    assert.deepEqual(loads, [1, 2]);
  });

  test('is ready while a place is free and nobody waits', () => {
    const { dispatcher, reserve } = dispatcherOf();
    assert.equal(dispatcher.isReady, true);

    reserve('1', LATE);
    assert.equal(dispatcher.isReady, false);
    dispatcher.pump();

    assert.equal(dispatcher.isReady, false);
  });
});

describe('a job', () => {
  test('has the time limits of its task', () => {
    const { dispatcher, reserve, pool } = dispatcherOf();
    reserve('1', { ...LATE, timeLimit: 30, softTimeLimit: 20 });

    dispatcher.pump();

    assert.deepEqual([pool.jobs[0]!.timeLimit, pool.jobs[0]!.softTimeLimit], [30, 20]);
  });

  test('carries the headers that were read when it stays in this process', () => {
    for (const isInProcess of [true, false]) {
      const { dispatcher, reserve, pool } = dispatcherOf({ isInProcess });
      reserve('1', LATE);

      dispatcher.pump();

      assert.equal('headers' in (pool.jobs[0]!.payload as object), isInProcess);
    }
  });

  test('that nobody knows any more changes nothing', () => {
    const { dispatcher, done, heard } = dispatcherOf();

    dispatcher.events.onStarted(7, 1);
    done(7);
    dispatcher.events.onFailed(7, new Terminated('late'));
    dispatcher.events.onSoftTimeout(7, 1);

    assert.deepEqual(heard, []);
  });

  test('is announced when its soft limit passes', () => {
    const { dispatcher, reserve, heard } = dispatcherOf();
    reserve('1', LATE);
    dispatcher.pump();

    dispatcher.events.onSoftTimeout(1, 20);

    assert.deepEqual(heard, ['1 soft limit']);
  });

  test('is a suspect when its event loop is blocked, one of five that are named', () => {
    const { dispatcher, reserve, lines } = dispatcherOf({ places: 7 });
    for (let id = 1; id <= 7; id++) reserve(`${id}`, LATE);
    dispatcher.pump();
    const jobs = [1, 2, 3, 4, 5, 6, 7];

    dispatcher.events.onBlocked({ where: 'MainProcess', seconds: 2, isOver: true, jobs });
    dispatcher.events.onBlocked({ where: 'MainProcess', seconds: 2, isOver: false, jobs: [] });

    assert.match(lines[0]!, /MainProcess was blocked for 2\.0s, .* t\.add\[5\] and 2 more$/);
    assert.match(lines[1]!, /MainProcess has been blocked for 2\.0s, running: unknown$/);
  });
});

describe('tasks that proved to be short', () => {
  test('are handed out ahead of free places', () => {
    const worker = dispatcherOf();
    runShortOnes(worker);
    const before = worker.pool.jobs.length;

    for (const id of ['1', '2', '3']) worker.reserve(id, LATE);
    worker.dispatcher.pump();

    assert.equal(worker.pool.jobs.length - before, 3);
    assert.ok(worker.dispatcher.onTheWay > 0, String(worker.dispatcher.onTheWay));
    assert.ok(worker.heard.includes('pace'));
  });

  test('get a free place each when work is to be fair', () => {
    const worker = dispatcherOf({ fair: true });
    runShortOnes(worker);
    const before = worker.pool.jobs.length;

    for (const id of ['1', '2', '3']) worker.reserve(id, LATE);
    worker.dispatcher.pump();

    assert.deepEqual([worker.pool.jobs.length - before, worker.dispatcher.onTheWay], [1, 0]);
  });

  test('leave no room for long ones, whose surplus goes back, the newest first', () => {
    const worker = dispatcherOf({ mostWaiting: 2 });
    runShortOnes(worker);
    const order: string[] = [];
    const noted = (id: string, delivery: MadeDelivery) => {
      const { reject } = delivery;
      delivery.reject = (...how) => {
        order.push(id);
        return reject.apply(delivery, how);
      };
    };

    const held: { request: Request; delivery: MadeDelivery }[] = [];
    for (const id of ['1', '2', '3', '4', '5']) {
      held.push(worker.reserve(id, LATE, {}, 't.long'));
      noted(id, held.at(-1)!.delivery);
    }
    worker.dispatcher.pump();

    assert.deepEqual(order, ['5', '4']);
    assert.deepEqual(held.at(-1)!.delivery.notes, ['requeue, first']);
    assert.equal(worker.dispatcher.waiting, 2);
  });
});

describe('with a pool that follows its work', () => {
  const autoscaled = () => dispatcherOf({ places: 1, mostPlaces: 3 });

  test('what waits is told before it starts, and what has ended is not', () => {
    const { dispatcher, reserve, done, heard } = autoscaled();
    reserve('1', LATE);
    reserve('2', LATE);
    dispatcher.pump();
    reserve('3', LATE);
    dispatcher.pump();
    done(1);
    done(2);
    done(3);
    dispatcher.pump();

    const told = heard.filter(text => text.endsWith('reserved'));
    assert.deepEqual(told, ['2 reserved', '3 reserved', '2 reserved', '1 reserved']);
    assert.equal(dispatcher.reserved, 0);
  });

  test('an acknowledgement that is on its way counts as reserved', async () => {
    const { dispatcher, reserve } = autoscaled();
    const { made, answer } = unconfirmed();
    reserve('1', {}, made);
    dispatcher.pump();
    assert.equal(dispatcher.reserved, 1);

    answer.resolve();
    await turn();

    assert.equal(dispatcher.reserved, 1);
  });

  test('places that may still come are free, and start nothing before they are there', () => {
    const { dispatcher, reserve, submitted, pool } = autoscaled();
    assert.equal(dispatcher.free, 3);
    assert.equal(dispatcher.isReady, true);
    for (const id of ['1', '2', '3', '4']) reserve(id, LATE);

    dispatcher.pump();

    assert.deepEqual(submitted(), [1]);
    assert.deepEqual([dispatcher.free, dispatcher.isReady], [2, false]);
    pool.size = 3;
    dispatcher.pump();
    assert.deepEqual(submitted(), [1, 2, 3]);
    assert.equal(dispatcher.free, 0);
  });

  test('places above a lowered maximum get nothing more', () => {
    const { dispatcher, reserve, submitted, done } = dispatcherOf({ places: 4, mostPlaces: 2 });
    for (const id of ['1', '2', '3']) reserve(id, LATE);

    dispatcher.pump();
    assert.deepEqual(submitted(), [1, 2]);
    assert.equal(dispatcher.isReady, false);
    done(1);

    assert.deepEqual(submitted(), [1, 2, 3]);
  });

  test('no child at all is nothing to start in', () => {
    const { dispatcher, reserve, submitted, pool } = dispatcherOf({ places: 0, mostPlaces: 1 });
    assert.equal(dispatcher.isReady, false);
    reserve('1', LATE);
    dispatcher.pump();
    assert.deepEqual(submitted(), []);

    pool.size = 1;
    dispatcher.events.onRoom();

    assert.deepEqual(submitted(), [1]);
  });

  test('tasks that wait for others are no reason to warn while there may be more places', () => {
    const { dispatcher, reserve, lines, pool } = autoscaled();
    const wait = (id: string, job: number) => {
      reserve(id, LATE);
      dispatcher.pump();
      dispatcher.events.onWaits!(job, 'another');
    };
    wait('1', 1);
    assert.deepEqual(lines, []);

    pool.size = 3;
    wait('2', 2);
    wait('3', 3);

    assert.match(
      lines.join('\n'),
      /Each of the 3 places of this worker is taken by a task that waits/,
    );
  });
});
