import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  Celery,
  type CeleryConfig,
  EagerResult,
  EncodeError,
  Ignore,
  MaxRetriesExceededError,
  Reject,
  type SignatureData,
  type TaskRequest,
} from '../../../../src/index.ts';
import { createTestApp } from '../../../../src/testing/index.ts';

function sig(task: string, args: unknown[] = [], immutable = false): SignatureData {
  return { task, args, kwargs: {}, options: {}, subtask_type: null, immutable };
}

/** An app on memory without a worker: what is sent stays where it is and can be counted. */
async function setup(t: TestContext, settings: CeleryConfig = {}) {
  const app = new Celery('eager');
  const add = app.task('add', (x: number, y: number) => x + y);
  const broken = app.task('broken', () => {
    throw new RangeError('broken');
  });
  const testApp = await createTestApp(app, { settings });
  t.after(() => testApp.stop());
  return { app, add, broken, testApp };
}

describe('apply', () => {
  it('takes what the call leaves undefined from the declaration', async t => {
    const { app } = await setup(t, { task_always_eager: true });
    const limited = app.task('limited', { bind: true, softTimeLimit: 60 }, self => {
      return self.request.timelimit;
    });

    const result = await limited.applyAsync([], { softTimeLimit: undefined } as object);

    assert.deepEqual(await result.get(), [null, 60]);
  });

  it('runs the task here and sends nothing', async t => {
    const { add, testApp } = await setup(t);

    const result = await add.apply([1, 2]);

    assert.ok(result instanceof EagerResult);
    const value: number = await result.get();
    assert.equal(value, 3);
    assert.equal(testApp.sent.length, 0);
  });

  it('keeps an error until it is asked for', async t => {
    const { broken } = await setup(t);

    const result = await broken.apply([]);

    assert.deepEqual(
      [await result.state(), await result.failed(), await result.successful()],
      ['FAILURE', true, false],
    );
    await assert.rejects(result.get(), /^RangeError: broken$/);
    assert.equal(((await result.get({ propagate: false })) as unknown as Error).message, 'broken');
    assert.match((await result.traceback()) ?? '', /RangeError: broken\n {4}at /);
  });

  it('throws an error when it should', async t => {
    const { broken } = await setup(t);
    const propagating = await setup(t, { task_eager_propagates: true });

    await assert.rejects(broken.apply([], { throw: true }), /^RangeError: broken$/);
    await assert.rejects(propagating.broken.apply([]), /^RangeError: broken$/);
    await propagating.broken.apply([], { throw: false });
  });

  it('runs every retry at once', async t => {
    const { app, testApp } = await setup(t);
    const tries: number[] = [];
    const task = app.task('t', { bind: true }, (self, wanted: number) => {
      tries.push(self.request.retries);
      if (self.request.retries < wanted) throw self.retry({ countdown: 3600 });
      return tries.length;
    });

    const result = await task.apply([2]);
    const tooMany = await task.apply([10]);

    assert.equal(await result.get(), 3);
    assert.deepEqual(tries, [0, 1, 2, 0, 1, 2, 3]);
    assert.ok((await tooMany.info()) instanceof MaxRetriesExceededError);
    assert.equal(testApp.sent.length, 0);
  });

  it('can begin with some retries behind it', async t => {
    const { app } = await setup(t);
    const task = app.task('t', { bind: true }, self => self.request.retries);

    const result = await task.apply([], { retries: 2 });

    assert.equal(await result.get(), 2);
  });

  it('gives the task a request that knows where it runs', async t => {
    const { app } = await setup(t);
    let request: TaskRequest | undefined;
    const inner = app.task('inner', { bind: true }, self => {
      request = self.request;
    });
    const outer = app.task('outer', async () => void (await inner.apply([])));

    await outer.apply([], { taskId: 'outer-id' });

    assert.equal(request?.isEager, true);
    assert.equal(request?.calledDirectly, false);
    assert.deepEqual([request?.rootId, request?.parentId], ['outer-id', 'outer-id']);
    assert.notEqual(request?.id, 'outer-id');
  });

  it('passes arguments as a message would', async t => {
    const { app } = await setup(t);
    const seen: unknown[] = [];
    const task = app.task('t', (...args: unknown[]) => void seen.push(...args));
    const shared = { list: [1] };

    await task.apply([shared, undefined, { gone: undefined }]);

    assert.deepEqual(seen, [{ list: [1] }, null, {}]);
    assert.notEqual(seen[0], shared);
    await assert.rejects(task.apply([() => 1]), EncodeError);
  });

  it('takes keyword arguments, id and headers', async t => {
    const { app } = await setup(t);
    const task = app.task('t', { bind: true }, (self, x: number, y: number) => [
      self.request.id,
      self.request.headers,
      x,
      y,
    ]);

    const result = await task.apply([1] as never, {
      kwargs: { y: 2 },
      taskId: 'mine',
      headers: { tenant: 'a' },
    });

    assert.deepEqual(await result.get(), ['mine', { tenant: 'a' }, 1, 2]);
    assert.equal(result.id, 'mine');
  });

  for (const [error, state] of [
    [new Ignore(), 'IGNORED'],
    [new Reject('no'), 'REJECTED'],
  ] as const) {
    it(`ends as ${state} after ${error.name}`, async t => {
      const { app } = await setup(t);
      const task = app.task('t', () => {
        throw error;
      });

      const result = await task.apply([]);

      assert.equal(await result.state(), state);
      assert.equal(await result.get(), undefined);
      assert.equal((await result.meta()).status, state);
    });
  }

  it('stores nothing, unless asked to', async t => {
    const { app, add } = await setup(t);
    const storing = await setup(t, { task_store_eager_result: true });

    const { id } = await add.apply([1, 2]);
    const stored = await storing.add.apply([1, 2]);

    assert.equal(await app.AsyncResult(id).state(), 'PENDING');
    assert.equal(await storing.app.AsyncResult(stored.id).get({ timeout: 1 }), 3);
  });

  it('sends the callbacks of a success', async t => {
    const { add, testApp } = await setup(t);

    const result = await add.apply([1, 2], { link: sig('add', [10]) });

    assert.deepEqual(
      testApp.sent.map(({ task, args, headers }) => [task, args, headers.parent_id]),
      [['add', [3, 10], result.id]],
    );
    assert.deepEqual(
      (await result.children()).map(child => child.id),
      [testApp.sent[0]?.id],
    );
  });

  it('calls an errback that takes the error, and sends others the id', async t => {
    const { app, broken, testApp } = await setup(t);
    const calls: unknown[][] = [];
    app.task('seen', (request: TaskRequest, error: Error, traceback: string, note: string) => {
      calls.push([request.task, error.message, /broken/.test(traceback), note]);
    });
    app.task('told', (_id: string) => {});

    const { id } = await broken.apply([], { linkError: [sig('seen', ['a note']), sig('told')] });

    assert.deepEqual(calls, [['broken', 'broken', true, 'a note']]);
    assert.deepEqual(
      testApp.sent.map(({ task, args }) => [task, args]),
      [['told', [id]]],
    );
  });
});

