import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ReceivedEvent } from '../../../src/events/receiver.ts';
import { EventState, type StateOptions } from '../../../src/events/state.ts';
import { Celery } from '../../../src/index.ts';

let now = 1000;
let clock = 0;

function event(type: string, fields: Record<string, unknown> = {}): ReceivedEvent {
  now += 1;
  clock += 1;
  return {
    ...{ type, hostname: 'w1@h', utcoffset: 0, pid: 7, clock, timestamp: now, local_received: now },
    ...fields,
  };
}

function stateAfter(events: readonly ReceivedEvent[], options: StateOptions = {}): EventState {
  const state = new EventState(options);
  for (const each of events) state.event(each);
  return state;
}

const received = (uuid: string, fields = {}) =>
  event('task-received', { uuid, name: 't.add', args: '(1,)', kwargs: '{}', ...fields });
const started = (uuid: string) => event('task-started', { uuid });
const succeeded = (uuid: string) => event('task-succeeded', { uuid, result: '3', runtime: 0.5 });
const failed = (uuid: string) => event('task-failed', { uuid, exception: 'E()', traceback: 'tb' });

describe('the tasks of a state', () => {
  test('follow their events, with the time of each', () => {
    const events = [
      event('task-sent', { uuid: 'a', hostname: 'gen1@h', queue: 'q', routing_key: 'k' }),
      received('a', { root_id: 'r', parent_id: 'p', retries: 1 }),
      started('a'),
      succeeded('a'),
    ];
    const state = stateAfter(events);
    const task = state.tasks.get('a')!;

    const { name, args, worker, client, queue, routingKey, rootId, parentId, retries } = task;
    assert.deepEqual(
      [name, args, worker, client, queue, routingKey, rootId, parentId, retries],
      ['t.add', '(1,)', 'w1@h', 'gen1@h', 'q', 'k', 'r', 'p', 1],
    );
    assert.deepEqual([task.state, task.result, task.runtime], ['SUCCESS', '3', 0.5]);
    assert.deepEqual(
      [task.sent, task.received, task.started, task.succeeded],
      events.map(({ timestamp }) => timestamp),
    );
    assert.equal(task.timestamp, task.succeeded);
    assert.deepEqual([state.eventCount, state.taskCount], [4, 1]);
    assert.deepEqual(state.childrenOf('p'), [task]);
  });

  test('keep their state when what happened before comes late', () => {
    const late = received('a', { result: 'not his' });
    const task = stateAfter([started('a'), succeeded('a'), late, started('a')]).tasks.get('a')!;

    assert.deepEqual([task.state, task.name, task.result], ['SUCCESS', 't.add', '3']);
    assert.equal(task.received, late.timestamp);
  });

  test('begin anew after a retry', () => {
    const retried = event('task-retried', { uuid: 'a', exception: 'E()' });
    const state = stateAfter([received('a'), started('a'), retried]);
    assert.equal(state.tasks.get('a')!.state, 'RETRY');

    state.event(received('a', { retries: 1 }));

    assert.deepEqual([state.tasks.get('a')!.state, state.taskCount], ['RECEIVED', 2]);
  });

  test('have states of their own', () => {
    const state = stateAfter([started('a'), event('task-step', { uuid: 'a' })]);

    assert.equal(state.tasks.get('a')!.state, 'STEP');
  });

  test('are found by name, worker and time, the newest first', () => {
    const state = stateAfter([received('a'), received('b')]);
    state.event(received('c', { name: 't.mul', hostname: 'w2@h' }));
    const ids = (tasks: { uuid: string }[]) => tasks.map(({ uuid }) => uuid).join('');

    assert.equal(ids(state.tasksByTime()), 'cba');
    assert.equal(ids(state.tasksByTime({ reverse: false, limit: 2 })), 'ab');
    assert.equal(ids(state.tasksByType('t.add')), 'ba');
    assert.equal(ids(state.tasksByType('t.add', { limit: 1 })), 'b');
    assert.equal(ids(state.tasksByWorker('w2@h')), 'c');
    assert.deepEqual(state.taskTypes(), ['t.add', 't.mul']);
  });

  test('without an id are only counted, and so are events of other groups', () => {
    const nameless = [{}, { uuid: '' }, { uuid: 7 }, { uuid: 'x'.repeat(1000) }];
    const events = [...nameless.map(fields => event('task-started', fields)), event('mine-x')];
    const state = stateAfter(events);

    assert.deepEqual([state.tasks.size, state.eventCount], [0, 5]);
  });

  test('take from events only what fits', () => {
    const odd = event('task-received', { uuid: 'a', name: 7, args: null, retries: 'x', eta: {} });
    const task = stateAfter([received('a'), odd]).tasks.get('a')!;

    assert.deepEqual([task.name, task.args, task.retries, task.eta], ['t.add', '(1,)', null, null]);
  });

  test('can be forgotten, those that are finished alone or all', () => {
    const state = stateAfter([succeeded('a'), started('b')]);

    state.clearTasks();
    assert.deepEqual([...state.tasks.keys()], ['b']);
    state.clear({ ready: false });
    assert.deepEqual([state.tasks.size, state.workers.size, state.bytes], [0, 0, 0]);
  });
});

