import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deferred } from '../../../../src/base/deferred.ts';
import type { ExecutionPorts } from '../../../../src/execute/ports.ts';
import { Celery, type CeleryConfig } from '../../../../src/index.ts';
import type { Pool } from '../../../../src/pool/contract.ts';
import type { Request } from '../../../../src/worker/request.ts';
import type { Dispatcher } from '../../../../src/worker/running/dispatcher.ts';
import { Stopping } from '../../../../src/worker/running/stopping.ts';
import { notedExecution, requestFor, turn } from '../made-requests.ts';

/** A pool that runs one task until `idle` is resolved, and notes what is done to it. */
function setup(
  settings: CeleryConfig = {},
  running: Request[] = [requestFor().request],
  more: Partial<ExecutionPorts> = {},
) {
  const { execution, clock, lines, stored } = notedExecution(more);
  const app = new Celery('proj', settings);
  app.clock = clock;
  const idle = deferred();
  const events: string[] = [];
  const note = (event: string) => async () => void events.push(event);
  const pool = {
    hurry: () => void events.push('pool hurries'),
    drain: note('pool drains'),
    stop: note('pool is killed'),
  } as unknown as Pool;
  const dispatcher = {
    close: note('dispatcher closes'),
    whenIdle: () => idle.promise,
    active: running.length,
    running,
  } as unknown as Dispatcher;
  const stopping = new Stopping(app, execution.logger);
  const end = () => stopping.endTasks({ pool, dispatcher, execution }).then(note('tasks ended'));
  return { stopping, clock, lines, stored, idle, events, end };
}

describe('a warm stop', () => {
  test('waits for what runs, and kills nothing', async () => {
    const { stopping, idle, events, end } = setup();
    stopping.request('warm');

    const ending = end();
    await turn();
    assert.deepEqual(events, ['dispatcher closes', 'pool hurries']);
    idle.resolve();
    await ending;

    assert.deepEqual(events, ['dispatcher closes', 'pool hurries', 'pool drains', 'tasks ended']);
    assert.equal(stopping.how, 'warm');
  });

  test('turns cold when somebody cannot wait', async () => {
    const { stopping, events, end } = setup();
    stopping.request('warm');

    const ending = end();
    await turn();
    stopping.request('cold');
    await ending;

    assert.deepEqual(events.slice(-2), ['pool is killed', 'tasks ended']);
    assert.equal(stopping.how, 'cold');
  });
});

describe('a cold stop', () => {
  test('kills what runs at once, and tells who asked just before', async () => {
    const { stopping, events, end } = setup();
    stopping.request('warm', () => assert.fail('of a request that does not count any more'));
    stopping.request('cold', () => void events.push('told'));

    await end();

    assert.deepEqual(events, ['dispatcher closes', 'told', 'pool is killed', 'tasks ended']);
  });

  test('cannot become a warm one', () => {
    const { stopping } = setup();

    stopping.request('cold');
    stopping.request('warm');

    assert.equal(stopping.how, 'cold');
  });

  test('stores a failure for killed tasks whose messages are gone, and only for those', async () => {
    const early = requestFor({ id: 'early' }).request;
    const late = requestFor({ id: 'late' }, { acksLate: true }).request;
    const done = requestFor({ id: 'done' }).request;
    done.state = 'done';
    const { stopping, stored, end } = setup({}, [early, late, done]);

    stopping.request('cold');
    await end();

    assert.deepEqual(
      stored.map(({ task_id, status }) => [task_id, status]),
      [['early', 'FAILURE']],
    );
  });

  test('waits five seconds for a store that does not answer, and names what it does not know', async () => {
    const running = [requestFor({ id: 'a' }).request, requestFor({ id: 'b' }).request];
    const { stopping, clock, lines, events, end } = setup({}, running, {
      store: ({ task_id }) => (task_id === 'a' ? new Promise(() => {}) : Promise.resolve()),
    });

    stopping.request('cold');
    const ending = end();
    await turn();
    clock.advance(4.9);
    await turn();
    assert.equal(events.at(-1), 'pool is killed');
    clock.advance(0.1);
    await ending;

    assert.deepEqual(lines, [
      ...running.map(
        ({ label }) => `error: Task ${label} failed: The worker was stopped before the task ended.`,
      ),
      `error: ${running[0]!.label} was killed, which could not be stored within 5 s.`,
    ]);
  });
});

describe('a cold stop with time to end', () => {
  const SOFT = { worker_soft_shutdown_timeout: 10 };

  test('kills what still runs when the time is over', async () => {
    const { stopping, clock, events, lines, end } = setup(SOFT);
    stopping.request('cold');

    const ending = end();
    await turn();
    clock.advance(9.9);
    await turn();
    assert.deepEqual(events, ['dispatcher closes']);
    clock.advance(0.1);
    await ending;

    assert.deepEqual(lines, [
      'warning: Initiating Soft Shutdown, terminating in 10 seconds',
      'error: Task t.add[1] failed: The worker was stopped before the task ended.',
    ]);
    assert.deepEqual(events.slice(-2), ['pool is killed', 'tasks ended']);
  });

  test('is over as soon as nothing runs', async () => {
    const { stopping, clock, idle, events, end } = setup(SOFT);
    stopping.request('cold');

    const ending = end();
    await turn();
    idle.resolve();
    await ending;

    assert.deepEqual([events.at(-1), clock.pending], ['tasks ended', 0]);
  });

  test('is over when somebody asks once more', async () => {
    const { stopping, clock, events, end } = setup(SOFT);
    stopping.request('cold');

    const ending = end();
    await turn();
    stopping.request('now');
    await ending;

    assert.deepEqual([events.at(-1), clock.pending], ['tasks ended', 0]);
  });

  test('does not wait when nothing runs', async () => {
    const { stopping, events, lines, end } = setup(SOFT, []);
    stopping.request('cold');

    await end();

    assert.deepEqual([events.at(-1), lines], ['tasks ended', []]);
  });

  test('waits although nothing runs when the settings ask for it', async () => {
    const settings = { ...SOFT, worker_enable_soft_shutdown_on_idle: true };
    const { stopping, clock, idle, events, end } = setup(settings, []);
    stopping.request('cold');
    idle.resolve();

    const ending = end();
    await turn();
    assert.deepEqual(events, ['dispatcher closes']);
    clock.advance(10);
    await ending;

    assert.equal(events.at(-1), 'tasks ended');
  });
});
