import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Celery, type CeleryConfig, TimeoutError } from '../../../src/index.ts';
import { createTestApp, FakeClock, startTestWorker } from '../../../src/testing/index.ts';
import { resources } from '../../support/resources.ts';

const NEW_YEAR = '2026-01-01T00:00:00.000Z';
/** Nothing of it is ever asked for. */
const ELSEWHERE = 'redis://nobody.invalid:1/0';

function shop(settings: CeleryConfig = {}) {
  const app = new Celery('shop', { broker: ELSEWHERE, backend: ELSEWHERE, ...settings });
  const add = app.task('shop.add', (x: number, y: number) => x + y);
  const sleepy = app.task('shop.sleepy', { bind: true }, async (self, seconds: number) => {
    await self.updateState({ state: 'DOZING', meta: { seconds } });
    await self.sleep(seconds);
    return 'slept';
  });
  const unsure = app.task('shop.unsure', { bind: true, maxRetries: 5 }, (self, tries: number) => {
    if (self.request.retries < tries) throw self.retry({ countdown: 60 });
    return self.request.retries;
  });
  return { app, add, sleepy, unsure };
}

/** The shop on memory with a fake clock and a worker, until the end of the test. */
async function open(t: TestContext, settings: CeleryConfig = {}) {
  const tasks = shop(settings);
  const clock = new FakeClock(NEW_YEAR);
  const worker = await startTestWorker(tasks.app, { clock });
  t.after(() => worker.stop());
  return { ...tasks, clock, worker };
}

describe('a test worker', () => {
  it('runs the tasks of an app that is configured for a server', async t => {
    const { add, worker } = await open(t);

    const result = await add.delay(1, 2);
    await worker.drain();

    assert.equal(await result.state(), 'SUCCESS');
    assert.equal(await result.get({ timeout: 0 }), 3);
  });

  it('gives the app its own broker, results, clock and queues back', async () => {
    const { app } = shop();
    const { clock } = app;

    const worker = await startTestWorker(app, {
      clock: new FakeClock(),
      settings: { task_default_queue: 'only-in-the-test', task_ignore_result: true },
    });
    const during = [app.conf.broker_url, app.conf.task_ignore_result, app.queues.names];
    await worker.stop();

    assert.match(String(during[0]), /^memory:/);
    assert.deepEqual(during.slice(1), [true, ['only-in-the-test']]);
    assert.equal(app.conf.broker_url, ELSEWHERE);
    assert.equal(app.conf.result_backend, ELSEWHERE);
    assert.equal(app.conf.task_ignore_result, false);
    assert.deepEqual(app.queues.names, ['celery']);
    assert.equal(app.clock, clock);
  });

  it('does not let the environment name another broker', async t => {
    process.env.CELERY_BROKER_URL = ELSEWHERE;
    process.env.CELERY_RESULT_BACKEND = ELSEWHERE;
    t.after(() => {
      delete process.env.CELERY_BROKER_URL;
      delete process.env.CELERY_RESULT_BACKEND;
    });
    const { add, worker } = await open(t);

    const result = await add.delay(1, 2);

    assert.equal((await worker.waitFor(result)).result, 3);
  });

  it('leaves no timer and no connection behind', async () => {
    const before = resources();
    const { app, add } = shop();
    const worker = await startTestWorker(app);

    await add.delay(1, 2);
    await add.applyAsync([1, 2], { countdown: 3600 });
    await worker.drain();
    await worker.stop();

    assert.deepEqual(resources(), before);
  });

  it('can be stopped twice, and by await using', async () => {
    const { app } = shop();

    {
      await using worker = await startTestWorker(app);
      await worker.stop();
    }

    assert.equal(app.conf.broker_url, ELSEWHERE);
  });

  it('shares nothing with another one at the same time', async t => {
    const [one, other] = [await open(t), await open(t)];

    const result = await one.add.delay(1, 2);
    await Promise.all([one.worker.drain(), other.worker.drain()]);

    assert.equal(one.worker.sent.length, 1);
    assert.equal(other.worker.sent.length, 0);
    assert.equal(await other.app.AsyncResult(result.id).state(), 'PENDING');
  });

  it('consumes from any queue that something is sent to', async t => {
    const { add, worker } = await open(t);

    const result = await add.applyAsync([1, 2], { queue: 'rare' });
    await worker.drain();

    assert.equal(await result.get({ timeout: 0 }), 3);
    assert.equal(worker.sent[0]?.queue, 'rare');
  });

  it('consumes only from the queues that were asked for', async t => {
    const { app, add } = shop();
    const testApp = await createTestApp(app);
    t.after(() => testApp.stop());
    const worker = await testApp.startWorker({ queues: ['celery'] });

    const rare = await add.applyAsync([1, 2], { queue: 'rare' });
    await add.delay(3, 4);
    await worker.drain();

    assert.equal(await rare.state(), 'PENDING');
    assert.equal(testApp.queued('rare'), 1);
  });

  it('runs functions that belong to no app', async t => {
    const worker = await startTestWorker({ tasks: { 'math.twice': (x: number) => 2 * x } });
    t.after(() => worker.stop());

    const result = await worker.tasks['math.twice'].delay(21);

    const value: number = await result.get({ timeout: 5 });
    assert.equal(value, 42);
  });

  it('runs tasks that wait for others', async t => {
    const { app, add, worker } = await open(t);
    const waits = app.task('shop.waits', async () => (await add.delay(1, 2)).get({ timeout: 5 }));

    const result = await waits.delay();
    await worker.drain();

    assert.equal(await result.get({ timeout: 0 }), 3);
  });

  it('shows what it logged', async t => {
    const { add, worker } = await open(t);

    const { id } = await add.delay(1, 2);
    await worker.drain();

    assert.ok(
      worker.log.some(
        ({ level, message }) => level === 'info' && message === `Task shop.add[${id}] received`,
      ),
    );
  });
});

