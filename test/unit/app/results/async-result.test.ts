import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../../../src/app/app-internals.ts';
import {
  AsyncResult,
  Celery,
  type ResultMeta,
  type TaskContext,
  TimeoutError,
} from '../../../../src/index.ts';
import { startTestWorker } from '../../../../src/testing/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { resources } from '../../../support/resources.ts';

/** A worker with a task whose runs the test moves on itself. */
async function setup(t: TestContext) {
  const app = new Celery('results');
  const contexts: TaskContext[] = [];
  const ends: ((value: unknown) => void)[] = [];
  const held = app.task('held', { bind: true }, self => {
    contexts.push(self);
    return new Promise<unknown>(resolve => ends.push(resolve));
  });
  const add = app.task('add', (x: number, y: number) => x + y);
  const broken = app.task('broken', () => {
    throw new RangeError('broken');
  });
  const worker = await startTestWorker(app);
  t.after(() => worker.stop());
  /** Starts the held task and waits until its code runs. */
  const start = async () => {
    const result = await held.delay();
    await eventually(() => ends.length > 0);
    const report = (meta: unknown) => contexts.at(-1)!.updateState({ state: 'PROGRESS', meta });
    return { result, end: ends.at(-1)!, report };
  };
  const subscriptions = async () => (await app[INTERNALS].backend()).subscriptions;
  return { app, add, broken, held, worker, start, subscriptions };
}

describe('get', () => {
  it('waits for what the task returns', async t => {
    const { start } = await setup(t);
    const { result, end } = await start();

    const value = result.get({ timeout: 5 });
    end('late');

    assert.equal(await value, 'late');
    assert.equal(await result.get(), 'late');
  });

  it('is the error of a task that updates its state in the way of Celery, and no such state', async t => {
    const { app, worker } = await setup(t);
    const slip = app.task('slip', { bind: true }, async self => {
      await self.updateState('PROGRESS' as never);
    });

    const result = await slip.delay();

    const message = /^updateState takes an object, got 'PROGRESS'/;
    await assert.rejects(result.get({ timeout: 5 }), { name: 'TypeError', message });
    assert.deepEqual(worker.runs.at(-1)?.states, ['PENDING', 'STARTED', 'FAILURE']);
  });

  it('throws the error of the task, with the remote stack', async t => {
    const { broken } = await setup(t);
    const result = await broken.delay();

    await assert.rejects(result.get({ timeout: 5 }), (error: unknown) => {
      assert.ok(error instanceof RangeError);
      assert.equal(error.message, 'broken');
      assert.match(error.stack ?? '', /The task failed with:\nRangeError: broken\n {4}at /);
      return true;
    });
  });

  it('gives the error instead with propagate: false', async t => {
    const { broken } = await setup(t);
    const result = await broken.delay();

    const error = await result.get({ timeout: 5, propagate: false });

    assert.equal((error as Error).message, 'broken');
  });

  it('makes errors of classes that the app registered', async t => {
    class OutOfStock extends Error {
      override readonly name = 'OutOfStock';
      readonly item: unknown;
      constructor(item: unknown) {
        super(`no ${String(item)} left`);
        this.item = item;
      }
      get args() {
        return [this.item];
      }
    }
    const { app } = await setup(t);
    app.registerError(OutOfStock);
    const task = app.task('shop.order', (item: string) => {
      throw new OutOfStock(item);
    });

    const error = await (await task.delay('tea')).get({ timeout: 5, propagate: false });

    assert.ok((error as unknown) instanceof OutOfStock);
    assert.equal((error as OutOfStock).item, 'tea');
  });

  it('gives up after the timeout and can be called again', async t => {
    const { start, subscriptions } = await setup(t);
    const { result, end } = await start();

    await assert.rejects(result.get({ timeout: 0.02 }), TimeoutError);
    await eventually(async () => assert.equal(await subscriptions(), 1)); // the test kit's
    end(1);

    assert.equal(await result.get({ timeout: 5 }), 1);
  });

  it('gives up when its signal aborts', async t => {
    const { start } = await setup(t);
    const { result, end } = await start();
    const abort = new AbortController();

    const waiting = result.get({ signal: abort.signal });
    abort.abort(new Error('user left'));

    await assert.rejects(waiting, /user left/);
    end(1);
  });

  it('tells of every state on the way', async t => {
    const { start } = await setup(t);
    const { result, end, report } = await start();
    const seen: unknown[] = [];

    const value = result.get({
      timeout: 5,
      onMessage: ({ status, result: meta }) => void seen.push([status, meta]),
    });
    await report({ done: 1 });
    await eventually(() => seen.length === 1);
    await report({ done: 2 });
    end('all');
    await value;

    assert.deepEqual(seen, [
      ['PROGRESS', { done: 1 }],
      ['PROGRESS', { done: 2 }],
      ['SUCCESS', 'all'],
    ]);
  });

  it('calls onInterval while it waits, and ends with what that throws', async t => {
    const { start } = await setup(t);
    const { result, end } = await start();
    let calls = 0;

    const waiting = result.get({
      interval: 0.005,
      onInterval: async () => {
        calls += 1;
        if (calls === 3) throw new Error('enough');
      },
    });

    await assert.rejects(waiting, /enough/);
    assert.equal(calls, 3);
    end(1);
  });

  it('does not wait for a result that is ignored', async t => {
    const { held } = await setup(t);

    const result = await held.applyAsync([], { ignoreResult: true });

    assert.equal(result.ignored, true);
    assert.equal(await result.get(), undefined);
  });

  it('leaves nothing behind', async t => {
    const { start, subscriptions } = await setup(t);
    const { result, end } = await start();
    const before = resources();
    const all = [result.get(), result.get({ timeout: 60 }), result.get({ onInterval: () => {} })];

    end('done');
    await Promise.all(all);

    await eventually(async () => assert.equal(await subscriptions(), 1)); // the test kit's
    assert.deepEqual(
      resources().filter(type => type === 'Timeout').length,
      before.filter(type => type === 'Timeout').length,
    );
  });
});

