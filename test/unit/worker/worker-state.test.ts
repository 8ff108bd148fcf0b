import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkerState } from '../../../src/worker/worker-state.ts';

describe('the counts of a worker', () => {
  test('are by the name shown, and by task where callers make up ever new ones', () => {
    const state = new WorkerState();
    state.count({ task: 'shop.add', shadow: null });
    for (let i = 0; i < 5000; i++) state.count({ task: 'shop.sell', shadow: `sale ${i}` });

    assert.equal(state.total, 5001);
    assert.equal(state.totals.get('shop.add'), 1);
    assert.equal(state.totals.get('sale 0'), 1);
    assert.equal(state.totals.get('shop.sell'), 4001);
    assert.equal(state.totals.size, 1001);
  });
});
