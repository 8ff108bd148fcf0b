import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { RunTimes } from '../../../../src/worker/running/run-times.ts';
import { ManualClock } from '../../../fixtures/pool-clock.ts';

describe('pace', () => {
  let clock: ManualClock;
  let pace: RunTimes;

  beforeEach(() => {
    clock = new ManualClock();
    pace = new RunTimes(clock);
  });

  /** Tasks of so many seconds, one answer each `interval` seconds. Returns how often `onTheWay` changed. */
  function answers(count: number, runtime: number, interval: number, task = 'noop'): number {
    let changes = 0;
    for (let i = 0; i < count; i++) {
      clock.advance(interval);
      if (pace.noteRun(task, runtime)) changes += 1;
    }
    return changes;
  }

  it('has as much on its way as runs in four milliseconds, when many very short tasks come', () => {
    assert.equal(pace.onTheWay, 0);
    answers(200, 0.0001, 0.001);
    assert.ok(pace.onTheWay >= 20 && pace.onTheWay <= 40, String(pace.onTheWay));
  });

  it('has nothing more on its way when tasks are short but few, as with a rate limit', () => {
    assert.equal(answers(100, 0.0001, 0.1), 0);
    assert.equal(pace.onTheWay, 0);
  });

  it('has nothing more on its way when tasks take a millisecond', () => {
    assert.equal(answers(100, 0.001, 0.001), 0);
    assert.equal(pace.onTheWay, 0);
  });

  it('follows the length of tasks in few steps, down to nothing with the first long one', () => {
    answers(200, 0.0001, 0.001);
    assert.equal(answers(200, 0.00011, 0.001), 0);
    assert.ok(answers(200, 0.002, 0.002) <= 5);
    assert.ok(pace.onTheWay >= 1 && pace.onTheWay <= 4, String(pace.onTheWay));
    assert.equal(answers(1, 0.03, 0.03), 1);
    assert.equal(pace.onTheWay, 0);
  });

  it('has nothing more on its way after a pause', () => {
    answers(100, 0.0001, 0.001);
    assert.equal(answers(1, 0.0001, 0.5), 1);
    assert.equal(pace.onTheWay, 0);
  });

  it('allows work ahead for four milliseconds, and none when nothing was answered lately', () => {
    assert.equal(pace.ahead('noop'), 0);
    answers(1, 0.001, 0.001);
    assert.equal(pace.ahead('noop'), 4);
    clock.advance(0.03);
    assert.equal(pace.ahead('noop'), 0);
  });

  it('allows no work ahead of a task that has not proved to be short', () => {
    answers(100, 0.0001, 0.001);
    assert.equal(pace.ahead('noop'), 40);
    assert.equal(pace.ahead('new'), 0);
  });

  it('has nothing more on its way for ten seconds when a task comes that may be long', () => {
    answers(100, 0.0001, 0.001);
    assert.equal(pace.noteMessage('noop'), false);
    assert.equal(pace.isCautious, false);
    assert.equal(pace.noteMessage('new'), true);
    assert.equal(pace.onTheWay, 0);
    assert.equal(pace.isCautious, true);
    assert.equal(answers(100, 0.0001, 0.001), 0);
    answers(10_000, 0.0001, 0.001);
    assert.ok(pace.onTheWay > 0);
  });
});
