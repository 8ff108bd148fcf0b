import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INTERNALS } from '../../../src/app/app-internals.ts';
import { Celery, ConnectionClosed, type ReceivedEvent, TimeoutError } from '../../../src/index.ts';
import { exchange } from '../../../src/messaging/entities.ts';
import { buildEventMessage, type Event } from '../../../src/wire/messages/event.ts';
import { eventually } from '../../support/eventually.ts';

/** An app on a broker in memory, and what puts messages of others there. */
function setup() {
  const app = new Celery('x', { broker_url: 'memory://' });
  const send = async (body: unknown, routingKey = 'task.multi') => {
    const message = buildEventMessage(body as Event, { hostname: 'h', serializer: 'json' });
    const transport = await app[INTERNALS].transport();
    await transport.publish(message, { exchange: exchange('celeryev', 'topic'), routingKey });
  };
  return { app, send, lamport: app[INTERNALS].lamport };
}

const event = (type: string, clock = 1) => ({
  ...{ type, clock, hostname: 'w@h', utcoffset: 5, pid: 1, timestamp: 1000 },
});

describe('a receiver of events', () => {
  test('gives each event to the handler of its type, else to that of all', async () => {
    const { app, send } = setup();
    await using _ = app;
    const heard: string[] = [];
    await using receiver = app.events.Receiver({
      handlers: {
        'task-started': ({ type }) => heard.push(`own ${type}`),
        '*': ({ type }) => heard.push(type),
      },
    });
    await receiver.start({ wakeup: false });

    await send([event('task-received'), event('task-started')]);
    await send(event('worker-online'), 'worker.online');
    await eventually(() => heard.length === 3);

    assert.deepEqual(heard, ['task-received', 'own task-started', 'worker-online']);
    assert.equal(receiver.received, 3);
  });

  test('takes the time as it is told, and tells when it came', async () => {
    const { app, send } = setup();
    await using _ = app;
    const heard: ReceivedEvent[] = [];
    await using receiver = app.events.Receiver({ handlers: { '*': each => heard.push(each) } });
    await receiver.start({ wakeup: false });
    const before = Date.now() / 1000;

    await send(event('task-started'));
    await eventually(() => heard.length === 1);

    assert.equal(heard[0]!.timestamp, 1000);
    assert.ok(heard[0]!.local_received >= before);
  });

  test('sets its logical clock by what it hears, but for what clients send', async () => {
    const { app, send, lamport } = setup();
    await using _ = app;
    const clocks: number[] = [];
    await using receiver = app.events.Receiver({
      handlers: { '*': each => clocks.push(each.clock) },
    });
    await receiver.start({ wakeup: false });

    await send([event('task-started', 40), event('task-sent', 900), event('task-started', 3)]);
    await eventually(() => clocks.length === 3);

    assert.deepEqual(clocks, [40, 40, 3]);
    assert.equal(lamport.value, 42);
  });

  test('hears only what it asks for', async () => {
    const { app, send } = setup();
    await using _ = app;
    const heard: string[] = [];
    await using receiver = app.events.Receiver({
      handlers: { '*': ({ type }) => heard.push(type) },
      routingKey: 'worker.#',
    });
    await receiver.start({ wakeup: false });

    await send(event('task-started'));
    await send(event('worker-online'), 'worker.online');
    await eventually(() => heard.length > 0);

    assert.deepEqual(heard, ['worker-online']);
  });

  test('goes on after a handler that fails and a message that holds no events', async () => {
    const { app, send } = setup();
    await using _ = app;
    const heard: string[] = [];
    await using receiver = app.events.Receiver({
      handlers: {
        'task-bad': () => Promise.reject(new Error('my mistake')),
        '*': ({ type }) => heard.push(type),
      },
    });
    await receiver.start({ wakeup: false });
    const warnings: string[] = [];
    const note = ({ message }: Error) => void warnings.push(message);
    process.on('warning', note);

    await send([event('task-bad'), 7, event('task-good')]);
    await send('no event');
    await eventually(() => warnings.length === 3 && heard.length === 1);
    process.off('warning', note);

    const all = warnings.join('\n');
    assert.match(all, /A handler of the event task-bad failed: Error: my mistake/);
    assert.match(all, /1 events of a message are none/);
    assert.match(all, /A message with events was left out/);
  });

  test('tells of what it cannot read the first time, and then no more for a minute', async () => {
    const { app, send } = setup();
    await using _ = app;
    const heard: string[] = [];
    await using receiver = app.events.Receiver({
      handlers: { '*': ({ type }) => heard.push(type) },
    });
    await receiver.start({ wakeup: false });
    const warnings: string[] = [];
    const note = ({ message }: Error) => void warnings.push(message);
    process.on('warning', note);

    for (let n = 0; n < 20; n++) {
      await send('no event');
      await send([7, 8]);
    }
    await send(event('task-good'));
    await eventually(() => heard.length === 1 && warnings.length === 2);
    process.off('warning', note);

    assert.match(warnings[0]!, /^A message with events was left out: /);
    assert.equal(warnings[1], '2 events of a message are none and were left out.');
  });

  test('captures so many events, or for a time, or until the app is closed', async () => {
    const { app, send } = setup();
    const receiver = app.events.Receiver({ handlers: { '*': () => {} } });

    const captured = receiver.capture({ limit: 2 });
    await eventually(async () => {
      await send(event('task-started'));
      return receiver.received >= 2;
    });
    await captured;
    await assert.rejects(receiver.capture({ timeout: 0.01 }), TimeoutError);
    const endless = receiver.capture();
    const closed = assert.rejects(endless, ConnectionClosed);
    await app.close();
    await closed;
  });
});

test('a dispatcher of a program is heard, up to its last event', async () => {
  const { app } = setup();
  const heard: ReceivedEvent[] = [];
  await using receiver = app.events.Receiver({ handlers: { '*': each => heard.push(each) } });
  await receiver.start();

  app.events.Dispatcher({ hostname: 'deploy@ci' }).send('deploy-finished', { version: '1.2' });
  app.events.Dispatcher().send('deploy-checked');
  await app.close();

  await eventually(() => heard.length === 2);
  assert.deepEqual([heard[0]!.hostname, heard[0]!.version], ['deploy@ci', '1.2']);
  assert.match(heard[1]!.hostname, /^gen\d+@/);
});

test('settings that exclude each other are refused', async () => {
  const app = new Celery('x', {
    ...{ broker_url: 'memory://', event_queue_exclusive: true, event_queue_durable: true },
  });
  await using _ = app;

  await assert.rejects(app.events.Receiver({ handlers: {} }).start(), {
    name: 'ImproperlyConfigured',
    message: /event_queue_exclusive and event_queue_durable exclude each other/,
  });
});
