import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { Pace } from '../../../src/worker/pace.ts';

describe('pace', () => {
  let clock: FakeClock;
  let pace: Pace;

  beforeEach(() => {
    clock = new FakeClock();
    pace = new Pace(clock);
  });

  /** Tasks of so many seconds, one answer each `interval` seconds. Returns how often `isShort` changed. */
  async function answers(count: number, runtime: number, interval: number): Promise<number> {
    let changes = 0;
    for (let i = 0; i < count; i++) {
      await clock.advance(interval);
      if (pace.learn(runtime)) changes += 1;
    }
    return changes;
  }

  it('is short when many very short tasks come one after the other', async () => {
    assert.equal(pace.isShort, false);
    assert.equal(await answers(100, 0.0001, 0.001), 1);
    assert.equal(pace.isShort, true);
  });

  it('is not short when tasks are short but few, as with a rate limit', async () => {
    assert.equal(await answers(100, 0.0001, 0.1), 0);
    assert.equal(pace.isShort, false);
  });

  it('is not short when tasks take a millisecond', async () => {
    assert.equal(await answers(100, 0.001, 0.001), 0);
  });

  it('stays short while tasks get somewhat longer, and ends with the first long one', async () => {
    await answers(100, 0.0001, 0.001);
    assert.equal(await answers(100, 0.002, 0.002), 0);
    assert.equal(await answers(1, 0.03, 0.03), 1);
    assert.equal(pace.isShort, false);
  });

  it('ends to be short with a pause', async () => {
    await answers(100, 0.0001, 0.001);
    assert.equal(await answers(1, 0.0001, 0.5), 1);
    assert.equal(pace.isShort, false);
  });

  it('allows work ahead for four milliseconds, and none when nothing was answered lately', async () => {
    assert.equal(pace.ahead, 0);
    await answers(1, 0.001, 0.001);
    assert.equal(pace.ahead, 4);
    await clock.advance(0.03);
    assert.equal(pace.ahead, 0);
  });
});
