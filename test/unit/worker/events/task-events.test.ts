import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';
import { EventDispatcher } from '../../../../src/events/dispatcher.ts';
import type { Transport } from '../../../../src/messaging/contract.ts';
import { Terminated, WorkerLostError } from '../../../../src/pool/errors.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { Event } from '../../../../src/wire/messages/event.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';
import { Announcer } from '../../../../src/worker/announcer.ts';
import { Heart } from '../../../../src/worker/events/heart.ts';
import { TaskEvents } from '../../../../src/worker/events/task-events.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import { MadeDelivery, requestFor } from '../made-requests.ts';

const runtime = 0.5;
const madeRequest = (...given: Parameters<typeof requestFor>) => requestFor(...given).request;

function setup(groups: string[] = ['worker', 'task'], failsUnknown = true) {
  const events: Event[] = [];
  const clock = new FakeClock(1000);
  const publish = async ({ body }: Message) =>
    void events.push(...[JSON.parse(String(body)) as Event | Event[]].flat());
  const dispatcher = new EventDispatcher({
    ...{ hostname: 'w1@h', exchange: 'celeryev', serializer: 'json', groups, clock },
    timers: clock,
    lamport: new LamportClock(),
    transport: async () => ({ eventExchangeType: 'topic', publish }) as unknown as Transport,
    warn: text => assert.fail(text),
  });
  const listener = new TaskEvents(dispatcher, failsUnknown);
  /** What was told, without what all events have. */
  const told = async () => {
    await dispatcher.flush();
    return events.map(({ hostname, utcoffset, pid, clock: _, timestamp, ...fields }) => fields);
  };
  return { dispatcher, listener, announcer: new Announcer([listener]), told, clock };
}

describe('the events of tasks', () => {
  test('tell of a task that came, started and succeeded', async () => {
    const { announcer, told } = setup();
    const request = madeRequest();

    announcer.received(request, 'celery');
    announcer.started(request, 1);
    announcer.answered(request, { kind: 'success', runtime, texts: { result: '5' } });

    const uuid = request.id;
    assert.deepEqual(await told(), [
      {
        ...{ uuid, name: request.headers.task, args: request.headers.argsrepr },
        ...{ kwargs: request.headers.kwargsrepr, root_id: uuid, parent_id: null },
        ...{ retries: 0, eta: null, expires: null, type: 'task-received' },
      },
      { uuid, type: 'task-started' },
      { uuid, result: '5', runtime, type: 'task-succeeded' },
    ]);
  });

  test('tell of failures and retries with error and traceback, and of rejections', async () => {
    const { announcer, told } = setup();
    const request = madeRequest();
    const texts = { exception: "ValueError('x')", traceback: 'tb' };

    announcer.answered(request, { kind: 'failure', runtime, error: 'short', texts });
    announcer.answered(request, { kind: 'retry', runtime, texts });
    announcer.answered(request, { kind: 'reject', runtime, requeue: true });
    announcer.answered(request, { kind: 'ignore', runtime });

    const uuid = request.id;
    assert.deepEqual(await told(), [
      { uuid, ...texts, type: 'task-failed' },
      { uuid, ...texts, type: 'task-retried' },
      { uuid, requeue: true, type: 'task-rejected' },
    ]);
  });

  test('tell why a task was revoked, and the number of the signal that killed it', async () => {
    const { announcer, told } = setup();
    const request = madeRequest();

    announcer.revoked(request, { reason: 'expired', signal: null });
    announcer.revoked(request, { reason: 'terminated', signal: 'SIGTERM' });

    const base = { uuid: request.id, type: 'task-revoked' };
    assert.deepEqual(await told(), [
      { ...base, terminated: false, signum: null, expired: true },
      { ...base, terminated: true, signum: 15, expired: false },
    ]);
  });

  test('tell of processes that were lost, and of runs that were broken off', async () => {
    const { announcer, told } = setup();
    const request = madeRequest();
    const lost = new WorkerLostError('gone', { exitCode: 1, signal: null });

    announcer.lost(request, lost);
    announcer.gaveUp(request, lost);
    request.isCancelled = true;
    announcer.lost(request, new Terminated('SIGTERM'));

    const [failed, cancelled] = (await told()) as Record<string, string>[];
    assert.equal(failed!.type, 'task-failed');
    assert.match(failed!.exception!, /^WorkerLostError\('gone/);
    assert.match(failed!.traceback!, /gone/);
    assert.deepEqual(cancelled, { uuid: request.id, type: 'task-cancelled' });
  });

  test('tell of messages for unknown tasks, unless these go to another worker', async () => {
    const { headers } = madeRequest();
    const reason = new Error('x');
    for (const [failsUnknown, types] of [
      [true, ['task-failed']],
      [false, []],
    ] as const) {
      const { announcer, told } = setup(['task'], failsUnknown);
      announcer.unknown(new MadeDelivery(), headers, reason);
      assert.deepEqual(
        (await told()).map(({ type }) => type),
        types,
      );
    }
  });

  test('are not told of tasks that want none, nor by a worker that sends none', async () => {
    const { announcer, listener, told, dispatcher } = setup(['worker']);
    const [request, silent] = [madeRequest(), madeRequest({}, { sendEvents: false })];

    announcer.started(request, 1);
    assert.equal(listener.tells(request), false);
    dispatcher.enable('task');
    assert.deepEqual(
      [request, silent].map(each => listener.tells(each)),
      [true, false],
    );
    announcer.started(silent, 1);

    assert.deepEqual(await told(), []);
  });
});

describe('the heart of a worker', () => {
  test('tells that the worker is there, every two seconds, and that it goes', async () => {
    const { dispatcher: events, told, clock } = setup();
    const state = new WorkerState();
    const heart = new Heart({ events, state, clock, interval: 2 });
    await heart.start();
    const request = madeRequest();
    request.state = 'active';
    state.requests.add(request);
    state.count(request.headers);
    await clock.advance(4);
    await heart.stop();
    await heart.stop();

    const facts = (await told()) as Record<string, unknown>[];
    assert.deepEqual(
      facts.map(({ type, freq, active, processed }) => [type, freq, active, processed]),
      [
        ['worker-online', 2, 0, 0],
        ['worker-heartbeat', 2, 1, 1],
        ['worker-heartbeat', 2, 1, 1],
        ['worker-offline', 2, 1, 1],
      ],
    );
    assert.equal((facts[0]!.loadavg as number[]).length, 3);
    assert.equal(facts[0]!.sw_ident, 'tscelery');
  });

  test('is silent when events of workers are off', async () => {
    const { dispatcher: events, told, clock } = setup(['task']);
    const heart = new Heart({ events, state: new WorkerState(), clock, interval: 2 });
    await heart.start();
    await heart.stop();

    assert.deepEqual(await told(), []);
  });
});
