import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  Celery,
  ClassTask,
  Ignore,
  Reject,
  TaskBase,
  type TaskHandlers,
  type TaskOptions,
  type TaskRequest,
} from '../../../src/index.ts';
import { startTestWorker } from '../../../src/testing/index.ts';

/** Handlers that write down when they are called, and with what. */
function noting(log: unknown[]): TaskHandlers {
  return {
    beforeStart: request => void log.push(['beforeStart', request.args]),
    onSuccess: result => void log.push(['onSuccess', result]),
    onFailure: error => void log.push(['onFailure', error.message]),
    onRetry: error => void log.push(['onRetry', (error as Error | undefined)?.message]),
    afterReturn: (state, value) =>
      void log.push(['afterReturn', state, value instanceof Error ? value.message : value]),
  };
}

/** An app, a log, and a worker that is started when all tasks are declared. */
function setup(t: TestContext) {
  const app = new Celery('handlers');
  const log: unknown[] = [];
  const run = async (act: () => Promise<{ id: string }>) => {
    const worker = await startTestWorker(app);
    t.after(() => worker.stop());
    const result = await act();
    return worker.waitFor(result);
  };
  return { app, log, run };
}

describe('the handlers of a task', () => {
  it('are called around a success in order', async t => {
    const { app, log, run } = setup(t);
    const { taskPrerun, taskSuccess, taskPostrun } = app.signals;
    taskPrerun.connect(() => void log.push('taskPrerun'));
    taskSuccess.connect(() => void log.push('taskSuccess'));
    taskPostrun.connect(({ state }) => void log.push(`taskPostrun ${state}`));
    const task = app.task('t', { handlers: noting(log) }, (x: number) => {
      log.push('run');
      return x + 1;
    });

    await run(() => task.delay(1));

    assert.deepEqual(log, [
      'taskPrerun',
      ['beforeStart', [1]],
      'run',
      ['onSuccess', 2],
      'taskSuccess',
      ['afterReturn', 'SUCCESS', 2],
      'taskPostrun SUCCESS',
    ]);
  });

  it('are called around a failure in order, when it is stored', async t => {
    const { app, log, run } = setup(t);
    app.signals.taskFailure.connect(() => void log.push('taskFailure'));
    app.signals.taskPostrun.connect(({ state }) => void log.push(`taskPostrun ${state}`));
    const handlers: TaskHandlers = {
      ...noting(log),
      onFailure: async (error, request, traceback) => {
        log.push(['onFailure', error.message, await app.AsyncResult(request.id).state()]);
        assert.match(traceback, /RangeError: broken\n {4}at /);
      },
    };
    const task = app.task('t', { handlers }, () => {
      throw new RangeError('broken');
    });

    await run(() => task.delay());

    assert.deepEqual(log, [
      ['beforeStart', []],
      ['onFailure', 'broken', 'FAILURE'],
      'taskFailure',
      ['afterReturn', 'FAILURE', 'broken'],
      'taskPostrun FAILURE',
    ]);
  });

  it('are told of a retry, and of the return only at the end', async t => {
    const { app, log, run } = setup(t);
    app.signals.taskRetry.connect(({ reason }) => void log.push(reason.message));
    app.signals.taskPostrun.connect(({ state }) => void log.push(`taskPostrun ${state}`));
    const task = app.task('t', { bind: true, handlers: noting(log) }, self => {
      if (self.request.retries === 0) throw self.retry({ exc: new Error('busy'), countdown: 0 });
    });

    await run(() => task.delay());

    assert.deepEqual(log, [
      ['beforeStart', []],
      ['onRetry', 'busy'],
      "Retry in 0s: Error('busy')",
      'taskPostrun RETRY',
      ['beforeStart', []],
      ['onSuccess', undefined],
      ['afterReturn', 'SUCCESS', undefined],
      'taskPostrun SUCCESS',
    ]);
  });

  for (const [thrown, state] of [
    [new Ignore(), 'IGNORED'],
    [new Reject('full'), 'REJECTED'],
  ] as const) {
    it(`hear nothing of a run that is ${state}`, async t => {
      const { app, log, run } = setup(t);
      app.signals.taskPostrun.connect(event => void log.push(`taskPostrun ${event.state}`));
      const task = app.task('t', { acksLate: true, handlers: noting(log) }, () => {
        throw thrown;
      });

      const done = await run(() => task.delay());

      assert.equal(done.state, state);
      assert.deepEqual(log, [['beforeStart', []], `taskPostrun ${state}`]);
    });
  }

  it('get the request of the run', async t => {
    const { app, run } = setup(t);
    const requests: TaskRequest[] = [];
    const keep = (request: TaskRequest) => void requests.push(request);
    const handlers: TaskHandlers = {
      beforeStart: keep,
      onSuccess: (_, request) => keep(request),
      afterReturn: (_state, _value, request) => keep(request),
    };
    const task = app.task('t', { bind: true, handlers }, (self, x: number) => {
      keep(self.request);
      return x;
    });

    const done = await run(() => task.applyAsync([7], { headers: { tenant: 'a' } }));

    assert.equal(requests.length, 4);
    assert.ok(requests.every(request => request === requests[0]));
    assert.equal(requests[0]?.id, done.id);
    assert.deepEqual(requests[0]?.args, [7]);
    assert.deepEqual(requests[0]?.headers, { tenant: 'a' });
  });

  it('that are async are waited for', async t => {
    const { app, log, run } = setup(t);
    const slowly = (word: string) => async () => {
      await new Promise(resolve => setTimeout(resolve, 5));
      log.push(word);
    };
    const handlers: TaskHandlers = { beforeStart: slowly('before'), onSuccess: slowly('success') };
    const task = app.task('t', { handlers }, () => void log.push('run'));

    await run(() => task.delay());

    assert.deepEqual(log, ['before', 'run', 'success']);
  });

  it('that throw before the run fail it like its own code', async t => {
    const { app, log, run } = setup(t);
    const handlers = { beforeStart: () => Promise.reject(new Error('closed')) };
    const task = app.task('t', { handlers }, () => void log.push('run'));

    const done = await run(() => task.delay());

    assert.equal(done.error?.message, 'closed');
    assert.deepEqual(log, []);
  });

  it('that throw after the run end it as an internal error', async t => {
    const { app, log, run } = setup(t);
    app.signals.taskInternalError.connect(({ task, exception }) => {
      log.push([task, exception.message]);
    });
    const handlers: TaskHandlers = {
      onSuccess() {
        throw new Error('in the handler');
      },
      afterReturn: state => void log.push(state),
    };
    const task = app.task('t', { handlers }, () => 1);

    const done = await run(() => task.delay());

    assert.equal(done.state, 'FAILURE');
    assert.equal(done.error?.message, 'in the handler');
    assert.deepEqual(log, [['t', 'in the handler']]);
  });
});

