import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogLevel } from '../../../src/base/logger.ts';
import { MaxRetriesExceededError, Retry } from '../../../src/execute/errors.ts';
import { directRequest, type TaskRequest } from '../../../src/execute/request.ts';
import {
  blameCurrentTask,
  type ContextHost,
  currentTask,
  runInContext,
  TaskContext,
} from '../../../src/execute/task-context.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { notedLog, turn } from '../worker/made-requests.ts';

function contextOf(host: Partial<ContextHost> = {}, request: Partial<TaskRequest> = {}) {
  const clock = new FakeClock(1000);
  const states: unknown[] = [];
  const context = new TaskContext(
    { ...directRequest('t.add', 'id-1', [1], undefined), calledDirectly: false, ...request },
    {
      ...{ clock, signal: new AbortController().signal, maxRetries: 3, defaultRetryDelay: 180 },
      updateState: async update => void states.push(update),
      ...host,
    },
  );
  return { context, clock, states };
}

describe('the task that runs', () => {
  it('is known to all code below it, also after a pause, and to no other', async () => {
    const { context } = contextOf();
    assert.equal(currentTask(), undefined);

    await runInContext(context, async () => {
      assert.equal(currentTask(), context);
      await turn();
      assert.equal(currentTask(), context);
    });

    assert.equal(currentTask(), undefined);
  });

  it('is the inner one while one runs inside another', () => {
    const [outer, inner] = [contextOf().context, contextOf().context];
    runInContext(outer, () => {
      runInContext(inner, () => assert.equal(currentTask(), inner));
      assert.equal(currentTask(), outer);
    });
  });
});

describe('an error that nothing caught', () => {
  const blame = (host: Partial<ContextHost>) => {
    const { context } = contextOf(host);
    return runInContext(context, () => blameCurrentTask(new Error('lost')));
  };

  it('is that of the task in whose code it was', () => {
    const seen: unknown[] = [];
    const found = blame({
      blame: thrown => {
        seen.push(thrown);
        return 'failed';
      },
    });
    assert.deepEqual([found, String(seen[0])], ['failed', 'Error: lost']);
  });

  it('is that of the task that called this one like a function', () => {
    const { context: outer } = contextOf({ blame: () => 'ended' });
    const { context: middle } = contextOf({ caller: outer, blame: () => 'failed' });
    assert.equal(blame({ caller: middle, blame: () => 'failed' }), 'ended');
  });

  it("is nobody's where no task runs, or no worker runs it", () => {
    assert.equal(blameCurrentTask(new Error('lost')), undefined);
    assert.equal(blame({}), undefined);
  });
});

describe('an event of a task', () => {
  it('has the id of the task besides its fields', () => {
    const sent: unknown[] = [];
    const { context } = contextOf({ sendEvent: (type, fields) => void sent.push([type, fields]) });

    context.sendEvent('task-progress', { done: 5 });
    context.sendEvent('task-halfway');

    assert.deepEqual(sent, [
      ['task-progress', { uuid: 'id-1', done: 5 }],
      ['task-halfway', { uuid: 'id-1' }],
    ]);
  });

  it('is nothing where nobody could hear it', () => {
    contextOf().context.sendEvent('task-progress');
  });

  it('without type, or with fields that are none, is refused', () => {
    const { context } = contextOf();
    assert.throws(() => context.sendEvent(''), /The type of an event must be a text that is not/);
    assert.throws(
      () => context.sendEvent('x', [] as never),
      /The fields of an event must be an obj/,
    );
  });
});

describe('a wait for the result of another task', () => {
  it('that is short is told to nobody', async () => {
    const told: unknown[] = [];
    const { context } = contextOf({ waits: what => void told.push(what) });

    assert.equal(await context.waitFor('other', Promise.resolve(5)), 5);
    await assert.rejects(context.waitFor('other', Promise.reject(new Error('no'))), /no/);

    assert.deepEqual(told, []);
  });

  it('that is long is told once, with whatever is still waited for, until all is there', async t => {
    const told: unknown[] = [];
    const { context } = contextOf({ waits: what => void told.push(what) });
    const ends = new Map<string, (value: string) => void>();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const waits: Promise<string>[] = [];
    for (const id of ['a', 'b', 'c']) {
      waits.push(context.waitFor(id, new Promise<string>(resolve => ends.set(id, resolve))));
      t.mock.timers.tick(10);
    }
    t.mock.timers.tick(5000);
    assert.deepEqual(told, ['a']);

    for (const id of ['b', 'a', 'c']) {
      ends.get(id)!(id);
      await turn();
    }

    assert.deepEqual(await Promise.all(waits), ['a', 'b', 'c']);
    assert.deepEqual(told, ['a', 'c', undefined]);
  });

  it('of a task that was called like a function is one of its caller, which has the place', async t => {
    const told: unknown[] = [];
    const { context: caller } = contextOf({ waits: what => void told.push(what) });
    const { context } = contextOf({ caller, waits: () => assert.fail('it has no place') });
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let end = (_: number) => {};
    const waiting = context.waitFor(
      'a',
      new Promise<number>(resolve => {
        end = resolve;
      }),
    );

    t.mock.timers.tick(5000);
    end(1);
    await waiting;

    assert.deepEqual(told, ['a', undefined]);
  });
});

