/** What a worker does with messages besides running them at once, seen from outside. */

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../../src/app/app-internals.ts';
import {
  Celery,
  type CeleryConfig,
  NotRegistered,
  Request,
  type TaskOptions,
  WorkerLostError,
} from '../../../src/index.ts';
import type { Delivery } from '../../../src/messaging/contract.ts';
import { createTestApp, FakeClock } from '../../../src/testing/index.ts';
import { eventually } from '../../support/eventually.ts';

/** An app in memory with one task, `t.run`, that notes its argument; and a second one that waits. */
async function setup(t: TestContext, options: TaskOptions = {}, settings: CeleryConfig = {}) {
  const app = new Celery('t');
  await app.configFromObject({});
  const ran: string[] = [];
  const held: (() => void)[] = [];
  const task = app.task('t.run', { ...options, bind: false }, (name: string) => {
    ran.push(name);
    return name;
  });
  const slow = app.task('t.slow', { ...options, bind: false }, async (name: string) => {
    ran.push(name);
    await new Promise<void>(resolve => held.push(resolve));
  });
  const other = app.task('t.other', () => void ran.push('other'));
  const clock = new FakeClock();
  const testApp = await createTestApp(app, { settings, clock });
  t.after(async () => {
    for (const release of held.splice(0)) release();
    await testApp.stop();
  });
  const release = () => held.shift()?.();
  return { app, testApp, task, slow, other, ran, held, clock, release };
}

/** Takes the only message of a queue and gives it back, as a consumer does that came to harm. */
async function deliverInVain(app: Celery, times: number, counted = true): Promise<void> {
  const transport = await app[INTERNALS].transport();
  for (let time = 0; time < times; time++) {
    const [delivery] = await new Promise<Delivery[]>(resolve => {
      void transport.consume(app.queues.consumed, { prefetch: 1, onDeliveries: resolve });
    });
    await delivery!.reject(true, { counted });
    // closes the consumer
    await transport.close();
  }
}

describe('a task with a rate limit', () => {
  it('starts at its pace, in order, and lets other tasks pass', async t => {
    const { testApp, task, other, ran } = await setup(t, { rateLimit: '30/m' });
    const worker = await testApp.startWorker();
    for (const name of ['a', 'b', 'c']) await task.delay(name);
    await other.delay();

    await eventually(() => assert.deepEqual(ran, ['a', 'other']));
    await worker.advance(1.9);
    assert.deepEqual(ran, ['a', 'other']);
    await worker.advance(0.2);
    assert.deepEqual(ran, ['a', 'other', 'b']);
    await worker.advance(2);

    assert.deepEqual(ran, ['a', 'other', 'b', 'c']);
  });

  it('runs at once when rate limits are disabled', async t => {
    const settings = { worker_disable_rate_limits: true };
    const { testApp, task, ran } = await setup(t, { rateLimit: '1/h' }, settings);
    const worker = await testApp.startWorker();
    for (const name of ['a', 'b', 'c']) await task.delay(name);

    await worker.drain();

    assert.deepEqual(ran, ['a', 'b', 'c']);
  });

  it('takes the default rate when it sets none', async t => {
    const { testApp, task, ran } = await setup(t, {}, { task_default_rate_limit: '1/m' });
    const worker = await testApp.startWorker();
    for (const name of ['a', 'b']) await task.delay(name);

    await eventually(() => assert.deepEqual(ran, ['a']));
    await worker.advance(61);

    assert.deepEqual(ran, ['a', 'b']);
  });

  it('has to wait for its turn after its ETA too', async t => {
    const { testApp, task, ran } = await setup(t, { rateLimit: '6/m' });
    const worker = await testApp.startWorker();
    for (const name of ['a', 'b']) await task.applyAsync([name], { countdown: 60 });

    await worker.advance(61);
    assert.deepEqual(ran, ['a']);
    await worker.advance(10);

    assert.deepEqual(ran, ['a', 'b']);
  });

  it('that expires while it waits is not run', async t => {
    const { testApp, task, ran } = await setup(t, { rateLimit: '1/m' });
    const worker = await testApp.startWorker();
    await task.delay('a');
    const late = await task.applyAsync(['b'], { expires: 30 });

    await worker.advance(70);

    assert.deepEqual(ran, ['a']);
    assert.equal((await worker.waitFor(late)).state, 'REVOKED');
  });

  it('goes back to its queue when the worker stops', async t => {
    const { testApp, task, ran } = await setup(t, { rateLimit: '1/h' });
    const worker = await testApp.startWorker();
    for (const name of ['a', 'b', 'c']) await task.delay(name);
    await eventually(() => assert.equal(worker.scheduled, 2));

    await worker.stop();

    assert.deepEqual(ran, ['a']);
    assert.equal(testApp.queued(), 2);
  });

  it('that is no rate keeps the worker from starting', async t => {
    const { app, testApp } = await setup(
      t,
      {},
      { task_annotations: { 't.wrong': { rate_limit: '5/d' } } },
    );
    app.task('t.wrong', () => {});

    await assert.rejects(testApp.startWorker(), {
      name: 'ImproperlyConfigured',
      message: /task "t\.wrong": rate_limit must be a rate such as .*, got '5\/d'\.$/,
    });
  });
});

