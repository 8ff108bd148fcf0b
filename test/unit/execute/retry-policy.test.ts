import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AutoRetry, backoffSeconds, retryAfter } from '../../../src/execute/retry-policy.ts';

const policy = (changes: Partial<AutoRetry> = {}): AutoRetry => ({
  matches: () => true,
  backoff: 2,
  backoffMax: 600,
  jitter: false,
  countdown: undefined,
  maxRetries: undefined,
  ...changes,
});
/** The wait before retry number `retries` when the dice show `random`. */
const wait = (retries: number, random?: number, changes: Partial<AutoRetry> = {}) =>
  backoffSeconds(
    { ...policy({ jitter: random !== undefined, ...changes }), backoff: changes.backoff ?? 2 },
    retries,
    () => random ?? 0,
  );
const ALMOST_ONE = 1 - Number.EPSILON;

describe('backoff', () => {
  it('doubles with each retry up to its maximum', () => {
    const waits = [0, 1, 2, 3, 8, 9, 5000].map(retries => wait(retries));

    assert.deepEqual(waits, [2, 4, 8, 16, 512, 600, 600]);
  });

  it('with jitter is a whole number from zero to the full wait, both included', () => {
    assert.equal(wait(2, 0), 0);
    assert.equal(wait(2, 0.5), 4);
    assert.equal(wait(2, ALMOST_ONE), 8);
    assert.equal(wait(50, ALMOST_ONE), 600);
  });

  it('with jitter divides what is shorter than a second', () => {
    assert.equal(wait(0, 0.5, { backoff: 0.5 }), 0.25);
    assert.equal(wait(0, 0, { backoff: 0.5 }), 0);
    assert.equal(wait(1, ALMOST_ONE, { backoff: 0.5 }), 1);
  });
});

describe('a retry policy', () => {
  it('gives nothing for an error that is final', () => {
    assert.equal(retryAfter(policy({ matches: () => false }), new Error(), 0), undefined);
  });

  it('gives the error, the backoff and the limit', () => {
    const error = new Error('busy');

    const options = retryAfter(policy({ maxRetries: null, countdown: 99 }), error, 3);

    assert.deepEqual(options, { exc: error, countdown: 16, maxRetries: null });
  });

  it('gives the fixed countdown, or none, without backoff', () => {
    const error = new Error('busy');

    assert.deepEqual(retryAfter(policy({ backoff: null, countdown: 5 }), error, 3), {
      exc: error,
      countdown: 5,
    });
    assert.deepEqual(retryAfter(policy({ backoff: null }), error, 3), { exc: error });
  });

  it('throws the dice that it is given', () => {
    const options = retryAfter(policy({ jitter: true }), new Error(), 1, () => 0.99);

    assert.equal(options?.countdown, 4);
  });
});