describe('the bounds of a state', () => {
  test('let those go whose last event is the longest ago', () => {
    const state = stateAfter(
      [succeeded('a'), succeeded('b'), event('task-succeeded', { uuid: 'a' }), succeeded('c')],
      { maxTasks: 2 },
    );

    assert.deepEqual([...state.tasks.keys()].sort(), ['a', 'c']);
    assert.equal(state.evicted, 1);
  });

  test('let what succeeded go before what failed, and what failed before what runs', () => {
    const state = stateAfter([started('r'), failed('f'), succeeded('s')], { maxTasks: 10 });
    for (let i = 0; i < 20; i++) state.event(succeeded(`s${i}`));

    assert.ok(['r', 'f'].every(uuid => state.tasks.has(uuid)));
    assert.equal(state.tasks.size, 10);
  });

  test('keep a flood of failures from pushing out everything else', () => {
    const state = stateAfter([succeeded('s'), started('r')], { maxTasks: 10 });
    for (let i = 0; i < 100; i++) state.event(failed(`f${i}`));

    assert.ok(['s', 'r'].every(uuid => state.tasks.has(uuid)));
    assert.equal(state.tasks.size, 10);
  });

  test('count bytes, and cut long texts', () => {
    const traceback = 'x'.repeat(1_000_000);
    const state = new EventState({ maxBytes: 1_000_000 });
    for (let i = 0; i < 100; i++) {
      state.event(event('task-failed', { uuid: String(i), exception: 'E', traceback }));
    }

    assert.ok(state.bytes <= 1_000_000);
    assert.equal(state.tasks.get('99')!.traceback!.length, 16_384);
    assert.equal(state.tasks.size, Math.floor(1_000_000 / (450 + 2 * 16_385)));
  });

  test('hold for workers', () => {
    const events = ['a', 'b', 'a', 'c'].map(hostname => event('worker-online', { hostname }));
    const state = stateAfter(events, { maxWorkers: 2 });

    assert.deepEqual([...state.workers.keys()], ['a', 'c']);
  });

  test('hold under a load of ever new tasks', () => {
    const state = new EventState({ maxTasks: 1000 });
    for (let i = 0; i < 20_000; i++) {
      const uuid = String(i);
      state.event(received(uuid));
      state.event(i % 3 === 0 ? failed(uuid) : succeeded(uuid));
    }

    assert.deepEqual([state.tasks.size, state.evicted], [1000, 19_000]);
  });
});

describe('the workers of a state', () => {
  test('are alive until two heartbeats are missing, and until they go', () => {
    const online = event('worker-online', {
      ...{ freq: 2, active: 1, processed: 5, loadavg: [1, 2, 3] },
      ...{ sw_ident: 'py-celery', sw_ver: '5.6.3', sw_sys: 'Linux' },
    });
    const state = stateAfter([online]);
    const worker = state.workers.get('w1@h')!;

    const { active, processed, loadavg, swIdent, swVer, id } = worker;
    assert.deepEqual([active, processed, loadavg, swIdent], [1, 5, [1, 2, 3], 'py-celery']);
    assert.deepEqual([swVer, id], ['5.6.3', 'w1@h.7']);
    assert.deepEqual(
      [3.9, 4].map(after => worker.isAlive(now + after)),
      [true, false],
    );

    state.event(event('worker-offline'));
    assert.deepEqual([worker.isAlive(now), state.aliveWorkers(now)], [false, []]);
  });

  test('are known from the events of their tasks, too, and not from those of clients', () => {
    const sent = event('task-sent', { uuid: 'a', hostname: 'gen1@h' });
    const state = stateAfter([sent, started('a')]);

    assert.deepEqual([...state.workers.keys()], ['w1@h']);
    assert.equal(state.aliveWorkers(now).length, 1);
  });

  test('keep the times of their last four heartbeats', () => {
    const state = stateAfter(Array.from({ length: 9 }, () => event('worker-heartbeat')));

    assert.deepEqual(state.workers.get('w1@h')!.heartbeats, [now - 3, now - 2, now - 1, now]);
  });

  test('are announced when they come and go', () => {
    const told: string[] = [];
    const types = ['heartbeat', 'heartbeat', 'offline', 'online'];
    stateAfter(
      types.map(type => event(`worker-${type}`)),
      {
        onNodeJoin: worker => told.push(`${worker.hostname} joins`),
        onNodeLeave: worker => told.push(`${worker.hostname} leaves`),
      },
    );

    assert.deepEqual(told, ['w1@h joins', 'w1@h leaves', 'w1@h joins']);
  });
});

test('app.events checks its options', () => {
  const { events } = new Celery('x');

  assert.throws(() => events.State({ maxTask: 1 } as StateOptions), {
    name: 'TypeError',
    message: /no option "maxTask" of a state of events\. Did you mean "maxTasks"/,
  });
  assert.throws(() => events.Receiver({ handlers: { '*': 7 } } as never), /handlers.*functions/);
  assert.throws(() => events.Dispatcher({ host: 'x' } as never), /"host"/);
});
