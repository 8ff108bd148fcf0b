import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, test } from 'node:test';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';
import { JobLoop, LoopJob } from '../../../src/pool/child/job-loop.ts';
import type { JobControl } from '../../../src/pool/contract.ts';
import { collector } from '../../support/collector.ts';
import { eventually } from '../../support/eventually.ts';

function setup(places = 1, run?: (payload: unknown, control: JobControl) => Promise<unknown>) {
  const events: string[] = [];
  const jobs = new Map<unknown, { control: JobControl; end: Deferred<unknown> }>();
  const runner = {
    run: (payload: unknown, control: JobControl) => {
      const end = deferred<unknown>();
      jobs.set(payload, { control, end });
      return run ? run(payload, control) : end.promise;
    },
    stop: async () => {},
  };
  const loop = new JobLoop(runner, places, {
    claim: job => job.payload !== 'taken',
    onStarted: job => events.push(`started ${job.ticket}`),
    onReleased: job => events.push(`released ${job.ticket}`),
    onDone: (job, reply) => events.push(`done ${job.ticket} ${reply}`),
    onThrown: (job, error) => events.push(`threw ${job.ticket} ${error}`),
  });
  const add = (...payloads: unknown[]) => {
    for (const payload of payloads) loop.add(new LoopJob(++ticket, payload, false));
    loop.run();
  };
  let ticket = 0;
  const end = async (payload: unknown, reply: unknown) => {
    jobs.get(payload)!.end.resolve(reply);
    await new Promise(resolve => setImmediate(resolve));
    await new Promise(resolve => setImmediate(resolve));
  };
  return { events, jobs, loop, add, end };
}

describe('job loop', () => {
  test('starts as many jobs as it has places and the next when one ends', async () => {
    const { events, add, end } = setup(2);

    add('a', 'b', 'c');
    assert.deepEqual(events, ['started 1', 'started 2']);
    await end('a', 'x');

    assert.deepEqual(events, ['started 1', 'started 2', 'done 1 x', 'started 3']);
  });

  test('lets go of jobs that have run although others always wait', async () => {
    const collect = collector();
    const ran: WeakRef<JobControl>[] = [];
    const add = () => loop.add(new LoopJob(++ticket, 'x', false));
    const run = async (_: unknown, control: JobControl) => {
      ran.push(new WeakRef(control));
      add();
    };
    const silent = { claim: () => true, onStarted() {}, onReleased() {}, onDone() {} };
    const loop = new JobLoop({ run, stop: async () => {} }, 1, { ...silent, onThrown() {} });
    let ticket = 0;

    for (let i = 0; i < 100; i++) add();
    loop.run();
    await eventually(() => ran.length > 2000);
    loop.close(() => {});
    collect();

    assert.ok(loop.waiting > 0);
    const kept = ran.slice(0, 1000).filter(job => job.deref()).length;
    assert.ok(kept < 10, `${kept} of 1000`);
  });

  test('leaves out a job that was taken back', async () => {
    const { events, add } = setup();

    add('taken', 'b');

    await eventually(() => assert.deepEqual(events, ['started 2']));
  });

  test('starts at most 64 jobs beyond those that are released but not answered', async () => {
    const { events, loop, add } = setup(1, async (_, control) => {
      control.release();
      await new Promise(() => {});
    });

    add(...Array.from({ length: 100 }, (_, i) => i));
    await eventually(() => events.filter(event => event.startsWith('released')).length >= 64);
    for (let i = 0; i < 200; i++) await new Promise(resolve => setImmediate(resolve));

    assert.equal(events.filter(event => event.startsWith('released')).length, 64);
    assert.equal(loop.waiting, 36);
  });

  test('does not let a job started by a release see the async context of the releasing one', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { add } = setup(1, async (payload, control) => {
      seen.push(storage.getStore());
      await storage.run(`inside ${payload}`, async () => control.release());
      await new Promise(() => {});
    });

    add('a', 'b', 'c');
    // on a busy machine the loop gives way after each job
    await eventually(() => seen.length === 3);

    assert.deepEqual(seen, [undefined, undefined, undefined]);
  });

  test('lets the event loop turn while short jobs follow each other', async () => {
    let turns = 0;
    const { events, add } = setup(1, async () => {
      const end = performance.now() + 0.5;
      while (performance.now() < end);
    });
    const timer = setInterval(() => turns++, 1);

    add(...Array.from({ length: 40 }, (_, i) => i));
    while (events.length < 80) await new Promise(resolve => setImmediate(resolve));
    clearInterval(timer);

    assert.ok(turns >= 3, `${turns} turns`);
  });

  test('reports a runner that throws before it has made a promise', async () => {
    const { events, add } = setup(1, () => {
      throw new Error('at once');
    });

    add('a');
    await new Promise(resolve => setImmediate(resolve));

    assert.deepEqual(events, ['started 1', 'threw 1 Error: at once']);
  });

  test('aborts a job that asks for its signal after the soft limit has passed', async () => {
    const { jobs, loop, add } = setup();
    add('a');

    loop.expire(1, 2);

    const { signal } = jobs.get('a')!.control;
    assert.equal(signal.aborted, true);
    assert.equal(signal.reason.name, 'SoftTimeLimitExceeded');
  });

  test('closed, it ends what runs, starts nothing and says when it is idle', async () => {
    const { events, loop, add, end } = setup();
    let isIdle = false;
    add('a', 'b');

    loop.close(() => {
      isIdle = true;
    });
    assert.equal(isIdle, false);
    await end('a', 1);

    assert.equal(isIdle, true);
    assert.deepEqual(events, ['started 1', 'done 1 1']);
  });
});
