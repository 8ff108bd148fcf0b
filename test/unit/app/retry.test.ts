import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { autoRetryOf } from '../../../src/app/tasks/retry-declaration.ts';
import {
  Celery,
  MaxRetriesExceededError,
  Reject,
  Retry,
  type RetryDeclaration,
  type RetryOptions,
  type TaskOptions,
} from '../../../src/index.ts';
import { FakeClock, startTestWorker } from '../../../src/testing/index.ts';

class Busy extends Error {
  override readonly name = 'Busy';
}
class VeryBusy extends Busy {}
class Gone extends Error {
  override readonly name = 'Gone';
}

async function open(t: TestContext, app: Celery) {
  const clock = new FakeClock('2026-01-01T00:00:00Z');
  const worker = await startTestWorker(app, { clock });
  t.after(() => worker.stop());
  return worker;
}

/** Runs a task that always throws `error`, with the clock moved on by a day; what was sent when. */
async function tries(t: TestContext, options: TaskOptions & { bind?: false }, error: unknown) {
  const app = new Celery('retry');
  const task = app.task('t', options, () => {
    throw error;
  });
  const worker = await open(t, app);
  const { id } = await task.delay();
  await worker.advance(24 * 3600);
  const run = worker.runs.find(each => each.id === id)!;
  let last = worker.app.clock.now() - 24 * 3600;
  const waits = worker.sent.slice(1).map(({ eta }) => {
    const at = eta === null ? last : eta.getTime() / 1000;
    const wait = at - last;
    last = at;
    return wait;
  });
  return { run, waits };
}

const always = { retryJitter: false };

describe('autoretryFor', () => {
  it('tries again after an error of a class or its subclasses', async t => {
    const options = { autoretryFor: [Busy], defaultRetryDelay: 10 };

    const { run, waits } = await tries(t, options, new VeryBusy('503'));

    assert.deepEqual(waits, [10, 10, 10]);
    assert.equal(run.state, 'FAILURE');
    assert.equal(run.error?.message, '503');
    assert.equal(run.states.filter(state => state === 'RETRY').length, 3);
  });

  it('waits three minutes and tries three times when nothing else is said', async t => {
    const { waits } = await tries(t, { autoretryFor: [Error] }, new Error('any'));

    assert.deepEqual(waits, [180, 180, 180]);
  });

  it('does not try again after other errors', async t => {
    const { run, waits } = await tries(t, { autoretryFor: [Busy] }, new Gone('404'));

    assert.deepEqual(waits, []);
    assert.equal(run.state, 'FAILURE');
  });

  it('asks a function that looks at the error', async t => {
    const autoretryFor = [(error: Error) => /503/.test(error.message)];

    const again = await tries(t, { autoretryFor }, new Error('503 busy'));
    const final = await tries(t, { autoretryFor }, new Error('404 gone'));

    assert.equal(again.waits.length, 3);
    assert.equal(final.waits.length, 0);
  });

  it('knows a class by its name when its module was loaded twice', async t => {
    class Other extends Error {
      override readonly name = 'Busy';
    }

    const { waits } = await tries(t, { autoretryFor: [Busy] }, new Other());

    assert.equal(waits.length, 3);
  });

  it('tries again after a thrown value that is no error', async t => {
    const { run, waits } = await tries(t, { autoretryFor: [Error] }, 'just text');

    assert.equal(waits.length, 3);
    assert.equal(run.error?.message, 'just text');
  });

  it('does not try again after Reject', async t => {
    const { run, waits } = await tries(t, { autoretryFor: [Error] }, new Reject('no'));

    assert.deepEqual([run.state, waits], ['REJECTED', []]);
  });

  it('leaves out what dontAutoretryFor names', async t => {
    const options = { autoretryFor: [Error], dontAutoretryFor: [Gone] };

    const again = await tries(t, options, new Busy());
    const final = await tries(t, options, new Gone());

    assert.equal(again.waits.length, 3);
    assert.equal(final.waits.length, 0);
  });

  it('takes wait and number of tries from retryKwargs', async t => {
    const retryKwargs = { countdown: 5, maxRetries: 2 };

    const { waits } = await tries(t, { autoretryFor: [Busy], retryKwargs }, new Busy());

    assert.deepEqual(waits, [5, 5]);
  });

  it('takes the number of tries from maxRetries', async t => {
    const options = { autoretryFor: [Busy], maxRetries: 5, defaultRetryDelay: 1 };

    const { waits } = await tries(t, options, new Busy());

    assert.equal(waits.length, 5);
  });

  it('tries for ever when maxRetries is null', async t => {
    const options = { autoretryFor: [Busy], maxRetries: null, defaultRetryDelay: 3600 };

    const { run, waits } = await tries(t, options, new Busy());

    assert.equal(waits.length, 25); // one more is waiting at the end of the day
    assert.equal(run.state, 'RETRY');
  });

  it('does not change what the code of the task decides itself', async t => {
    const app = new Celery('retry');
    const options = { bind: true, autoretryFor: [Error], ...always, retryBackoff: 100 } as const;
    const task = app.task('t', options, self => {
      throw self.retry({ exc: new Busy(), countdown: 7 });
    });
    const worker = await open(t, app);

    await task.delay();
    await worker.advance(7);

    assert.deepEqual(
      worker.sent.map(({ eta }) => eta?.getUTCSeconds()),
      [undefined, 7, 14],
    );
  });

  it('keeps to the limit that the code gave to retry', async t => {
    const app = new Celery('retry');
    const options = { bind: true, autoretryFor: [Error], maxRetries: 10 } as const;
    const task = app.task('t', options, self => {
      throw self.retry({ exc: new Busy('enough'), countdown: 1, maxRetries: 1 });
    });
    const worker = await open(t, app);

    const result = await task.delay();
    await worker.advance(3600);

    assert.equal(worker.sent.length, 2);
    await assert.rejects(result.get({ timeout: 1 }), /enough/);
  });
});