describe('what was sent', () => {
  it('is listed with its arguments and where it went', async t => {
    const { add, worker } = await open(t);

    const { id } = await add.applyAsync([1], { kwargs: { y: 2 }, countdown: 5, expires: 60 });

    const { message, headers, properties, ...sent } = worker.sent[0]!;
    assert.deepEqual(sent, {
      task: 'shop.add',
      id,
      args: [1],
      kwargs: { y: 2 },
      queue: 'celery',
      exchange: '',
      routingKey: 'celery',
      eta: new Date('2026-01-01T00:00:05Z'),
      expires: new Date('2026-01-01T00:01:00Z'),
      retries: 0,
    });
    assert.equal(headers.root_id, id);
    assert.equal(properties.correlation_id, id);
    assert.equal(message.contentType, 'application/json');
  });

  it('waits in its queue when there is no worker', async t => {
    const { app, add } = shop();
    const testApp = await createTestApp(app);
    t.after(() => testApp.stop());

    await add.delay(1, 2);
    await add.applyAsync([3, 4], { queue: 'rare' });

    assert.equal(testApp.queued(), 2);
    assert.equal(testApp.queued('rare'), 1);
    assert.deepEqual(
      testApp.sent.map(({ queue }) => queue),
      ['celery', 'rare'],
    );
    testApp.clear();
    assert.deepEqual([testApp.queued(), testApp.sent], [0, []]);
  });
});

describe('drain', () => {
  it('waits for tasks that tasks call', async t => {
    const { app, add, worker } = await open(t);
    const total = app.task('shop.total', async (prices: number[]) => {
      await pause(20);
      for (const price of prices) await add.delay(price, 0);
    });

    await total.delay([1, 2, 3]);
    await worker.drain();

    assert.deepEqual(
      worker.runs.map(({ state }) => state),
      ['SUCCESS', 'SUCCESS', 'SUCCESS', 'SUCCESS'],
    );
  });

  it('leaves out calls whose time has not come', async t => {
    const { add, worker } = await open(t);

    const later = await add.applyAsync([1, 2], { countdown: 60 });
    await worker.drain();

    assert.equal(await later.state(), 'PENDING');
    assert.equal(worker.scheduled, 1);
  });

  it('says what is still there when it takes too long', async t => {
    const { sleepy, worker } = await open(t);

    const { id } = await sleepy.delay(60);

    await assert.rejects(worker.drain({ timeout: 0.05 }), (error: unknown) => {
      assert.ok(error instanceof TimeoutError);
      assert.match(error.message, new RegExp(`shop.sleepy\\[${id}\\] active`));
      assert.match(error.message, new RegExp(`The code of ${id} waits for the fake clock`));
      return true;
    });
  });

  it('ends at once when nothing was sent', async t => {
    const { worker } = await open(t);

    await worker.drain({ timeout: 1 });

    assert.deepEqual(worker.runs, []);
  });
});

