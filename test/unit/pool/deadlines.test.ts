import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Deadlines } from '../../../src/pool/deadlines.ts';
import { ManualClock } from '../../fixtures/pool-clock.ts';

interface Entry {
  name: string;
  softAt: number;
  hardAt: number;
}

function setup() {
  const clock = new ManualClock();
  const fired: string[] = [];
  const deadlines = new Deadlines<Entry>(clock, {
    soft: entry => fired.push(`${entry.name} soft`),
    hard: entry => fired.push(`${entry.name} hard`),
  });
  const watch = (name: string, soft: number, hard: number) => {
    const entry = { name, softAt: clock.monotonic() + soft, hardAt: clock.monotonic() + hard };
    deadlines.watch(entry);
    return entry;
  };
  return { clock, fired, deadlines, watch };
}

const never = Number.POSITIVE_INFINITY;

describe('deadlines', () => {
  test('fire the soft limit once and then the hard one', () => {
    const { clock, fired, watch } = setup();
    watch('a', 1, 3);

    clock.advance(1.5);
    clock.advance(1);
    clock.advance(1);
    clock.advance(10);

    assert.deepEqual(fired, ['a soft', 'a hard']);
  });

  test('fire each job at its own time, whatever the order they came in', () => {
    const { clock, fired, watch } = setup();
    watch('late', never, 5);
    watch('early', never, 1);

    clock.advance(1);
    assert.deepEqual(fired, ['early hard']);
    clock.advance(4);

    assert.deepEqual(fired, ['early hard', 'late hard']);
  });

  test('say nothing of a job that has ended', () => {
    const { clock, fired, deadlines, watch } = setup();
    deadlines.forget(watch('a', 1, 2));

    clock.advance(10);

    assert.deepEqual(fired, []);
    assert.equal(clock.pending, 0);
  });

  test('need one timer for many jobs and none for jobs without limits', () => {
    const { clock, watch } = setup();
    watch('free', never, never);
    assert.equal(clock.pending, 0);

    for (let i = 1; i <= 100; i++) watch(`job ${i}`, i, never);

    assert.equal(clock.pending, 1);
  });

  test('leave no timer behind when cleared', () => {
    const { clock, fired, deadlines, watch } = setup();
    watch('a', 1, 2);

    deadlines.clear();
    clock.advance(10);

    assert.equal(clock.pending, 0);
    assert.deepEqual(fired, []);
  });
});
