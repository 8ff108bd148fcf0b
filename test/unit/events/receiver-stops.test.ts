import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';
import { LamportClock } from '../../../src/base/time/lamport.ts';
import { EventReceiver, type ReceiverHost } from '../../../src/events/receiver.ts';
import type { Transport } from '../../../src/messaging/contract.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

/** A receiver whose connections take each of their steps when the test says so. */
function setup() {
  const notes: string[] = [];
  const steps: Deferred<void>[] = [];
  const step = async (name: string) => {
    notes.push(name);
    steps.push(deferred());
    await steps.at(-1)!.promise;
  };
  let made = 0;
  const open = async () => {
    const number = ++made;
    await step(`open ${number}`);
    return {
      eventExchangeType: 'topic',
      connect: () => step(`connect ${number}`),
      onEvent: () => () => {},
      async consume() {
        await step(`consume ${number}`);
        return { close: async () => void notes.push(`consumer ${number} closed`) };
      },
      close: async () => void notes.push(`connection ${number} closed`),
    } as unknown as Transport;
  };
  const host = {
    ...{ exchange: 'celeryev', queue: { prefix: 'celeryev', expires: 60, ttl: 5 }, open },
    ...{ clock: new FakeClock(0), lamport: new LamportClock(), accept: new Set() },
    wakeWorkers: async () => void notes.push('workers woken'),
  } as unknown as ReceiverHost;
  const receiver = new EventReceiver(host, { handlers: {} });
  const start = () => {
    const started = receiver.start();
    started.catch(() => {});
    return started;
  };
  /** Lets the last steps happen, one after the other. */
  const pass = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await turn();
      steps.at(-1)!.resolve();
    }
    await turn();
  };
  return { receiver, start, notes, steps, pass };
}

describe('a receiver that is stopped', () => {
  for (const [words, passed] of [
    ['while its connection is opened', 0],
    ['while it connects', 1],
    ['while its queue is declared', 2],
  ] as const) {
    test(`${words} leaves no connection behind`, async () => {
      const { receiver, start, notes, pass } = setup();
      const started = start();
      await pass(passed);

      await receiver.stop();
      await pass(1);

      await assert.rejects(started, {
        name: 'ConnectionClosed',
        message: 'The event receiver was stopped.',
      });
      assert.equal(notes.at(-1), 'connection 1 closed');
      assert.equal(notes.includes('workers woken'), false);
    });
  }

  test('and started anew before that ended is the new one, and stays it', async () => {
    const { receiver, start, notes, steps, pass } = setup();
    const first = start();
    await pass(1);
    await receiver.stop();
    const second = start();
    await turn();

    steps[1]!.reject(new Error('the old connection failed'));
    await assert.rejects(first, /the old connection failed/);
    await pass(3);
    await second;

    assert.equal(notes.at(-1), 'workers woken');
    assert.equal(notes.includes('connection 2 closed'), false);
    await receiver.stop();
    assert.deepEqual(notes.slice(-2), ['consumer 2 closed', 'connection 2 closed']);
  });

  test('was never started when nobody did', async () => {
    const { receiver, notes } = setup();

    await receiver.stop();

    assert.deepEqual(notes, []);
  });
});

describe('a receiver that cannot be started', () => {
  test('closes its connection, and can be tried again', async () => {
    const { start, notes, steps, pass } = setup();
    const first = start();
    await pass(1);
    steps[1]!.reject(new Error('no broker'));
    await assert.rejects(first, /no broker/);
    assert.equal(notes.at(-1), 'connection 1 closed');

    const second = start();
    await pass(3);

    await second;
    assert.equal(notes.at(-1), 'workers woken');
  });
});
