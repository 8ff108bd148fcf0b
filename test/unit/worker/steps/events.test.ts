import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';
import { EventDispatcher } from '../../../../src/events/dispatcher.ts';
import type { Destination, TransportEvent } from '../../../../src/messaging/contract.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import { createEvents } from '../../../../src/worker/steps/events.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';

/** The step of a worker whose broker notes the routing keys of what it gets. */
function step(heartbeatInterval: number | null) {
  const keys: string[] = [];
  const clock = new FakeClock(0);
  const listeners = new Set<(event: TransportEvent) => void>();
  const transport = {
    eventExchangeType: 'topic',
    connected: true,
    publish: async (_: Message, { routingKey }: Destination) => void keys.push(routingKey),
    onEvent: (listener: (event: TransportEvent) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as never;
  const events = new EventDispatcher({
    ...{ hostname: 'w@h', exchange: 'celeryev', serializer: 'json', clock },
    lamport: new LamportClock(),
    transport: async () => transport,
    warn: text => assert.fail(text),
  });
  const parts = { app: { clock }, events, heartbeatInterval, state: new WorkerState(), transport };
  const reconnect = () => {
    for (const listener of listeners) listener({ type: 'connected' });
  };
  return { step: createEvents(parts as unknown as WorkerParts), keys, reconnect, listeners };
}

test('a worker tells that it is there again on each new connection', async () => {
  const { step: events, keys, reconnect, listeners } = step(2);

  await events.start();
  reconnect();
  await events.stop();
  await events.stop();

  assert.deepEqual(keys, ['worker.online', 'worker.online', 'worker.offline']);
  assert.equal(listeners.size, 0);
});

test('a worker without heartbeat tells nothing of itself', async () => {
  const { step: events, keys, reconnect } = step(null);

  await events.start();
  reconnect();
  await events.stop();

  assert.deepEqual(keys, []);
});