describe('a worker without prefetching', () => {
  for (const acksLate of [false, true]) {
    it(`holds what it can start, not more (acks ${acksLate ? 'late' : 'early'})`, async t => {
      const settings = { worker_disable_prefetch: true, worker_concurrency: 2 };
      const { testApp, slow, ran, held, release } = await setup(t, { acksLate }, settings);
      for (let n = 0; n < 6; n++) await slow.delay(String(n));
      const worker = await testApp.startWorker();

      for (let done = 0; done <= 4; done++) {
        await eventually(() => assert.equal(ran.length, 2 + done));
        await eventually(() => assert.equal(held.length, 2));
        assert.equal(testApp.queued(), 4 - done, `${done} done`);
        release();
      }
      release();

      await worker.drain();
      assert.equal(testApp.queued(), 0);
    });
  }

  it('still takes messages that wait for their time', async t => {
    const settings = { worker_disable_prefetch: true, worker_concurrency: 1 };
    const { testApp, task, ran } = await setup(t, {}, settings);
    for (const name of ['a', 'b', 'c']) await task.applyAsync([name], { countdown: 60 });
    await task.delay('now');
    const worker = await testApp.startWorker();

    await eventually(() => assert.deepEqual(ran, ['now']));
    await worker.advance(61);

    assert.deepEqual(ran.slice(1).sort(), ['a', 'b', 'c']);
  });
});

describe('a worker with a limit of ETA tasks', () => {
  it('leaves further messages to others', async t => {
    const settings = { worker_eta_task_limit: 20, worker_concurrency: 1 };
    const { testApp, task, ran, clock } = await setup(t, {}, settings);
    for (let n = 0; n < 50; n++) await task.applyAsync([String(n)], { countdown: 60 });
    const worker = await testApp.startWorker();

    await eventually(() => assert.equal(worker.scheduled, 20));
    assert.equal(testApp.queued(), 30);
    clock.advance(61);

    await eventually(() => assert.equal(ran.length, 50));
  });
});

