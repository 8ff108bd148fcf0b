import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { REQUEUE_AFTER, UnknownTasks } from '../../../../src/worker/intake/unknown-tasks.ts';
import { MadeDelivery, turn } from '../made-requests.ts';

function setup() {
  const clock = new FakeClock(0);
  const counts: number[] = [];
  return { clock, counts, unknown: new UnknownTasks(clock, count => void counts.push(count)) };
}

describe('messages for unknown tasks that are kept', () => {
  test('go back together, five seconds after the first', () => {
    const { clock, unknown } = setup();
    const [first, second] = [new MadeDelivery(), new MadeDelivery()];
    unknown.hold(first);
    clock.advance(REQUEUE_AFTER - 0.1);
    unknown.hold(second);
    assert.deepEqual([first.notes, second.notes], [[], []]);

    clock.advance(0.1);

    assert.deepEqual([first.notes, second.notes], [['requeue'], ['requeue']]);
  });

  test('wait as long as the others when they come after that', () => {
    const { clock, unknown } = setup();
    const later = new MadeDelivery();
    unknown.hold(new MadeDelivery());
    clock.advance(REQUEUE_AFTER);
    unknown.hold(later);

    clock.advance(REQUEUE_AFTER - 0.1);
    assert.deepEqual(later.notes, []);
    clock.advance(0.1);

    assert.deepEqual(later.notes, ['requeue']);
  });

  test('are counted while they are here', () => {
    const { clock, unknown, counts } = setup();

    for (let n = 0; n < 3; n++) unknown.hold(new MadeDelivery());
    clock.advance(REQUEUE_AFTER);

    assert.deepEqual(counts, [1, 2, 3, 0]);
  });

  test('are made up for up to a thousand, not more', () => {
    const { unknown, counts } = setup();

    for (let n = 0; n < 1002; n++) unknown.hold(new MadeDelivery());

    assert.deepEqual(counts.slice(-4), [999, 1000, 1000, 1000]);
  });

  test('are no trouble when they are with somebody else by then', async () => {
    const { clock, unknown } = setup();
    const answer = Promise.reject(new Error('given to others'));
    answer.catch(() => {});
    const [gone, here] = [new MadeDelivery({ answer }), new MadeDelivery()];
    for (const delivery of [gone, here]) unknown.hold(delivery);

    clock.advance(REQUEUE_AFTER);
    await turn();

    assert.deepEqual(here.notes, ['requeue']);
  });

  test('stay with the broker when they are forgotten', () => {
    const { clock, unknown } = setup();
    const delivery = new MadeDelivery();
    unknown.hold(delivery);

    unknown.clear();
    clock.advance(2 * REQUEUE_AFTER);

    assert.deepEqual([delivery.notes, clock.pending], [[], 0]);
  });
});
