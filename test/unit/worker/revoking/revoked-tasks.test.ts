import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';

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

  test('cost little, however many were revoked before', () => {
    const { revoked } = setup();
    const from = performance.now();
    for (let id = 0; id < 300_000; id++) revoked.add(`${id}`);

    assert.deepEqual(
      [revoked.size, revoked.has('250000'), revoked.has('249999')],
      [50_000, true, false],
    );
    // a hundred times as much when each looks for the oldest from the beginning
    assert.ok(performance.now() - from < 5000, `${performance.now() - from} ms`);
  });

  test('are the oldest again after they were revoked again, merged and forgotten', () => {
    const { clock, revoked } = setup();
    for (const id of ['a', 'b', 'c']) {
      revoked.add(id);
      clock.advance(HOUR);
    }
    assert.deepEqual(revoked.ids(), ['b', 'c']);
    revoked.add('b');
    assert.deepEqual(revoked.ids(), ['c', 'b']);
    revoked.merge({ ids: { d: 2 * HOUR, e: 10 }, stamps: {} });
    assert.deepEqual(revoked.ids(), ['d', 'c', 'e', 'b']);

    clock.advance(HOUR);
    assert.deepEqual(
      revoked.ids(),
      ['c', 'e', 'b'].filter(id => revoked.has(id)),
    );
    clock.advance(3 * HOUR);
    assert.deepEqual(revoked.ids(), []);
    revoked.add('f');
    assert.deepEqual(revoked.ids(), ['f']);
  });

  test('of a neighbour are left out when their ids are endless', () => {
    const { revoked } = setup();
    revoked.merge({ ids: { ['x'.repeat(1025)]: 1, ['y'.repeat(1024)]: 1 }, stamps: {} });

    assert.equal(revoked.size, 1);
  });
});

describe('tasks revoked by their stamps', () => {
  const stamped = (stamps: Record<string, unknown>) => ({
    id: 'x',
    stampedHeaders: Object.keys(stamps),
    stamps,
  });

  test('are all that carry the value, alone or among others', () => {
    const { revoked } = setup();
    revoked.addStamp('batch', 'b1');
    revoked.addStamp('size', 7);

    assert.equal(revoked.covers(stamped({ batch: 'b1' })), true);
    assert.equal(revoked.covers(stamped({ batch: ['b0', 'b1'] })), true);
    assert.equal(revoked.covers(stamped({ size: 7 })), true);
    assert.equal(revoked.covers(stamped({ batch: 'b2', other: 'b1', size: '7' })), false);
    assert.equal(revoked.covers({ id: 'x', stampedHeaders: null, stamps: {} }), false);
  });

  test('are those that name the stamp, and not those that only have such a header', () => {
    const { revoked } = setup();
    revoked.addStamp('batch', 'b1');

    const task = { id: 'x', stampedHeaders: ['other'], stamps: { batch: 'b1' } };
    assert.equal(revoked.covers(task), false);
  });
});

describe('what is known of revoked tasks', () => {
  test('is known elsewhere with its age', () => {
    const { clock, revoked } = setup();
    revoked.add('a');
    revoked.addStamp('batch', 'b1');
    clock.advance(HOUR);
    revoked.add('b');
    const other = setup();

    other.revoked.merge(revoked.record());
    assert.deepEqual(other.revoked.ids(), ['a', 'b']);
    other.clock.advance(2 * HOUR);
    assert.deepEqual(other.revoked.ids(), ['b']);
    assert.deepEqual(other.revoked.record().stamps, {});
  });

  test('stays as it is where it is known already', () => {
    const { clock, revoked } = setup();
    revoked.add('a');
    clock.advance(HOUR);
    revoked.merge({ ids: { a: 0, b: 2 * HOUR }, stamps: {} });

    assert.deepEqual(revoked.ids(), ['b', 'a']);
    clock.advance(HOUR);
    assert.deepEqual(revoked.ids(), ['a']);
    clock.advance(HOUR);
    assert.deepEqual(revoked.ids(), []);
  });
});
