import assert from 'node:assert/strict';
import { describe, mock, type TestContext, test } from 'node:test';
import type { AmqpConnection } from '../../../../src/messaging/amqp/driver.ts';
import { Watchdog } from '../../../../src/messaging/amqp/watchdog.ts';

const TICK = 2000;

/** A connection on which bytes come when the test says so, and a watch over it. */
function setup(t: TestContext) {
  mock.timers.enable({ apis: ['setInterval'] });
  t.after(() => mock.timers.reset());
  const stream = { bytesRead: 0 };
  const notes: string[] = [];
  const state = { unanswered: 0, isEnded: false, closes: 0 };
  const connection = {
    connection: { stream },
    createChannel(opened: (error: Error | null, channel: unknown) => void) {
      if (state.isEnded) throw new Error('Connection closed');
      notes.push('asked');
      opened(null, { close: () => void state.closes++ });
    },
  } as unknown as AmqpConnection;
  const watchdog = new Watchdog(
    () => state.unanswered,
    ({ message }) => void notes.push(message),
  );
  /** So many ticks, with a byte in each if the server speaks. */
  const ticks = (count: number, speaks = false) => {
    for (let n = 0; n < count; n++) {
      if (speaks) stream.bytesRead += 8;
      mock.timers.tick(TICK);
    }
  };
  watchdog.watch(connection);
  return { watchdog, connection, notes, state, ticks };
}

describe('the watch over a connection', () => {
  test('has nothing to say while the server speaks', t => {
    const { notes, ticks } = setup(t);

    ticks(100, true);

    assert.deepEqual(notes, []);
  });

  test('asks a server that was silent for eight seconds, once, and leaves no channel', t => {
    const { notes, ticks, state } = setup(t);

    ticks(3);
    assert.deepEqual(notes, []);
    ticks(2);

    assert.deepEqual([notes, state.closes], [['asked'], 1]);
  });

  test('is content with an answer, and asks again after the next silence', t => {
    const { notes, ticks } = setup(t);

    ticks(4);
    ticks(1, true);
    ticks(4);

    assert.deepEqual(notes, ['asked', 'asked']);
  });

  test('gives up a server that does not answer, after fourteen seconds', t => {
    const { notes, ticks } = setup(t);

    ticks(6);
    assert.deepEqual(notes, ['asked']);
    ticks(1);

    assert.deepEqual(notes, ['asked', 'no answer within 14 s']);
  });

  test('gives up a server that speaks, and owes one answer for longer than a minute', t => {
    const { notes, ticks, state } = setup(t);
    state.unanswered = 60_001;

    ticks(2, true);
    assert.deepEqual(notes, []);
    ticks(1, true);

    assert.deepEqual(notes, ['no answer within 60 s']);
  });

  test('forgives an answer that came late', t => {
    const { notes, ticks, state } = setup(t);
    state.unanswered = 60_001;
    ticks(2, true);

    state.unanswered = 0;
    ticks(1, true);
    state.unanswered = 60_001;
    ticks(2, true);

    assert.deepEqual(notes, []);
  });

  test('does not mind a connection that ends as it is asked', t => {
    const { notes, ticks, state } = setup(t);
    state.isEnded = true;

    ticks(5);

    assert.deepEqual(notes, []);
  });

  test('begins anew with another connection, and ends when it is stopped', t => {
    const { watchdog, connection, notes, ticks } = setup(t);
    ticks(3);

    watchdog.watch(connection);
    ticks(3);
    watchdog.stop();
    watchdog.stop();
    ticks(20);

    assert.deepEqual(notes, []);
  });
});
