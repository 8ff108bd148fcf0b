import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '../../../src/testing/index.ts';

const NEW_YEAR = '2026-01-01T00:00:00.000Z';

/** A clock at new year, and what its timers wrote down: a label and the second they fired in. */
function setup() {
  const clock = new FakeClock(NEW_YEAR);
  const fired: string[] = [];
  const note = (label: string) => () => void fired.push(`${label}@${clock.monotonic()}`);
  return { clock, fired, note };
}

describe('a fake clock', () => {
  it('stands still at the moment it was given', async () => {
    const { clock } = setup();

    await turn();

    assert.equal(clock.date().toISOString(), NEW_YEAR);
    assert.equal(clock.now(), Date.parse(NEW_YEAR) / 1000);
    assert.equal(clock.monotonic(), 0);
    assert.equal(new FakeClock(1.5).now(), 1.5);
  });

  it('begins in the present when nothing is said', () => {
    const before = Date.now();

    const { now } = { now: new FakeClock().now() * 1000 };

    assert.ok(now >= before && now <= Date.now());
  });

  it('fires what falls due on the way in order, each at its own time', () => {
    const { clock, fired, note } = setup();
    clock.after(20, note('late'));
    clock.after(10, note('early'));
    clock.after(30.5, note('later'));

    clock.advance(30);

    assert.deepEqual(fired, ['early@10', 'late@20']);
    assert.equal(clock.monotonic(), 30);
    assert.equal(clock.pending, 1);
  });

  it('fires timers that other timers set, when they fall due too', () => {
    const { clock, fired, note } = setup();
    clock.after(10, () => void clock.after(5, note('second')));

    clock.advance(15);

    assert.deepEqual(fired, ['second@15']);
  });

  it('repeats what is set with every, until it is cancelled', () => {
    const { clock, fired, note } = setup();
    const timer = clock.every(10, note('tick'));

    clock.advance(25);
    timer.cancel();
    clock.advance(100);

    assert.deepEqual(fired, ['tick@10', 'tick@20']);
  });

  it('does not fire a timer that one before it cancels', () => {
    const { clock, fired, note } = setup();
    clock.after(5, () => victim.cancel());
    const victim = clock.after(5, note('victim'));

    clock.advance(5);

    assert.deepEqual(fired, []);
  });

  it('fires what is due at once without being moved', async () => {
    const { clock, fired, note } = setup();

    clock.after(0, note('now'));
    clock.after(-5, note('past'));

    assert.deepEqual(fired, []);
    await turn();
    assert.deepEqual(fired, ['now@0', 'past@0']);
  });

  it('does not lose a timer to the rounding of large numbers', () => {
    const { clock, fired, note } = setup();
    const eta = clock.now() + 0.3;
    clock.after(eta - clock.now(), note('eta'));

    for (const step of [0.1, 0.1, 0.1]) clock.advance(step);

    assert.deepEqual(fired, ['eta@0.3']);
  });

  it('refuses to go back, and dates that are none', () => {
    const { clock } = setup();

    assert.throws(() => clock.advance(-1), /moves forward by seconds, got -1/);
    assert.throws(() => clock.advance(Number.NaN), RangeError);
    assert.throws(() => new FakeClock('new year'), /Not a date: new year/);
  });
});