describe('a retry', () => {
  const plan = (context: TaskContext, options = {}) => context.retry(options).plan;

  it('is after the delay of the task, or the one that is given, or at a moment', () => {
    const { context } = contextOf();
    assert.equal(plan(context).eta, 1180);
    assert.equal(plan(context, { countdown: 2 }).eta, 1002);
    assert.equal(plan(context, { countdown: 0 }).eta, null);
    assert.equal(plan(context, { eta: 5000 }).eta, 5000);
    assert.equal(plan(context, { eta: new Date(7_000_000) }).eta, 7000);
  });

  it('says when in its text', () => {
    const { context } = contextOf();
    assert.equal(context.retry({ countdown: 2.5 }).message, 'Retry in 2.5s');
    const exc = new TypeError('x');
    assert.equal(context.retry({ countdown: 1, exc }).message, "Retry in 1s: TypeError('x')");
    assert.equal(context.retry({ eta: 0 }).message, 'Retry at 1970-01-01T00:00:00.000Z');
  });

  it('is remembered, as it does nothing until it is thrown', () => {
    const { context } = contextOf();
    assert.equal(context.lastRetry, undefined);
    const retry = context.retry({ maxRetries: 7 });
    assert.equal(context.lastRetry, retry);
    assert.equal(context.maxRetries, 7);
  });

  const tries: readonly (readonly [number, number | null, number | null | undefined, boolean])[] = [
    // tries so far, limit of the task, limit of the call, whether there is one left
    [0, 3, undefined, true],
    [2, 3, undefined, true],
    [3, 3, undefined, false],
    [0, 0, undefined, false],
    [99, null, undefined, true],
    [3, 3, 4, true],
    [3, 3, null, true],
    [1, 3, 1, false],
    [0, null, 0, false],
  ];
  for (const [retries, limit, own, isLeft] of tries) {
    it(`${isLeft ? 'may be' : 'is no more'} after ${retries} of ${limit} with ${own} in the call`, () => {
      const { context } = contextOf({ maxRetries: limit }, { retries });
      const options = own === undefined ? {} : { maxRetries: own };
      if (isLeft) assert.ok(context.retry(options) instanceof Retry);
      else assert.throws(() => context.retry(options), MaxRetriesExceededError);
    });
  }

  it('that is one too many throws the error of the task, if there is one', () => {
    const { context } = contextOf({ maxRetries: 0 });
    const exc = new RangeError('mine');
    assert.throws(() => context.retry({ exc }), exc);
    assert.throws(() => context.retry(), {
      name: 'MaxRetriesExceededError',
      message: "Can't retry t.add[id-1] args:(1,) kwargs:{}",
    });
    assert.equal(context.lastRetry, undefined);
  });

  it('of code that was called as a function is its error, or itself', () => {
    const { context } = contextOf({}, { calledDirectly: true });
    const exc = new RangeError('mine');
    assert.throws(() => context.retry({ exc }), exc);
    assert.throws(() => context.retry(), Retry);
  });

  it('that makes no sense is refused, and nothing is remembered', () => {
    const { context } = contextOf();
    for (const options of [{ countdown: '5' }, { max_retries: 3 }, { countdown: 1e300 }]) {
      assert.throws(() => context.retry(options as never));
    }
    assert.equal(context.lastRetry, undefined);
  });

  it('ends with the call after its deadline, which may be so many seconds or a moment', () => {
    const { context } = contextOf();
    assert.equal(plan(context, { expires: 60 }).expires, 1060);
    assert.equal(plan(context, { expires: new Date(2_000_000) }).expires, 2000);
    assert.equal(plan(context).expires, undefined);
  });
});

describe('the log of a task', () => {
  it('is that of its worker, and each record names the task', () => {
    const records: unknown[] = [];
    const { logger } = notedLog();
    const log = (level: LogLevel, message: string, fields?: unknown) =>
      void records.push([level, message, fields]);
    const { context } = contextOf({ taskLog: { ...logger, log } });

    context.logger.info('done %d of %d', 1, 2);
    context.logger.critical('stop', { code: 5 });

    const fields = { name: 'celery.task', task_name: 't.add', task_id: 'id-1' };
    assert.deepEqual(records, [
      ['info', 'done 1 of 2', fields],
      ['critical', 'stop { code: 5 }', { ...fields, code: 5 }],
    ]);
  });

  it('is that of the task which called this one like a function', () => {
    const { logger, lines } = notedLog();
    const { context: caller } = contextOf({ taskLog: logger });
    contextOf({ caller }).context.logger.warning('careful');
    assert.deepEqual(lines, ['warning: careful']);
  });
});

describe('a pause of a task', () => {
  it('is as long as the clock says, and ends with the soft limit', async () => {
    const controller = new AbortController();
    const { context, clock } = contextOf({ signal: controller.signal });
    let isOver = false;
    const slept = context.sleep(10).then(() => {
      isOver = true;
    });
    clock.advance(9);
    await turn();
    assert.equal(isOver, false);
    clock.advance(1);
    await slept;

    const cut = context.sleep(Number.POSITIVE_INFINITY);
    controller.abort(new Error('soft limit'));
    await assert.rejects(cut, /soft limit/);
  });

  it('is a number of seconds', async () => {
    const { context } = contextOf();
    for (const seconds of ['5', Number.NaN, 1e300, undefined]) {
      await assert.rejects(context.sleep(seconds as number), /The time to sleep must be a number/);
    }
  });
});
