import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type RetryPolicy,
  retryInterval,
  sleep,
  withRetries,
} from '../../../../src/base/time/backoff.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';

const POLICY: RetryPolicy = {
  maxRetries: 3,
  intervalStart: 0,
  intervalStep: 0.2,
  intervalMax: 0.5,
};
const turn = () => new Promise<void>(resolve => setImmediate(resolve));

/** Fails so often with these errors before it succeeds; pauses are noted and not waited for. */
function setup(errors: readonly unknown[], policy: Partial<RetryPolicy> = {}) {
  const pauses: number[] = [];
  const told: unknown[] = [];
  let tries = 0;
  const attempt = async () => {
    const error = errors[tries++];
    if (error !== undefined) throw error;
    return tries;
  };
  const run = () =>
    withRetries(
      attempt,
      { ...POLICY, ...policy },
      {
        isRetryable: error => error !== 'final',
        onRetry: (error, interval, retry) => told.push([error, interval, retry]),
        pause: async seconds => void pauses.push(seconds),
      },
    );
  return { run, pauses, told, tries: () => tries };
}

describe('the pauses between tries', () => {
  it('grow by a step, up to the longest', () => {
    const pauses = [0, 1, 2, 3, 99].map(attempt => retryInterval(POLICY, attempt));
    assert.deepEqual(pauses, [0, 0.2, 0.4, 0.5, 0.5]);
  });

  it('are the longest from the start when the first would be longer', () => {
    assert.equal(retryInterval({ ...POLICY, intervalStart: 9 }, 0), 0.5);
  });
});

describe('what is tried again', () => {
  it('is done once when that works', async () => {
    const { run, pauses } = setup([]);
    assert.equal(await run(), 1);
    assert.deepEqual(pauses, []);
  });

  it('goes on until it works, and each pause is told before', async () => {
    const { run, pauses, told } = setup(['a', 'b']);
    assert.equal(await run(), 3);
    assert.deepEqual(pauses, [0, 0.2]);
    assert.deepEqual(told, [
      ['a', 0, 0],
      ['b', 0.2, 1],
    ]);
  });

  it('ends with the last error when no try is left', async () => {
    const { run, tries } = setup(['a', 'b', 'c', 'd', 'e']);
    await assert.rejects(run(), error => error === 'd');
    assert.equal(tries(), 4);
  });

  it('is not tried again with 0, and for ever with null', async () => {
    const never = setup(['a'], { maxRetries: 0 });
    await assert.rejects(never.run(), error => error === 'a');
    assert.equal(never.tries(), 1);

    const always = setup(new Array(200).fill('a'), { maxRetries: null });
    assert.equal(await always.run(), 201);
  });

  it('ends at once with an error that no other try would mend', async () => {
    const { run, tries } = setup(['a', 'final', 'b']);
    await assert.rejects(run(), error => error === 'final');
    assert.equal(tries(), 2);
  });

  it('ends in the middle of a pause when somebody gives up', async () => {
    const clock = new FakeClock(0);
    const controller = new AbortController();
    const running = withRetries(
      () => Promise.reject(new Error('away')),
      { ...POLICY, intervalStart: 100, intervalMax: 100 },
      { isRetryable: () => true, clock, signal: controller.signal },
    );
    await turn();
    assert.equal(clock.pending, 1);

    controller.abort(new Error('enough'));

    await assert.rejects(running, /enough/);
    assert.equal(clock.pending, 0);
  });
});

describe('a pause', () => {
  it('is as long as the clock says, and leaves no listener behind', async () => {
    const clock = new FakeClock(0);
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = {
      aborted: false,
      addEventListener: () => (listeners += 1),
      removeEventListener: () => (listeners -= 1),
    };
    const both = Promise.all([sleep(5, clock, signal), sleep(5, clock, counted as never)]);
    assert.equal(listeners, 1);

    clock.advance(5);
    await both;

    assert.equal(listeners, 0);
  });

  it('does not begin when it is given up already', async () => {
    const clock = new FakeClock(0);
    await assert.rejects(sleep(5, clock, AbortSignal.abort(new Error('before'))), /before/);
    assert.equal(clock.pending, 0);
  });
});
