import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ProblemListener, ResultBackend } from '../../../src/backends/contract.ts';
import { type WaitOptions, waitForResult } from '../../../src/backends/wait.ts';
import { Closing } from '../../../src/base/closing.ts';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import type { ResultMeta } from '../../../src/wire/results/result-meta.ts';
import { meta } from '../../contract/backend.contract.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

/** A store whose answers come when the test says so, in the order of the questions. */
function setup(options: WaitOptions = {}) {
  const clock = new FakeClock(0);
  const fetches: Deferred<ResultMeta | undefined>[] = [];
  const subscribing: Deferred<void>[] = [];
  let listening: { hear(meta: ResultMeta): void; problem: ProblemListener } | undefined;
  const notes: string[] = [];
  const backend = {
    fetch() {
      notes.push('fetch');
      fetches.push(deferred());
      return fetches.at(-1)!.promise;
    },
    async subscribe(_: string, hear: (meta: ResultMeta) => void, problem: ProblemListener) {
      notes.push('subscribe');
      listening = { hear, problem };
      subscribing.push(deferred());
      await subscribing.at(-1)!.promise;
      return async () => {
        notes.push('unsubscribe');
        throw new Error('nobody minds');
      };
    },
  } as unknown as ResultBackend;
  const seen: string[] = [];
  const waiting = waitForResult(backend, '1', {
    clock,
    onMessage: ({ status }) => seen.push(status),
    ...options,
  });
  waiting.catch(() => {});
  /** The store has this, or nothing, now. */
  const has = async (document?: ResultMeta) => {
    fetches.at(-1)!.resolve(document);
    await turn();
  };
  const subscribed = async () => {
    subscribing.at(-1)!.resolve();
    await turn();
  };
  const hear = (document: ResultMeta) => listening!.hear(document);
  const problem = (error: Error) => listening!.problem(error);
  return { waiting, clock, notes, seen, has, subscribed, hear, problem, fetches, subscribing };
}

describe('waiting for a result', () => {
  test('that is there takes one look, and no subscription', async () => {
    const { waiting, notes, seen, has } = setup();

    await has(meta('1', 'SUCCESS', 7));

    assert.equal((await waiting).result, 7);
    assert.deepEqual([notes, seen], [['fetch'], ['SUCCESS']]);
  });

  test('that comes later takes a subscription, which ends with it', async () => {
    const { waiting, notes, seen, has, subscribed, hear } = setup();
    await has();
    await subscribed();
    await has();

    hear(meta('1', 'STARTED'));
    hear(meta('1', 'SUCCESS', 7));
    hear(meta('1', 'SUCCESS', 8));

    assert.equal((await waiting).result, 7);
    await turn();
    assert.deepEqual(notes, ['fetch', 'subscribe', 'fetch', 'unsubscribe']);
    assert.deepEqual(seen, ['STARTED', 'SUCCESS']);
  });

  test('finds what was stored between the first look and the subscription', async () => {
    const { waiting, has, subscribed } = setup();
    await has();
    await subscribed();

    await has(meta('1', 'FAILURE'));

    assert.equal((await waiting).status, 'FAILURE');
  });

  test('does not tell of an older state after a newer one was heard', async () => {
    const { seen, has, subscribed, hear } = setup();
    await has();
    await subscribed();
    hear(meta('1', 'RETRY'));

    await has(meta('1', 'STARTED'));

    assert.deepEqual(seen, ['RETRY']);
  });

  test('tells of a state that is not the last, and goes on', async () => {
    const { seen, has, subscribed, clock } = setup({ timeout: 5 });
    await has(meta('1', 'STARTED'));
    await subscribed();

    await has(meta('1', 'STARTED'));

    assert.deepEqual([seen, clock.pending], [['STARTED'], 1]);
  });

  test('fails when the store cannot be read, or says of a document that it cannot be', async () => {
    const one = setup();
    one.fetches[0]!.reject(new RangeError('no store'));
    await assert.rejects(one.waiting, /no store/);

    const other = setup();
    await other.has();
    await other.subscribed();
    other.problem(new RangeError('unreadable'));
    await assert.rejects(other.waiting, /unreadable/);
    await turn();
    assert.equal(other.notes.at(-1), 'unsubscribe');
  });

  test('fails with what its listener throws', async () => {
    const onMessage = () => {
      throw new RangeError('mine');
    };
    const { waiting, has } = setup({ onMessage });

    await has(meta('1', 'SUCCESS'));

    await assert.rejects(waiting, /^RangeError: mine/);
  });
});

describe('waiting for a result that does not come', () => {
  test('ends with its time, and leaves neither timer nor subscription', async () => {
    const { waiting, clock, notes, has, subscribed } = setup({ timeout: 5 });
    await has();
    await subscribed();
    await has();

    clock.advance(5);

    await assert.rejects(waiting, {
      name: 'TimeoutError',
      message: 'The operation timed out. The task 1 was not ready after 5 s.',
    });
    await turn();
    assert.deepEqual([clock.pending, notes.at(-1)], [0, 'unsubscribe']);
  });

  test('does not subscribe when its time was over before', async () => {
    const { waiting, clock, notes, has } = setup({ timeout: 5 });
    clock.advance(5);
    await assert.rejects(waiting, { name: 'TimeoutError' });

    await has();

    assert.deepEqual(notes, ['fetch']);
  });

  test('ends a subscription that comes into force too late', async () => {
    const { waiting, clock, notes, has, subscribed } = setup({ timeout: 5 });
    await has();
    clock.advance(5);
    await assert.rejects(waiting, { name: 'TimeoutError' });

    await subscribed();

    assert.deepEqual(notes, ['fetch', 'subscribe', 'unsubscribe']);
  });

  test('ends when the app is closed, and does not begin after that', async () => {
    const closing = new Closing();
    const { waiting } = setup({ closing });
    closing.close(new RangeError('closed'));
    await assert.rejects(waiting, /closed/);

    const late = setup({ closing });

    await assert.rejects(late.waiting, /closed/);
    assert.deepEqual(late.notes, []);
  });

  test('asks whether to go on every half a second, and ends with what is thrown', async () => {
    let asked = 0;
    const onInterval = () => {
      if (++asked === 3) throw new RangeError('enough');
    };
    const { waiting, clock } = setup({ onInterval });

    for (const _ of [1, 2, 3]) {
      clock.advance(0.5);
      await turn();
    }

    await assert.rejects(waiting, /enough/);
    assert.equal(clock.pending, 0);
  });

  test('asks as often as it was told to', async () => {
    let asked = 0;
    const { clock } = setup({ interval: 2, onInterval: () => void asked++ });

    clock.advance(7);
    await turn();

    assert.equal(asked, 3);
  });
});
