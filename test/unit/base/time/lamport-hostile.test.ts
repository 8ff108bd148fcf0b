import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';

describe('a logical clock', () => {
  test('is after whatever it has heard of', () => {
    const clock = new LamportClock();

    assert.deepEqual([clock.adjust(7), clock.tick(), clock.adjust(3)], [8, 9, 10]);
  });

  test('only ticks at what is no time', () => {
    const clock = new LamportClock();
    for (const strange of ['9', null, undefined, -5, 1.5, Number.NaN, {}, 10n, [7]]) {
      const before = clock.value;
      assert.equal(clock.adjust(strange), before + 1, String(strange));
    }
  });

  test('goes on after a time from which nobody could go on', () => {
    const clock = new LamportClock();
    const huge = [Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 52, 1e300, Number.POSITIVE_INFINITY];
    for (const time of huge) clock.adjust(time);
    assert.equal(clock.value, huge.length);

    clock.adjust(2 ** 52 - 1);
    const times = Array.from({ length: 1000 }, () => clock.tick());
    assert.equal(new Set(times).size, 1000);
    assert.ok(times.every(Number.isSafeInteger));
  });
});