describe('async iteration over a result', () => {
  it('gives every state as it is stored and ends with the final one', async t => {
    const { start } = await setup(t);
    const { result, end, report } = await start();
    const seen: string[] = [];

    const reading = (async () => {
      for await (const { status, result: meta } of result) {
        seen.push(`${status} ${JSON.stringify(meta)}`);
        if (seen.length === 1) await report(2);
        if (seen.length === 2) end('done');
      }
    })();
    await report(1);
    await reading;

    assert.deepEqual(seen, ['PROGRESS 1', 'PROGRESS 2', 'SUCCESS "done"']);
  });

  it('ends without throwing when the task fails', async t => {
    const { broken, worker } = await setup(t);
    const result = await broken.delay();
    await worker.drain();

    const metas: ResultMeta[] = [];
    for await (const meta of result) metas.push(meta);

    assert.deepEqual(
      metas.map(({ status }) => status),
      ['FAILURE'],
    );
  });

  it('can be left early', async t => {
    const { start, subscriptions } = await setup(t);
    const { result, end, report } = await start();
    await report(1);

    for await (const _ of result) break;

    assert.equal(await subscriptions(), 1); // the test kit's
    end(1);
  });
});

describe('a result', () => {
  it('knows its state', async t => {
    const { app, start } = await setup(t);
    const { result, end, report } = await start();
    const states = [await app.AsyncResult('nobody').state(), await result.state()];

    await report({ done: 1 });
    states.push(await result.state());
    const [info, ready] = [await result.info(), await result.ready()];
    end('done');
    await result.get({ timeout: 5 });

    assert.deepEqual(
      [...states, await result.state()],
      ['PENDING', 'PENDING', 'PROGRESS', 'SUCCESS'],
    );
    assert.deepEqual([info, ready], [{ done: 1 }, false]);
    assert.deepEqual(
      [await result.ready(), await result.successful(), await result.failed()],
      [true, true, false],
    );
    assert.equal(await result.info(), 'done');
  });

  it('knows error and stack of a failure', async t => {
    const { app, broken, worker } = await setup(t);
    const { id } = await broken.delay();
    await worker.drain();
    const result = app.AsyncResult(id);

    assert.deepEqual([await result.failed(), await result.successful()], [true, false]);
    assert.equal(((await result.info()) as Error).message, 'broken');
    assert.match((await result.traceback()) ?? '', /^RangeError: broken\n {4}at /);
  });

  it('knows the calls that its task made', async t => {
    const { app, add } = await setup(t);
    const parent = app.task('parent', async () => {
      await add.delay(1, 2);
      await add.applyAsync([3, 4], { addToParent: false });
      await add.delay(5, 6);
    });
    const secret = app.task('secret', { trail: false }, async () => void (await add.delay(0, 0)));

    const result = await parent.delay();
    await result.get({ timeout: 5 });
    const children = await result.children();

    assert.deepEqual(await Promise.all(children.map(child => child.get({ timeout: 5 }))), [3, 11]);
    const hidden = await secret.delay();
    await hidden.get({ timeout: 5 });
    assert.deepEqual(await hidden.children(), []);
  });

  it('calls back when it is ready', async t => {
    const { start } = await setup(t);
    const { result, end } = await start();
    const ready = new Promise<ResultMeta>(resolve => result.onReady(resolve));

    end('done');

    assert.equal((await ready).result, 'done');
  });

  it('calls back after a failure too, and reports what the callback throws', async t => {
    const { broken } = await setup(t);
    const result = await broken.delay();
    const warned = new Promise<Error>(resolve => process.once('warning', resolve));

    result.onReady(({ status }) => {
      throw new Error(`seen ${status}`);
    });

    assert.equal((await warned).message, 'seen FAILURE');
  });

  it('can be forgotten', async t => {
    const { add, worker } = await setup(t);
    const result = await add.delay(1, 2);
    await worker.drain();
    await result.get();

    await result.forget();

    assert.equal(await result.state(), 'PENDING');
    assert.equal(await result.meta(), undefined);
  });

  it('has the whole stored document', async t => {
    const app = new Celery('results');
    const add = app.task('add', (x: number, y: number) => x + y);
    const worker = await startTestWorker(app, { settings: { result_extended: true } });
    t.after(() => worker.stop());

    const result = await add.applyAsync([1], { kwargs: { y: 2 } });
    await result.get({ timeout: 5 });
    const { date_done, ...meta } = (await result.meta())!;

    assert.match(date_done ?? '', /^\d{4}-\d\d-\d\dT/);
    assert.deepEqual(meta, {
      task_id: result.id,
      status: 'SUCCESS',
      result: 3,
      traceback: null,
      children: [],
      name: 'add',
      args: [1],
      kwargs: { y: 2 },
      worker: 'celery@test',
      retries: 0,
      queue: 'celery',
    });
  });

  it('is written as a result tuple', async t => {
    const { app } = await setup(t);

    assert.equal(JSON.stringify([app.AsyncResult('a')]), '[[["a",null],null]]');
  });

  it('needs an id', () => {
    assert.throws(() => new AsyncResult('', undefined as never), /needs a task id, got ""/);
  });
});

describe('a result backend that is disabled', () => {
  it('says so to whoever asks for a result', async t => {
    const app = new Celery('results');
    const add = app.task('add', (x: number, y: number) => x + y);
    const worker = await startTestWorker(app, { settings: { result_backend: 'disabled://' } });
    t.after(() => worker.stop());

    const result = await add.delay(1, 2);
    const run = await worker.waitFor(result);

    assert.equal(run.result, 3);
    await assert.rejects(result.get({ timeout: 1 }), /No result backend is configured/);
  });
});
