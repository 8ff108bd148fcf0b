import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deferred } from '../../../src/base/deferred.ts';
import { LamportClock } from '../../../src/base/time/lamport.ts';
import { ChannelError, OperationalError } from '../../../src/drivers/errors.ts';
import { EventDispatcher } from '../../../src/events/dispatcher.ts';
import type { Destination, Transport } from '../../../src/messaging/contract.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import type { Event } from '../../../src/wire/messages/event.ts';
import type { Message } from '../../../src/wire/messages/message.ts';
import { taskStarted } from '../../../src/wire/messages/task-events.ts';

type Answer = () => Promise<void>;

type BrokerOptions = { groups?: string[] } & Partial<Pick<Transport, 'eventExchangeType'>>;

/** A broker that notes what it gets and answers as it is told. */
function broker({ groups, eventExchangeType = 'topic' }: BrokerOptions = {}) {
  const sent: { key: string; type: string; body: Event | Event[] }[] = [];
  const warnings: string[] = [];
  const clock = new FakeClock(1000);
  let answer: Answer = async () => {};
  const publish = ({ body }: Message, { exchange, routingKey }: Destination) => {
    sent.push({ key: routingKey, type: exchange.type, body: JSON.parse(String(body)) });
    return answer();
  };
  const dispatcher = new EventDispatcher({
    ...{ hostname: 'w1@h', exchange: 'celeryev', serializer: 'json', groups, clock },
    timers: clock,
    lamport: new LamportClock(),
    transport: async () => ({ eventExchangeType, publish }) as unknown as Transport,
    warn: text => void warnings.push(text),
  });
  const started = (id: number) => dispatcher.collect('task-started', taskStarted(String(id)));
  return {
    ...{ dispatcher, sent, warnings, clock, started },
    keys: () => sent.map(({ key }) => key),
    answerWith: (next: Answer) => {
      answer = next;
    },
  };
}

const turn = () => new Promise(resolve => setImmediate(resolve));

describe('a dispatcher of events', () => {
  test('stamps each event with node, process, logical clock and time', async () => {
    const { dispatcher, sent } = broker();

    dispatcher.send('worker-online', { freq: 2 });
    dispatcher.send('mine', { x: [1] });
    await dispatcher.flush();

    const [online, mine] = sent.map(({ body }) => body as Event);
    const head = { hostname: 'w1@h', utcoffset: online!.utcoffset, pid: process.pid };
    assert.deepEqual(online, {
      ...head,
      ...{ clock: 1, freq: 2, timestamp: 1000, type: 'worker-online' },
    });
    assert.deepEqual(mine, { ...head, clock: 2, x: [1], timestamp: 1000, type: 'mine' });
  });

  test('sends to a topic, and to a fanout where everybody must be reached otherwise', async () => {
    for (const type of ['topic', 'fanout'] as const) {
      const { dispatcher, sent } = broker({ eventExchangeType: type });
      dispatcher.send('worker-online');
      await dispatcher.flush();
      assert.deepEqual(
        sent.map(({ type, key }) => [type, key]),
        [[type, 'worker.online']],
      );
    }
  });

  test('sends only the groups that are on', async () => {
    const { dispatcher, keys } = broker({ groups: ['worker'] });

    dispatcher.send('task-mine');
    dispatcher.send('worker-online');
    assert.deepEqual([dispatcher.enable('task'), dispatcher.enable('task')], [true, false]);
    dispatcher.send('task-mine');
    assert.deepEqual([dispatcher.disable('task'), dispatcher.disable('task')], [true, false]);
    dispatcher.send('task-mine');
    await dispatcher.flush();

    assert.deepEqual(keys(), ['worker.online', 'task.mine']);
  });

  test('collects the task events of a turn, 128 in a message at most', async () => {
    const { dispatcher, sent, started, keys } = broker();

    for (let id = 0; id < 134; id++) started(id);
    await turn();
    await dispatcher.flush();
    started(134);
    await turn();
    await dispatcher.flush();

    assert.deepEqual(keys(), ['task.multi', 'task.multi', 'task.multi']);
    assert.deepEqual(
      sent.map(({ body }) => (body as Event[]).length),
      [128, 6, 1],
    );
  });

  test('keeps events while the broker is away and sends them, in their order, when it is back', async () => {
    const { dispatcher, clock, keys, sent, answerWith, warnings } = broker();
    answerWith(() => Promise.reject(new OperationalError('gone')));
    dispatcher.send('a-1');
    await turn();
    dispatcher.send('a-2');
    await turn();
    assert.deepEqual(keys(), ['a.1']);

    answerWith(async () => {});
    clock.advance(1);
    await dispatcher.flush();

    assert.deepEqual(keys(), ['a.1', 'a.1', 'a.2']);
    assert.deepEqual(
      sent.map(({ body }) => (body as Event).clock),
      [1, 1, 2],
    );
    assert.deepEqual(warnings, []);
  });

  test('is not held up by a broker that takes nothing, and says once a minute how much is lost', async () => {
    const { dispatcher, clock, sent, answerWith, warnings } = broker();
    const never = deferred();
    answerWith(() => never.promise);

    for (let i = 0; i < 12_000; i++) dispatcher.send('a-b');
    await turn();
    assert.equal(sent.length, 100);
    assert.deepEqual(warnings, ['1 events were lost: the broker does not take them in time.']);

    clock.advance(60);
    dispatcher.send('a-b');
    assert.equal(warnings[1], '2000 events were lost: the broker does not take them in time.');

    never.resolve();
    await dispatcher.flush();
    assert.equal(sent.length, 10_000);
  });

  test('keeps no more text than 16 MiB', () => {
    const { dispatcher, answerWith, warnings } = broker();
    answerWith(() => new Promise(() => {}));

    for (let i = 0; i < 20; i++) dispatcher.send('a-b', { text: 'x'.repeat(1024 ** 2) });

    assert.equal(warnings.length, 1);
  });

  test('says once why the broker refuses events, and asks again after a while', async () => {
    const { dispatcher, clock, keys, answerWith, warnings } = broker();
    answerWith(() => Promise.reject(new ChannelError('not allowed')));
    for (const type of ['a-1', 'a-2']) {
      dispatcher.send(type);
      await turn();
    }
    clock.advance(30);
    dispatcher.send('a-3');
    await turn();
    answerWith(async () => {});
    clock.advance(30);
    dispatcher.send('a-4');
    await dispatcher.flush();

    assert.deepEqual(warnings, ['Events are off: not allowed']);
    assert.deepEqual(keys(), ['a.1', 'a.3', 'a.4']);
  });

  test('ends within a second, whatever the broker does', async () => {
    const { dispatcher, clock, answerWith } = broker();
    answerWith(() => new Promise(() => {}));
    dispatcher.send('worker-offline');

    const closing = dispatcher.close();
    clock.advance(1);

    await closing;
  });

  test('refuses what is no event', () => {
    const { dispatcher } = broker();

    assert.throws(() => dispatcher.send(''), { name: 'TypeError', message: /type of an event/ });
    assert.throws(() => dispatcher.send('a-b', 7 as never), TypeError);
    assert.throws(() => dispatcher.send('a-b', { f: () => 1 }), { name: 'EncodeError' });
  });
});