describe('a message for an unknown task', () => {
  it('is discarded, and the task fails, unless the settings say otherwise', async t => {
    const { app, testApp } = await setup(t);
    const seen: unknown[] = [];
    app.signals.taskUnknown.connect(({ task, queue }) => void seen.push([task, queue]));
    const worker = await testApp.startWorker();
    const result = await app.sendTask('t.elsewhere', []);

    await assert.rejects(result.get({ timeout: 5 }), NotRegistered);
    await worker.drain();

    assert.equal(testApp.queued(), 0);
    assert.deepEqual(seen, [['t.elsewhere', 'celery']]);
  });

  it('goes back after a while when it is to be requeued, for a worker that knows it', async t => {
    const { app, testApp, task, ran } = await setup(t, {}, { worker_unknown_task: 'requeue' });
    const worker = await testApp.startWorker();
    const result = await app.sendTask('t.elsewhere', []);
    await eventually(() => assert.equal(testApp.queued(), 0));
    await task.delay('a');

    await eventually(() => assert.deepEqual(ran, ['a']));
    assert.equal(testApp.queued(), 0);
    const before = worker.log.filter(line => /unregistered/.test(line.message)).length;
    assert.equal(before, 1);
    await worker.stop();

    assert.equal(testApp.queued(), 1);
    assert.equal(await result.state(), 'PENDING');
  });

  it('comes round once in five seconds, not faster', async t => {
    const { app, testApp, clock } = await setup(t, {}, { worker_unknown_task: 'requeue' });
    const worker = await testApp.startWorker();
    const times = () => worker.log.filter(line => /unregistered/.test(line.message)).length;
    await app.sendTask('t.elsewhere', []);
    await eventually(() => assert.equal(times(), 1));

    clock.advance(4.9);
    await new Promise(resolve => setTimeout(resolve, 20));
    assert.equal(times(), 1);
    clock.advance(0.2);

    await eventually(() => assert.equal(times(), 2));
  });
});

describe('a task that loses its worker again and again', () => {
  const atLeastOnce: TaskOptions = { acksLate: true, rejectOnWorkerLost: true };

  it('is delivered five times and then fails', async t => {
    const { app, testApp, task, ran } = await setup(t, atLeastOnce);
    const result = await task.delay('poison');
    await deliverInVain(app, 5);
    const worker = await testApp.startWorker();

    await assert.rejects(result.get({ timeout: 5 }), error => {
      assert.ok(error instanceof WorkerLostError);
      assert.match(error.message, /delivered 5 times .* \(worker_max_deliveries is 5\)/);
      return true;
    });
    await worker.drain();

    assert.deepEqual(ran, []);
    assert.equal(testApp.queued(), 0);
    assert.ok(
      worker.log.some(line => line.level === 'error' && /Giving up t\.run/.test(line.message)),
    );
  });

  it('is run as long as the limit is not reached', async t => {
    const { app, testApp, task, ran } = await setup(t, atLeastOnce);
    await task.delay('unlucky');
    await deliverInVain(app, 4);
    const worker = await testApp.startWorker();

    await worker.drain();

    assert.deepEqual(ran, ['unlucky']);
  });

  it('is run for ever without a limit', async t => {
    const { app, testApp, task, ran } = await setup(t, atLeastOnce, {
      worker_max_deliveries: null,
    });
    await task.delay('stubborn');
    await deliverInVain(app, 8);
    const worker = await testApp.startWorker();

    await worker.drain();

    assert.deepEqual(ran, ['stubborn']);
  });

  it('is not confused with one that was only given back', async t => {
    const { app, testApp, task, ran } = await setup(t, atLeastOnce);
    await task.delay('patient');
    await deliverInVain(app, 8, false);
    const worker = await testApp.startWorker();

    await worker.drain();

    assert.deepEqual(ran, ['patient']);
  });

  it('is not judged when its loss would not have put it back', async t => {
    const { app, testApp, task, ran } = await setup(t, { acksLate: true });
    await task.delay('other');
    await deliverInVain(app, 8);
    const worker = await testApp.startWorker();

    await worker.drain();

    assert.deepEqual(ran, ['other']);
  });
});

describe('a redelivered task that succeeded already', () => {
  const settings = { worker_deduplicate_successful_tasks: true };

  async function succeeded(t: TestContext, given: CeleryConfig) {
    const { app, testApp, task, ran } = await setup(t, { acksLate: true }, given);
    const result = await task.delay('once');
    await deliverInVain(app, 1);
    await (await app[INTERNALS].backend()).store({
      task_id: result.id,
      status: 'SUCCESS',
      result: 'before',
      traceback: null,
      children: [],
      date_done: '2026-01-01T00:00:00+00:00',
    });
    const worker = await testApp.startWorker();
    await worker.drain();
    return { ran, worker, testApp };
  }

  it('is acknowledged and not run again', async t => {
    const { ran, worker, testApp } = await succeeded(t, settings);

    assert.deepEqual(ran, []);
    assert.equal(testApp.queued(), 0);
    assert.ok(worker.log.some(line => /already completed successfully/.test(line.message)));
  });

  it('runs again unless that is asked for', async t => {
    const { ran } = await succeeded(t, {});

    assert.deepEqual(ran, ['once']);
  });

  it('that did not succeed is run', async t => {
    const { app, testApp, task, ran } = await setup(t, { acksLate: true }, settings);
    await task.delay('again');
    await deliverInVain(app, 1);
    const worker = await testApp.startWorker();

    await worker.drain();

    assert.deepEqual(ran, ['again']);
  });
});

