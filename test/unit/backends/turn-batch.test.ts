import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TurnBatch } from '../../../src/backends/turn-batch.ts';

describe('turn batch', () => {
  it('runs what was added in one turn together', async () => {
    const batches: number[][] = [];
    const batch = new TurnBatch<number>(async items => void batches.push(items), 100);

    for (const item of [1, 2, 3]) batch.add(item);
    await Promise.resolve();
    batch.add(4);
    await batch.idle();

    assert.deepEqual(batches, [[1, 2, 3, 4]]);
  });

  it('gathers the next batch while one is under way, and never runs two at once', async () => {
    const batches: number[][] = [];
    let running = 0;
    const batch = new TurnBatch<number>(async items => {
      assert.equal(++running, 1);
      batches.push(items);
      if (items.includes(1)) for (const item of [2, 3]) batch.add(item);
      await new Promise(done => setImmediate(done));
      running--;
    }, 100);

    batch.add(1);
    await batch.idle();

    assert.deepEqual(batches, [[1], [2, 3]]);
  });

  it('cuts a batch at its weight, but never below one item', async () => {
    const batches: number[][] = [];
    const batch = new TurnBatch<number>(
      async items => void batches.push(items),
      10,
      n => n,
    );

    for (const item of [4, 4, 4, 50, 1]) batch.add(item);
    await batch.idle();

    assert.deepEqual(batches, [[4, 4], [4], [50], [1]]);
  });
});