describe('a base class', () => {
  class Audited extends TaskBase {
    static made = 0;
    readonly calls: string[] = [];

    constructor() {
      super();
      Audited.made += 1;
    }

    override onSuccess(result: unknown): void {
      this.calls.push(`success ${result}`);
      log.push(...this.calls);
    }

    override afterReturn(state: string): void {
      log.push(`base ${state}`);
    }
  }
  const log: string[] = [];
  reset();

  function reset() {
    log.length = 0;
    Audited.made = 0;
  }

  it('gives its handlers to the task, with one instance for all runs', async t => {
    reset();
    const { app } = setup(t);
    const task = app.task('t', { base: Audited }, (x: number) => x);

    await task.apply([1]);
    app.conf.update({ task_acks_late: true }); // what is derived from settings is derived again
    await task.apply([2]);

    assert.deepEqual(log, ['success 1', 'base SUCCESS', 'success 1', 'success 2', 'base SUCCESS']);
    assert.equal(Audited.made, 1);
  });

  it('gives way to handlers of the task itself', async t => {
    reset();
    const { app } = setup(t);
    const options: TaskOptions & { bind?: false } = {
      base: Audited,
      handlers: { afterReturn: state => void log.push(`own ${state}`) },
    };
    const task = app.task('t', options, (x: number) => x);

    await task.apply([1]);

    assert.deepEqual(log, ['success 1', 'own SUCCESS']);
  });

  it('may be that of all tasks of an app that name no other', async () => {
    reset();
    class Other extends TaskBase {}
    const app = new Celery('handlers', { taskBase: Audited });

    await app.task('one', (x: number) => x).apply([1]);
    await app.task('two', { base: Other }, (x: number) => x).apply([2]);

    assert.deepEqual(log, ['success 1', 'base SUCCESS']);
  });

  it('may be the base of another one', async t => {
    reset();
    const { app } = setup(t);
    class Loud extends Audited {
      override afterReturn(state: string): void {
        super.afterReturn(state.toLowerCase());
      }
    }
    const task = app.task('t', { base: Loud }, (x: number) => x);

    await task.apply([1]);

    assert.deepEqual(log, ['success 1', 'base success']);
  });
});

describe('a task written as a class', () => {
  class Convert extends ClassTask<[amount: number, rate?: number], number> {
    readonly name = 'money.convert';
    override readonly options: TaskOptions = { maxRetries: 7, throws: [RangeError] };
    readonly log: string[] = [];

    run(amount: number, rate = 2): number {
      if (amount < 0) throw new RangeError('debt');
      this.log.push('run');
      return amount * rate;
    }

    override onSuccess(result: unknown): void {
      this.log.push(`success ${result}`);
    }

    override afterReturn(): void {
      this.log.push('return');
    }
  }

  it('is called like a function', async t => {
    const { app, run } = setup(t);
    const convert = app.registerTask(Convert);

    const done = await run(() => convert.applyAsync([4], { kwargs: { rate: 3 } }));

    assert.equal(done.result, 12);
    const here: number = await convert(4);
    assert.equal(here, 8);
    assert.equal(app.tasks.get('money.convert'), convert);
  });

  it('has options and handlers of its own', async t => {
    const { app } = setup(t);
    const instance = new Convert();
    const convert = app.registerTask(instance);

    await convert.apply([4]);

    assert.equal(convert.definition.maxRetries, 7);
    assert.deepEqual(instance.log, ['run', 'success 8', 'return']);
  });

  it('keeps its handlers when an annotation adds one', async t => {
    const { app } = setup(t);
    const instance = new Convert();
    app.conf.update({
      task_annotations: {
        'money.convert': { on_success: () => void instance.log.push('annotated') },
      },
    });
    const convert = app.registerTask(instance);

    await convert.apply([4]);

    assert.deepEqual(instance.log, ['run', 'annotated', 'return']);
  });

  it('checks its arguments', async t => {
    const { app } = setup(t);
    const convert = app.registerTask(Convert);

    await assert.rejects(
      convert.applyAsync(undefined, { kwargs: { price: 1 } }),
      /convert\(\) got an unexpected keyword argument 'price'/,
    );
  });

  it('has a name that is free', t => {
    const { app } = setup(t);
    app.registerTask(Convert);

    assert.throws(() => app.registerTask(Convert), /"money\.convert" is registered already/);
    app.unregisterTask('money.convert');
    app.registerTask(Convert);
  });
});
