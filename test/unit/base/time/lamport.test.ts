import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';

describe('a logical clock', () => {
  it('goes on with what happens here', () => {
    const clock = new LamportClock();
    assert.equal(clock.value, 0);
    assert.deepEqual([clock.tick(), clock.tick(), clock.value], [1, 2, 2]);
  });

  it('is later than whatever it hears of', () => {
    const clock = new LamportClock();
    assert.equal(clock.adjust(10), 11);
    assert.equal(clock.adjust(5), 12);
    assert.equal(clock.adjust(12), 13);
    assert.equal(clock.tick(), 14);
  });

  const odd = [
    ...[undefined, null, '99', 1.5, Number.NaN, Number.POSITIVE_INFINITY, -7, 99n, {}, [99]],
    ...[Number.MAX_SAFE_INTEGER, 2 ** 53, 1e300],
  ];
  for (const other of odd) {
    it(`only ticks when it hears ${String(other)}, which is no time`, () => {
      const clock = new LamportClock();
      clock.adjust(3);
      assert.equal(clock.adjust(other), 5);
    });
  }

  it('cannot be brought to a stop by a message', () => {
    const clock = new LamportClock();
    for (const other of [2 ** 52, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER - 1]) clock.adjust(other);
    const before = clock.tick();
    assert.equal(clock.tick(), before + 1);
  });
});