describe('the result of a call that ran here', () => {
  it('can do what other results can', async t => {
    const { add } = await setup(t);

    const result = await add.apply([1, 2], { taskId: 'the-id' });
    const metas = [];
    for await (const meta of result) metas.push(meta);
    const heard = await new Promise<unknown>(resolve => result.onReady(resolve));
    await result.forget();

    assert.deepEqual([await result.ready(), await result.state()], [true, 'SUCCESS']);
    assert.deepEqual([await result.info(), await result.traceback()], [3, null]);
    assert.deepEqual([metas.length, metas[0]?.status, metas[0]?.result], [1, 'SUCCESS', 3]);
    assert.equal(heard, metas[0]);
    assert.equal(JSON.stringify(result), '[["the-id",null],null]');
    assert.deepEqual([result.name, result.ignored], ['add', false]);
    assert.deepEqual(await result.children(), []);
  });
});

describe('task_always_eager', () => {
  const eager = { task_always_eager: true };

  it('makes delay and applyAsync run the task here', async t => {
    const { add, testApp } = await setup(t, eager);

    const results = [
      await add.delay(1, 2),
      await add.applyAsync([3, 4], { countdown: 3600, queue: 'slow' }),
    ];

    assert.deepEqual(await Promise.all(results.map(result => result.get())), [3, 7]);
    assert.equal(testApp.sent.length, 0);
  });

  it('checks arguments like a call', async t => {
    const { add } = await setup(t, eager);

    await assert.rejects(add.applyAsync([1], { kwargs: { z: 2 } }), {
      name: 'TypeError',
      message: /unexpected keyword argument 'z'/,
    });
  });

  it('throws errors at once with task_eager_propagates', async t => {
    const keeping = await setup(t, eager);
    const throwing = await setup(t, { ...eager, task_eager_propagates: true });

    const result = await keeping.broken.delay();

    assert.equal(await result.state(), 'FAILURE');
    await assert.rejects(throwing.broken.delay(), /^RangeError: broken$/);
  });

  it('runs callbacks here too, and stores results when asked to', async t => {
    const { app, add, testApp } = await setup(t, { ...eager, task_store_eager_result: true });
    const log: unknown[] = [];
    app.task('log', { bind: true }, (self, value: number) => {
      log.push([value, self.request.isEager]);
      return value;
    });

    const result = await add.applyAsync([1, 2], { link: sig('log') });

    assert.deepEqual(log, [[3, true]]);
    const [child] = await app.AsyncResult(result.id).children();
    assert.equal(await child?.get({ timeout: 1 }), 3);
    assert.equal(testApp.sent.length, 0);
  });

  it('sends callbacks whose task is elsewhere', async t => {
    const { add, testApp } = await setup(t, eager);

    await add.applyAsync([1, 2], { link: sig('elsewhere') });

    assert.deepEqual(
      testApp.sent.map(({ task, args }) => [task, args]),
      [['elsewhere', [3]]],
    );
  });

  it('has no effect on sendTask, which warns', async t => {
    const { app, testApp } = await setup(t, eager);
    const warned = new Promise<Error>(resolve => process.once('warning', resolve));

    await app.sendTask('add', [1, 2]);

    assert.match((await warned).message, /task_always_eager has no effect on sendTask/);
    assert.equal(testApp.sent.length, 1);
  });

  it('works for a task that calls others', async t => {
    const { app, add, testApp } = await setup(t, eager);
    const sum = app.task('sum', async (numbers: number[]) => {
      let total = 0;
      for (const number of numbers) total = await (await add.delay(total, number)).get();
      return total;
    });

    const result = await sum.delay([1, 2, 3]);

    assert.equal(await result.get(), 6);
    assert.equal(testApp.sent.length, 0);
  });
});
