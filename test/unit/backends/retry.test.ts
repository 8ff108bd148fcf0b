import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstRetrySchedule, retrySchedule } from '../../../src/backends/retry.ts';

function schedule(settings: Record<string, unknown>, retry_policy?: unknown, made = retrySchedule) {
  return made({
    expires: null,
    extended: false,
    settings,
    transportOptions: retry_policy === undefined ? {} : { retry_policy },
  });
}

describe('retry schedule of a result backend', () => {
  it('is at once, then every second, twenty times', () => {
    const after = schedule({});

    assert.deepEqual([after(1), after(2), after(3), after(20), after(21)], [0, 1, 1, 1, undefined]);
  });

  it('follows retry_policy', () => {
    const after = schedule({}, { max_retries: 3, interval_start: 0.5, interval_max: 2 });

    assert.deepEqual([after(1), after(2), after(3), after(4)], [0.5, 1.5, 2, undefined]);
  });

  it('is endless with max_retries null', () => {
    assert.equal(schedule({}, { max_retries: null })(1e6), 1);
  });

  it('is three times for a store that was never there, unless something else is set', () => {
    const first = (settings = {}, policy?: unknown) =>
      schedule(settings, policy, firstRetrySchedule);
    const after = first();

    assert.deepEqual([after(1), after(2), after(3), after(4)], [0, 1, 1, undefined]);
    assert.equal(first({}, { max_retries: 20 })(20), 1);
    assert.equal(first({}, { interval_max: 0.2 })(3), 0.2);
    assert.equal(first({}, { interval_max: 0.2 })(4), undefined);
    assert.notEqual(first({ result_backend_always_retry: true })(50), undefined);
  });

  it('doubles up to the longest sleep with result_backend_always_retry', () => {
    const after = schedule({
      result_backend_always_retry: true,
      result_backend_max_retries: 100,
      result_backend_base_sleep_between_retries_ms: 100,
      result_backend_max_sleep_between_retries_ms: 1000,
    });

    for (const [failures, longest] of [
      [1, 0.1],
      [2, 0.2],
      [3, 0.4],
      [50, 1],
    ] as const) {
      const pause = after(failures) ?? Number.NaN;
      assert.ok(pause >= longest / 2 && pause <= longest, `${failures}: ${pause}`);
    }
    assert.equal(after(101), undefined);
  });

  it('never gives up with result_backend_always_retry alone', () => {
    const pause = schedule({ result_backend_always_retry: true })(10_000);

    assert.ok(pause !== undefined && pause <= 10);
  });
});
