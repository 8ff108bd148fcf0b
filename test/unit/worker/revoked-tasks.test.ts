import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { RevokedTasks } from '../../../src/worker/revoked-tasks.ts';

const HOUR = 3600;

function setup() {
  const clock = new FakeClock(0);
  return { clock, revoked: new RevokedTasks(clock) };
}

describe('revoked tasks', () => {
  test('are known by their ids, in the order in which they were revoked', () => {
    const { revoked } = setup();
    for (const id of ['b', 'a']) revoked.add(id);

    assert.deepEqual([revoked.has('a'), revoked.has('c')], [true, false]);
    assert.deepEqual(revoked.ids(), ['b', 'a']);
  });

  test('count once however often they are revoked', () => {
    const { revoked } = setup();
    for (const id of ['a', 'b', 'a']) revoked.add(id);

    assert.deepEqual([revoked.size, revoked.ids()], [2, ['b', 'a']]);
  });

  test('are revoked for three hours from the last time', () => {
    const { clock, revoked } = setup();
    for (const id of ['a', 'b']) revoked.add(id);
    clock.advance(HOUR);
    revoked.add('b');

    clock.advance(2 * HOUR - 1);
    assert.equal(revoked.has('a'), true);
    clock.advance(1);

    assert.deepEqual([revoked.has('a'), revoked.has('b')], [false, true]);
  });

  test('leave when their time is over and others come', () => {
    const { clock, revoked } = setup();
    for (const id of ['a', 'b']) revoked.add(id);
    clock.advance(3 * HOUR);

    revoked.add('c');

    assert.equal(revoked.size, 1);
  });

  test('are not listed when their time is over', () => {
    const { clock, revoked } = setup();
    revoked.add('a');
    clock.advance(3 * HOUR);

    assert.deepEqual(revoked.ids(), []);
  });

  test('are forgotten when there are more than fifty thousand, the oldest first', () => {
    const { revoked } = setup();

    for (let id = 0; id <= 50_000; id++) revoked.add(`${id}`);

    assert.equal(revoked.size, 50_000);
    assert.deepEqual([revoked.has('0'), revoked.has('1')], [false, true]);
  });
});