describe('retryBackoff', () => {
  const cases: [label: string, declaration: RetryDeclaration, waits: number[]][] = [
    ['true begins with one second and doubles', { retryBackoff: true }, [1, 2, 4, 8, 16]],
    ['a number is the first wait', { retryBackoff: 5 }, [5, 10, 20, 40, 80]],
    ['a fraction is cut off, as in Celery', { retryBackoff: 2.9 }, [2, 4, 8, 16, 32]],
    ['less than one second is one, as in Celery', { retryBackoff: 0.1 }, [1, 2, 4, 8, 16]],
    ['false waits as long each time', { retryBackoff: false }, [180, 180, 180, 180, 180]],
    ['0 is the same as false', { retryBackoff: 0 }, [180, 180, 180, 180, 180]],
    ['ends at retryBackoffMax', { retryBackoff: 5, retryBackoffMax: 30 }, [5, 10, 20, 30, 30]],
    ['ends at ten minutes by itself', { retryBackoff: 200 }, [200, 400, 600, 600, 600]],
    [
      'wins over the countdown of retryKwargs',
      { retryBackoff: 1, retryKwargs: { countdown: 99 } },
      [1, 2, 4, 8, 16],
    ],
  ];
  for (const [label, declaration, expected] of cases) {
    it(label, async t => {
      const options = { autoretryFor: [Busy], maxRetries: 5, ...always, ...declaration };

      const { waits } = await tries(t, options, new Busy());

      assert.deepEqual(waits, expected);
    });
  }

  it('waits a random time up to that, unless jitter is off', async t => {
    const options = { autoretryFor: [Busy], maxRetries: 8, retryBackoff: 100 };

    const { waits } = await tries(t, options, new Busy());

    assert.equal(waits.length, 8);
    waits.forEach((wait, i) => {
      assert.ok(wait >= 0 && wait <= Math.min(600, 100 * 2 ** i), `retry ${i} waited ${wait}`);
      assert.equal(wait, Math.round(wait));
    });
    assert.notDeepEqual(waits, [100, 200, 400, 600, 600, 600, 600, 600]);
  });
});

