import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fifo } from '../../../src/base/fifo.ts';

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

  it('shows what waits, oldest first, and forgets it when cleared', () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 5000; i++) fifo.push(i);
    for (let i = 0; i < 4998; i++) fifo.shift();

    assert.deepEqual([...fifo], [4998, 4999]);
    assert.equal(fifo.length, 2);
    fifo.clear();
    assert.deepEqual([...fifo], []);
  });
});
