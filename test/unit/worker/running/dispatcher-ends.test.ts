import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Terminated } from '../../../../src/pool/errors.ts';
import type { Request } from '../../../../src/worker/request.ts';
import type { Dispatcher } from '../../../../src/worker/running/dispatcher.ts';
import { turn } from '../made-requests.ts';
import { dispatcherOf, LATE, unconfirmed } from './made-dispatcher.ts';

/** Whether the dispatcher has been idle since now. */
function idling(dispatcher: Dispatcher): () => boolean {
  let hasIdled = false;
  void dispatcher.whenIdle().then(() => {
    hasIdled = true;
  });
  return () => hasIdled;
}

const withId = (id: string) => (request: Request) => request.id === id;
const idsOf = (requests: readonly Request[]) => requests.map(({ id }) => id);

describe('killing by the dispatcher', () => {
  test('of one id kills all its runs, and the end says by what', async () => {
    const { dispatcher, reserve, pool, heard } = dispatcherOf({ places: 3 });
    for (const id of ['1', '2', '1']) reserve(id, LATE);
    dispatcher.pump();

    assert.deepEqual(idsOf(dispatcher.terminate(withId('1'), 'SIGTERM')), ['1', '1']);
    dispatcher.events.onFailed(3, new Terminated('killed'));
    await turn();

    assert.deepEqual(pool.killed, ['1 SIGTERM', '3 SIGTERM']);
    assert.deepEqual(heard, ['1 killed by SIGTERM']);
  });

  test('of an id that is not with the pool does nothing', () => {
    const { dispatcher, reserve, pool } = dispatcherOf();
    const { request } = reserve('1', LATE);

    assert.deepEqual(dispatcher.terminate(withId('1'), 'SIGTERM'), []);

    assert.deepEqual([pool.killed, request.terminatedBy], [[], undefined]);
  });

  test('finds nothing where the pool cannot kill', () => {
    const { dispatcher, reserve, pool } = dispatcherOf();
    const { request } = reserve('1', LATE);
    dispatcher.pump();
    pool.terminate = () => false;

    assert.deepEqual(dispatcher.terminate(withId('1'), 'SIGTERM'), []);

    assert.equal(request.terminatedBy, undefined);
  });

  test('meets what is about to start as soon as the pool has it', async () => {
    const { dispatcher, reserve, pool } = dispatcherOf();
    const { made, answer } = unconfirmed();
    reserve('1', {}, made);
    dispatcher.pump();

    assert.deepEqual(idsOf(dispatcher.terminate(withId('1'), 'SIGUSR1')), ['1']);
    assert.deepEqual(pool.killed, []);
    answer.resolve();
    await turn();

    assert.deepEqual(pool.killed, ['1 SIGUSR1']);
  });

  test('after a lost connection ends what others get again, once', async () => {
    const { dispatcher, reserve, pool, lines } = dispatcherOf({ places: 2 });
    reserve('early');
    reserve('late', LATE);
    dispatcher.pump();
    await turn();

    dispatcher.cancelLate('the connection was lost');
    dispatcher.cancelLate('the connection was lost');

    assert.equal(pool.killed.length, 1);
    assert.deepEqual(lines, ['warning: Cancelling t.add[late]: the connection was lost']);
  });
});

describe('requests that are withdrawn', () => {
  test('leave the line, and the others stay in their order', () => {
    const { dispatcher, reserve, pool, submitted } = dispatcherOf({ places: 2 });
    pool.free = 0;
    for (const id of ['1', '2', '3']) reserve(id, LATE);

    assert.deepEqual(idsOf(dispatcher.withdraw(withId('2'))), ['2']);
    assert.deepEqual(idsOf(dispatcher.withdraw(withId('2'))), []);
    pool.free = 2;
    dispatcher.pump();

    assert.deepEqual(
      [submitted(), idsOf(dispatcher.running)],
      [
        [1, 2],
        ['1', '3'],
      ],
    );
  });

  test('are not waited for by who waits for the last one', async () => {
    const { dispatcher, reserve, pool } = dispatcherOf();
    pool.free = 0;
    reserve('1', {}, { settled: true });
    await dispatcher.close();
    const hasIdled = idling(dispatcher);

    dispatcher.withdraw(withId('1'));
    await turn();

    assert.equal(hasIdled(), true);
  });
});

describe('a dispatcher that closes', () => {
  test('leaves what has not started to the broker', async () => {
    const { dispatcher, reserve, submitted, state } = dispatcherOf();
    const { delivery } = reserve('1');

    await dispatcher.close();
    reserve('2');
    dispatcher.pump();
    await turn();

    assert.deepEqual([submitted(), delivery.notes], [[], []]);
    assert.equal(dispatcher.waiting, 0);
    assert.equal(state.requests.withId('1'), undefined);
  });

  test('still runs what came acknowledged', async () => {
    const { dispatcher, reserve, submitted, pool } = dispatcherOf();
    pool.free = 0;
    reserve('1', {}, { settled: true });

    await dispatcher.close();
    assert.deepEqual(
      dispatcher.running.map(({ id }) => id),
      ['1'],
    );
    pool.free = 1;
    dispatcher.events.onRoom();

    assert.deepEqual(submitted(), [1]);
  });

  test('takes back what the pool has not started: early acks run after all', async () => {
    const { dispatcher, reserve, submitted, pool, state } = dispatcherOf({ places: 2 });
    reserve('early');
    reserve('late', LATE);
    dispatcher.pump();
    await turn();
    pool.recalled = submitted();

    await dispatcher.close();

    assert.equal(submitted().length, 3);
    assert.deepEqual(
      [...state.requests].map(({ id }) => id),
      ['early'],
    );
    assert.equal(dispatcher.lateRunning, 0);
  });

  test('waits for acknowledgements on their way, so that none is lost', async () => {
    const { dispatcher, reserve, submitted } = dispatcherOf();
    const { made, answer } = unconfirmed();
    reserve('1', {}, made);
    dispatcher.pump();

    const closing = dispatcher.close();
    await turn();
    answer.resolve();
    await closing;
    await turn();

    assert.deepEqual(submitted(), [1]);
  });

  test('waits five seconds for them, and starts nothing that is confirmed later', async () => {
    const { dispatcher, reserve, submitted, clock, lines } = dispatcherOf();
    const { made, answer } = unconfirmed();
    reserve('1', {}, made);
    dispatcher.pump();

    const closing = dispatcher.close();
    await turn();
    clock.advance(5);
    await closing;
    answer.resolve();
    await turn();

    assert.deepEqual(submitted(), []);
    assert.match(lines[0]!, /the broker confirmed it when the pool had stopped/);
  });

  test('is idle when the last job has ended', async () => {
    const { dispatcher, reserve, done } = dispatcherOf();
    reserve('1', LATE);
    dispatcher.pump();
    await dispatcher.close();
    const hasIdled = idling(dispatcher);

    await turn();
    assert.equal(hasIdled(), false);
    done(1);
    await turn();

    assert.equal(hasIdled(), true);
  });

  test('is idle when the last one in line has expired', async () => {
    const { dispatcher, reserve, done, unwanted } = dispatcherOf();
    reserve('1', LATE);
    dispatcher.pump();
    reserve('2', {}, { settled: true });
    await dispatcher.close();
    const hasIdled = idling(dispatcher);
    unwanted.add('2');

    done(1);
    await turn();

    assert.equal(hasIdled(), true);
  });
});
