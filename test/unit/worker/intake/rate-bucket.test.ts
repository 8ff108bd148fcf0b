import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { perSecond } from '../../../../src/base/time/rate.ts';
import { RateBucket } from '../../../../src/worker/intake/rate-bucket.ts';
import { ManualClock } from '../../../fixtures/pool-clock.ts';

function setup(rate: number) {
  const clock = new ManualClock();
  const out: [item: number, isLate: boolean][] = [];
  const bucket = new RateBucket<number>(rate, clock, (item, isLate) => out.push([item, isLate]));
  return { clock, bucket, out, items: () => out.map(([item]) => item) };
}

describe('rate limit', () => {
  it('is read from a number per second or text per second, minute or hour', () => {
    assert.equal(perSecond(10), 10);
    assert.equal(perSecond('10'), 10);
    assert.equal(perSecond('0.5/s'), 0.5);
    assert.equal(perSecond('30/m'), 0.5);
    assert.equal(perSecond('36/h'), 0.01);
    assert.equal(perSecond('0/m'), 0);
  });

  for (const wrong of ['', 'fast', '10/d', '-1', '1/2/s', Number.NaN]) {
    it(`refuses ${JSON.stringify(wrong)} and says so`, () => {
      assert.throws(() => perSecond(wrong), {
        name: 'RangeError',
        message: `Invalid rate limit string: ${JSON.stringify(wrong)}`,
      });
    });
  }

  it('lets the first through at once and the others at its pace, in order', () => {
    const { clock, bucket, out, items } = setup(2);

    for (const item of [1, 2, 3]) bucket.add(item);
    assert.deepEqual(out, [[1, false]]);
    clock.advance(0.49);
    assert.deepEqual(items(), [1]);
    clock.advance(0.02);
    assert.deepEqual(out, [
      [1, false],
      [2, true],
    ]);
    clock.advance(0.5);

    assert.deepEqual(items(), [1, 2, 3]);
    assert.deepEqual(bucket.waiting, []);
  });

  it('saves up one token, not more, while nothing comes', () => {
    const { clock, bucket, items } = setup(10);

    clock.advance(60);
    for (const item of [1, 2, 3]) bucket.add(item);

    assert.deepEqual(items(), [1]);
  });

  it('does not let a newcomer pass those that wait', () => {
    const { clock, bucket, items } = setup(1);
    for (const item of [1, 2, 3]) bucket.add(item);
    clock.advance(1);
    bucket.add(4);
    clock.advance(1);

    assert.deepEqual(items(), [1, 2, 3]);
    clock.advance(1);
    assert.deepEqual(items(), [1, 2, 3, 4]);
  });

  it('keeps its pace over a long time', () => {
    const { clock, bucket, out } = setup(3);
    for (let item = 0; item < 100; item++) bucket.add(item);

    for (let step = 0; step < 1000; step++) clock.advance(0.01);

    assert.ok(out.length >= 30 && out.length <= 32, `${out.length} in 10 s at 3/s`);
  });

  it('can be changed while items wait', () => {
    const { clock, bucket, items } = setup(1 / 3600);
    for (const item of [1, 2, 3]) bucket.add(item);
    clock.advance(10);
    assert.deepEqual(items(), [1]);

    bucket.setRate(1);
    clock.advance(1);
    assert.deepEqual(items(), [1, 2]);
    clock.advance(1);

    assert.deepEqual(items(), [1, 2, 3]);
  });

  it('gives back what waits when it is cleared, and releases nothing of it later', () => {
    const { clock, bucket, items } = setup(1);
    for (const item of [1, 2, 3]) bucket.add(item);

    assert.deepEqual(bucket.clear(), [2, 3]);
    clock.advance(10);

    assert.deepEqual(items(), [1]);
  });
});