describe('advance', () => {
  it('lets a call start at its ETA and not before', async t => {
    const { add, worker } = await open(t);
    const eta = new Date('2026-01-01T01:00:00Z');
    const result = await add.applyAsync([1, 2], { eta });

    await worker.advance(3599.999);
    const before = await result.state();
    await worker.advance(0.001);
    await worker.drain();

    assert.equal(before, 'PENDING');
    assert.equal(await result.state(), 'SUCCESS');
  });

  it('goes through all retries of a task, each at its time', async t => {
    const { unsure, worker } = await open(t);
    const result = await unsure.delay(3);

    await worker.advance(180);

    assert.equal(await result.get({ timeout: 1 }), 3);
    assert.deepEqual(
      worker.sent.map(({ eta }) => eta?.toISOString().slice(14, 19)),
      [undefined, '01:00', '02:00', '03:00'],
    );
  });

  it('moves the clock under a task that sleeps', async t => {
    const { sleepy, worker, clock } = await open(t);
    const result = await sleepy.delay(30);

    await worker.advance(29);
    const before = await result.state();
    await worker.advance(1);
    await worker.drain();

    assert.equal(before, 'DOZING');
    assert.equal(await result.get({ timeout: 1 }), 'slept');
    assert.equal(clock.date().toISOString(), '2026-01-01T00:00:30.000Z');
  });

  it('lets calls expire', async t => {
    const { add, worker } = await open(t);
    const result = await add.applyAsync([1, 2], { countdown: 100, expires: 50 });

    await worker.advance(100);
    await worker.drain();

    assert.equal(await result.state(), 'REVOKED');
    await assert.rejects(result.get({ timeout: 1 }), { name: 'TaskRevokedError' });
  });

  it('lets the soft time limit of a sleeping task pass', async t => {
    const { sleepy, worker } = await open(t);
    const result = await sleepy.applyAsync([60], { softTimeLimit: 10 });

    await worker.advance(10);
    await worker.drain();

    await assert.rejects(result.get({ timeout: 1 }), { name: 'SoftTimeLimitExceeded' });
  });

  it('lets rate limits pass', async t => {
    const { app, worker, clock } = await open(t);
    const times: number[] = [];
    const limited = app.task('shop.limited', { rateLimit: '6/m' }, () => {
      times.push(clock.monotonic());
    });
    for (let i = 0; i < 20; i++) await limited.delay();

    await worker.drain();
    const before = [times.length, worker.scheduled];
    await worker.advance(20);
    await worker.drain();

    assert.deepEqual(before, [1, 19]);
    assert.deepEqual(times, [0, 10, 20]);
  });

  it('needs a fake clock', async t => {
    const worker = await startTestWorker(shop().app);
    t.after(() => worker.stop());

    await assert.rejects(
      worker.advance(1),
      /startTestWorker\(app, \{ clock: new FakeClock\(\) \}\)/,
    );
  });
});

describe('waitFor', () => {
  it('gives what a task returned or threw', async t => {
    const { app, add, worker } = await open(t);
    const broken = app.task('shop.broken', () => {
      throw new RangeError('out of stock');
    });

    await add.delay(1, 2);
    await broken.delay();
    const sum = await worker.waitFor(add);
    const failed = await worker.waitFor('shop.broken');

    const value: number = sum.result;
    assert.equal(value, 3);
    assert.equal(sum.request?.task, 'shop.add');
    assert.equal(failed.state, 'FAILURE');
    assert.equal(failed.error?.message, 'out of stock');
  });

  it('gives each call once, in order', async t => {
    const { add, worker } = await open(t);

    for (const x of [1, 2, 3]) await add.delay(x, 0);

    const values = [];
    for (let i = 0; i < 3; i++) values.push((await worker.waitFor(add)).result);
    assert.deepEqual(values, [1, 2, 3]);
  });

  it('waits for one call, and for states on the way', async t => {
    const { sleepy, unsure, worker } = await open(t);

    const dozing = await worker.waitFor(await sleepy.delay(1), 'DOZING');
    await worker.advance(1);
    await unsure.delay(1);
    const retried = await worker.waitFor(unsure, 'RETRY');

    assert.deepEqual(dozing.states, ['PENDING', 'STARTED', 'DOZING']);
    assert.deepEqual(dozing.result, { seconds: 1 });
    assert.equal(retried.state, 'RETRY');
  });

  it('waits for calls that nobody here ran', async t => {
    const { app, worker } = await open(t);

    const result = await app.sendTask('somewhere.else');
    const { state, error } = await worker.waitFor(result);

    assert.equal(state, 'FAILURE');
    assert.equal(error?.name, 'NotRegistered');
  });

  it('hears of tasks without a stored result', async t => {
    const { add, worker } = await open(t, { task_ignore_result: true });

    await add.delay(1, 2);
    const { state, result } = await worker.waitFor(add);

    assert.deepEqual([state, result], ['SUCCESS', 3]);
  });

  it('says which calls there are when it takes too long', async t => {
    const { add, worker } = await open(t);

    const { id } = await add.applyAsync([1, 2], { countdown: 60 });

    await assert.rejects(
      worker.waitFor(add, undefined, { timeout: 0.05 }),
      new RegExp(`No such call ended within 0.05 s: shop.add\\[${id}\\] PENDING`),
    );
  });
});