describe('a task with a Request class of its own', () => {
  it('has its messages handled by it', async t => {
    const seen: string[] = [];
    class Noting extends Request {
      override onAccepted(pid: number): void {
        seen.push(`accepted ${this.headers.task} ${pid === process.pid}`);
      }
      override onDone(reply: { kind: string }): void {
        seen.push(`done ${reply.kind}`);
      }
    }
    const { testApp, task } = await setup(t, { Request: Noting });
    const worker = await testApp.startWorker();
    await task.delay('a');

    await worker.drain();

    assert.deepEqual(seen, ['accepted t.run true', 'done success']);
  });

  it('hears that its code failed, and why', async t => {
    const seen: string[] = [];
    class Noting extends Request {
      override onDone(reply: { kind: string }): void {
        seen.push(reply.kind);
      }
      override onFailure(error: Error): void {
        seen.push(error.message);
      }
    }
    const { app, testApp } = await setup(t);
    const task = app.task('t.fails', { Request: Noting }, () => {
      throw new TypeError('so sorry');
    });
    const worker = await testApp.startWorker();
    await task.delay();

    await worker.drain();

    assert.deepEqual(seen, ['failure', "TypeError('so sorry')"]);
  });

  it('that is no Request keeps the worker from starting', async t => {
    const { testApp } = await setup(t, { Request: class Wrong {} });

    await assert.rejects(testApp.startWorker(), {
      name: 'ImproperlyConfigured',
      message: /Task t\.run: the option Request must be a class that extends Request, not Wrong/,
    });
  });
});

describe('signals of a worker', () => {
  it('come in order, with the name of the node', async t => {
    const { app, testApp, task } = await setup(t);
    const seen: string[] = [];
    for (const name of [
      'celeryAfterSetup',
      'workerInit',
      'workerReady',
      'workerShuttingDown',
      'workerShutdown',
    ] as const) {
      app.signals[name].connect(event => void seen.push(`${name} ${event.hostname}`));
    }
    app.signals.taskReceived.connect(({ task: name, queue }) => void seen.push(`${name} ${queue}`));
    const worker = await testApp.startWorker({ hostname: 'w@h' });
    await task.delay('a');
    await worker.drain();
    await worker.stop();

    assert.deepEqual(seen, [
      'celeryAfterSetup w@h',
      'workerInit w@h',
      'workerReady w@h',
      't.run celery',
      'workerShuttingDown w@h',
      'workerShutdown w@h',
    ]);
  });

  it('tell of messages that are rejected and tasks that expired', async t => {
    const { app, testApp, task } = await setup(t);
    const seen: unknown[] = [];
    app.signals.taskRejected.connect(({ queue, reason }) => void seen.push([queue, reason.name]));
    app.signals.taskRevoked.connect(({ task: name, expired }) => void seen.push([name, expired]));
    await task.applyAsync(['late'], { expires: new Date(0) });
    const transport = await app[INTERNALS].transport();
    await transport.publish(
      {
        body: 'hello',
        bodyEncoding: 'utf-8',
        contentType: 'text/plain',
        contentEncoding: 'utf-8',
        headers: {},
        properties: {},
      },
      { exchange: { ...app.queues.get('celery').exchange }, routingKey: 'celery' },
    );
    const worker = await testApp.startWorker();

    await worker.drain();

    assert.deepEqual(seen.map(String).sort(), ['celery,InvalidTaskError', 't.run,true']);
  });
});
