import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fifo } from '../../../../src/base/collections/fifo.ts';
import { collector } from '../../../support/collector.ts';

describe('a fifo', () => {
  it('gives back in the order of arrival, also across a compaction', () => {
    const fifo = new Fifo<number>();
    const out: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      fifo.push(i);
      if (i % 3 !== 0) out.push(fifo.shift()!);
    }
    while (fifo.length > 0) out.push(fifo.shift()!);

    assert.deepEqual(
      out,
      Array.from({ length: 10_000 }, (_, i) => i),
    );
    assert.equal(fifo.shift(), undefined);
  });

  it('lets go of what was taken although it is never empty', async () => {
    const collect = collector();
    const fifo = new Fifo<object>();
    const taken: WeakRef<object>[] = [];
    for (let i = 0; i < 500; i++) {
      fifo.push({ i });
      if (i >= 100) taken.push(new WeakRef(fifo.shift()!));
    }
    // what a turn of the event loop has looked at stays until it ends
    await new Promise(resolve => setImmediate(resolve));
    collect();

    assert.equal(fifo.length, 100);
    assert.equal(taken.filter(item => item.deref()).length, 0);
  });

  it('shows what waits, oldest first, and forgets it when cleared', () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 5000; i++) fifo.push(i);
    for (let i = 0; i < 4998; i++) fifo.shift();

    assert.deepEqual([...fifo], [4998, 4999]);
    assert.equal(fifo.length, 2);
    fifo.clear();
    assert.deepEqual([...fifo], []);
  });

  it('lets what is meant be taken out wherever it stands', () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 6; i++) fifo.push(i);
    fifo.shift();

    assert.deepEqual(
      fifo.extract(item => item % 2 === 1),
      [1, 3, 5],
    );
    assert.deepEqual(
      fifo.extract(() => false),
      [],
    );
    assert.deepEqual([fifo.shift(), fifo.shift(), fifo.shift()], [2, 4, undefined]);
  });
});
