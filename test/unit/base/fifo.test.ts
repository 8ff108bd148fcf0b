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

  it('lets go of what was taken while more keeps coming', () => {
    const taken: WeakRef<object>[] = [];
    const fifo = new Fifo<object>();
    fifo.push({});
    for (let i = 0; i < 5000; i++) {
      fifo.push({});
      taken.push(new WeakRef(fifo.shift()!));
    }
    global.gc?.();

    assert.equal(fifo.length, 1);
    assert.equal([...fifo].length, 1);
  });
});