describe('retry in one word', () => {
  it('tries again after every error', async t => {
    const retry = { max: 2, delay: 4 };

    const { waits } = await tries(t, { retry }, new Gone());

    assert.deepEqual(waits, [4, 4]);
  });

  it('uses the task’s own limit and wait where it says nothing', async t => {
    const { waits } = await tries(
      t,
      { retry: {}, maxRetries: 1, defaultRetryDelay: 9 },
      new Gone(),
    );

    assert.deepEqual(waits, [9]);
  });

  it('backs off, to the fraction of a second', async t => {
    const retry = { max: 4, backoff: 0.5, backoffMax: 3, jitter: false };

    const { waits } = await tries(t, { retry }, new Busy());

    assert.deepEqual(waits, [0.5, 1, 2, 3]);
  });

  it('names the errors to try again after, and those not to', async t => {
    const retry = { delay: 1, for: [Busy], unless: [VeryBusy] };

    assert.equal((await tries(t, { retry }, new Busy())).waits.length, 3);
    assert.equal((await tries(t, { retry }, new VeryBusy())).waits.length, 0);
    assert.equal((await tries(t, { retry }, new Gone())).waits.length, 0);
  });

  it('wins over the longer words', () => {
    const policy = autoRetryOf({ autoretryFor: [Busy], retryBackoff: 7, retry: { backoff: 1 } });

    assert.equal(policy?.backoff, 1);
    assert.equal(policy?.matches(new Gone()), true);
  });

  it('tries for ever with max: null', () => {
    assert.equal(autoRetryOf({ retry: { max: null } })?.maxRetries, null);
  });
});

