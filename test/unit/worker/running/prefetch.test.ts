import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TAKE_NOTHING } from '../../../../src/messaging/contract.ts';
import {
  type Load,
  type PrefetchOptions,
  prefetchCount,
} from '../../../../src/worker/running/prefetch.ts';

const options: PrefetchOptions = { multiplier: 4, etaLimit: null, onlyFree: false };
const load: Load = { size: 2, free: 2, lateRunning: 0, scheduled: 0, onTheWay: 0 };

const count = (given: Partial<PrefetchOptions>, now: Partial<Load> = {}) =>
  prefetchCount({ ...options, ...given }, { ...load, ...now });

describe('prefetch count', () => {
  it('is the multiplier for each place of the pool', () => {
    assert.equal(count({}), 8);
    assert.equal(count({}, { size: 5 }), 20);
    assert.equal(count({ multiplier: 1 }), 2);
  });

  it('without a multiplier is no limit', () => {
    assert.equal(count({ multiplier: 0 }), 0);
    assert.equal(count({ multiplier: 0 }, { scheduled: 7 }), 0);
  });

  it('has room for what is on its way while tasks are short, unless it is as low as can be', () => {
    assert.equal(count({}, { onTheWay: 10 }), 8 + 20);
    assert.equal(count({}, { onTheWay: 200 }), 8 + 200);
    assert.equal(count({ multiplier: 100 }, { onTheWay: 10 }), 200 + 20);
    assert.equal(count({ multiplier: 1 }, { onTheWay: 10 }), 2);
    assert.equal(count({ multiplier: 0 }, { onTheWay: 10 }), 0);
    assert.equal(count({ onlyFree: true }, { onTheWay: 10 }), 2);
  });

  it('grows by one for each message that waits for its time', () => {
    assert.equal(count({}, { scheduled: 100 }), 108);
  });

  it('never exceeds the limit of ETA tasks', () => {
    assert.equal(count({ etaLimit: 50 }), 8);
    assert.equal(count({ etaLimit: 50 }, { scheduled: 45 }), 50);
    assert.equal(count({ etaLimit: 50 }, { scheduled: 500 }), 50);
    assert.equal(count({ etaLimit: 50, multiplier: 0 }), 50);
    assert.equal(count({ etaLimit: 0 }, { scheduled: 500 }), 508);
  });

  it('without prefetching is what can start at once, beside what is held while it runs', () => {
    const only = { onlyFree: true };
    assert.equal(count(only), 2);
    assert.equal(count(only, { free: 1 }), 1);
    assert.equal(count(only, { free: 0, lateRunning: 2 }), 2);
    assert.equal(count(only, { free: 1, lateRunning: 1, scheduled: 3 }), 5);
    assert.equal(count({ ...only, multiplier: 0 }), 2);
  });

  it('without prefetching and without a free place takes nothing', () => {
    assert.equal(count({ onlyFree: true }, { free: 0 }), TAKE_NOTHING);
    assert.equal(count({ onlyFree: true, etaLimit: 50 }, { free: 0 }), TAKE_NOTHING);
  });
});