describe('self.retry', () => {
  /** Runs a task that retries once with these options; the message of the retry. */
  async function retried(t: TestContext, options: RetryOptions, call: object = {}) {
    const app = new Celery('retry');
    const task = app.task('t', { bind: true }, (self, ...args: unknown[]) => {
      if (self.request.retries === 0) throw self.retry({ countdown: 0, ...options });
      return args;
    });
    const worker = await open(t, app);
    const result = await task.applyAsync([1, 2], call);
    await worker.drain();
    return { first: worker.sent[0]!, retry: worker.sent[1]!, result, worker };
  }

  it('sends the same call again with one retry more', async t => {
    const { first, retry, result } = await retried(
      t,
      {},
      {
        kwargs: {},
        headers: { tenant: 'a' },
        timeLimit: 9,
        softTimeLimit: 8,
        shadow: 'shown',
        expires: 60,
        priority: 4,
        rootId: 'root',
        parentId: 'parent',
        replyTo: 'me',
        ignoreResult: false,
      },
    );

    const { retries, eta, origin, ...headers } = retry.headers;
    assert.deepEqual(
      { ...headers, retries: 0, eta: null, origin: first.headers.origin },
      first.headers,
    );
    assert.equal(retries, 1);
    assert.equal(eta, null);
    assert.deepEqual([retry.id, retry.args, retry.queue], [first.id, [1, 2], first.queue]);
    assert.equal(retry.properties.priority, 4);
    assert.equal(retry.properties.reply_to, 'me');
    assert.deepEqual(await result.get({ timeout: 1 }), [1, 2]);
  });

  it('goes to the queue that the call came from', async t => {
    const { retry } = await retried(t, {}, { queue: 'rare' });

    assert.equal(retry.queue, 'rare');
  });

  it('may change arguments, queue, priority, limits and more', async t => {
    const { retry, result } = await retried(t, {
      args: [3],
      kwargs: {},
      queue: 'slow',
      priority: 9,
      timeLimit: 7,
      softTimeLimit: 6,
      shadow: 'again',
      headers: { tenant: 'b' },
      expires: 30,
    });

    assert.deepEqual([retry.args, retry.queue, retry.properties.priority], [[3], 'slow', 9]);
    assert.deepEqual(retry.headers.timelimit, [7, 6]);
    assert.deepEqual([retry.headers.shadow, retry.headers.tenant], ['again', 'b']);
    assert.equal(retry.expires?.toISOString(), '2026-01-01T00:00:30.000Z');
    assert.equal(retry.headers.argsrepr, '[3]');
    assert.deepEqual(await result.get({ timeout: 1 }), [3]);
  });

  it('takes a moment instead of a countdown', async t => {
    const eta = new Date('2026-01-01T03:00:00Z');

    const { retry, worker } = await retried(t, { eta, countdown: 5 });

    assert.deepEqual(retry.eta, eta);
    assert.equal(worker.scheduled, 1);
  });

  for (const [options, message] of [
    [{ eta: Date.now() }, /eta of retry is out of range: \d+ is after the year 9999.*milliseconds/],
    [{ eta: new Date('never') }, /eta of retry must be a Date.*got an invalid Date/],
    [{ countdown: Date.now() }, /countdown of retry is out of range.*milliseconds/],
    [{ countdown: '5' }, /countdown of retry must be a number of seconds, got '5'/],
    [{ countdown: Number.NaN }, /countdown of retry must be a number of seconds, got nan/],
    [{ expires: Date.now() }, /expires of retry is out of range.*milliseconds/],
    [{ expires: 'soon' }, /expires of retry: Not an ISO 8601 date: "soon"/],
  ] as const) {
    it(`fails the task when its time cannot be sent: ${Object.keys(options)} ${message}`, async t => {
      const app = new Celery('retry');
      const task = app.task('t', { bind: true }, self => {
        throw self.retry(options as RetryOptions);
      });
      await open(t, app);

      const result = await task.delay();

      await assert.rejects(result.get({ timeout: 5 }), { message });
    });
  }

  it('takes the moment as text too, in the time zone of the app', async t => {
    const eta = '2026-01-01T03:00:00+02:00';

    const { retry } = await retried(t, { eta });

    assert.deepEqual(retry.eta, new Date('2026-01-01T01:00:00Z'));
  });

  it('stores RETRY with the error and its stack', async t => {
    const app = new Celery('retry');
    const task = app.task('t', { bind: true }, self => {
      throw self.retry({ exc: new RangeError('busy'), countdown: 60 });
    });
    const worker = await open(t, app);

    const result = await task.delay();
    await worker.drain();

    assert.equal(await result.state(), 'RETRY');
    const error = (await result.info()) as Error;
    assert.deepEqual([error.name, error.message], ['RangeError', 'busy']);
    assert.match((await result.traceback()) ?? '', /RangeError: busy/);
  });

  it('throws the error itself when no try is left', async () => {
    const app = new Celery('retry');
    const error = new Busy('still');
    const task = app.task('t', { bind: true, maxRetries: 0 }, self => {
      throw self.retry({ exc: error });
    });

    const result = await task.apply([]);

    assert.equal(await result.info(), error);
  });

  it('throws MaxRetriesExceededError when there is no error', async () => {
    const app = new Celery('retry');
    const task = app.task('t', { bind: true, maxRetries: 2 }, (self, _x: number) => {
      throw self.retry();
    });

    const result = await task.apply([1], { taskId: 'the-id', kwargs: {} });

    const error = (await result.info()) as MaxRetriesExceededError;
    assert.ok(error instanceof MaxRetriesExceededError);
    assert.equal(error.message, "Can't retry t[the-id] args:(1,) kwargs:{}");
    assert.deepEqual([error.taskId, error.taskArgs, error.taskKwargs], ['the-id', [1], {}]);
    await assert.rejects(result.get(), MaxRetriesExceededError);
  });

  it('throws the error, or itself, in a function call', async () => {
    const app = new Celery('retry');
    const busy = new Busy();
    const withError = app.task('a', { bind: true }, self => {
      throw self.retry({ exc: busy });
    });
    const without = app.task('b', { bind: true }, self => {
      throw self.retry({ countdown: 3 });
    });

    await assert.rejects(withError(), busy);
    await assert.rejects(without(), (error: unknown) => {
      assert.ok(error instanceof Retry);
      assert.equal(error.message, 'Retry in 3s');
      return true;
    });
  });

  it('keeps callbacks for the try that succeeds', async t => {
    const app = new Celery('retry');
    const log: unknown[] = [];
    app.task('after', (value: unknown) => void log.push(value));
    const task = app.task('t', { bind: true }, self => {
      if (self.request.retries < 2) throw self.retry({ countdown: 1 });
      return 'done';
    });
    const worker = await open(t, app);
    const link = {
      task: 'after',
      args: [],
      kwargs: {},
      options: {},
      subtask_type: null,
      immutable: false,
    };

    await task.applyAsync([], { link });
    await worker.advance(2);
    await worker.drain();

    assert.deepEqual(log, ['done']);
  });
});
