import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Unsettled } from '../../../../../src/messaging/redis/intake/unsettled.ts';
import { deliveryNumber } from './made-deliveries.ts';

function setup(count: number) {
  const unsettled = new Unsettled();
  const deliveries = Array.from({ length: count }, (_, n) => deliveryNumber(n + 1));
  for (const delivery of deliveries) unsettled.add(delivery);
  const numbers = () => unsettled.inOrder().map(({ number }) => number);
  return { unsettled, deliveries, numbers };
}

describe('the deliveries that a consumer has out', () => {
  test('are listed from the oldest on, whichever have gone', () => {
    const { unsettled, deliveries, numbers } = setup(12);

    for (const n of [0, 5, 11, 2]) unsettled.delete(deliveries[n]!);

    assert.deepEqual(numbers(), [2, 4, 5, 7, 8, 9, 10, 11]);
    assert.equal(unsettled.size, 8);
  });

  test('go once', () => {
    const { unsettled, deliveries, numbers } = setup(3);

    assert.equal(unsettled.delete(deliveries[0]!), true);
    assert.equal(unsettled.delete(deliveries[0]!), false);
    assert.equal(unsettled.delete(deliveryNumber(9)), false);

    assert.deepEqual(numbers(), [2, 3]);
  });

  test('may come back', () => {
    const { unsettled, deliveries, numbers } = setup(2);
    unsettled.delete(deliveries[0]!);

    unsettled.add(deliveries[0]!);

    assert.deepEqual(numbers(), [1, 2]);
    assert.equal(unsettled.delete(deliveries[0]!), true);
  });

  test('are known by their tags', () => {
    assert.deepEqual(setup(2).unsettled.tags(), ['consumer-1', 'consumer-2']);
  });

  test('are none of its own after it was cleared', () => {
    const { unsettled, deliveries } = setup(2);

    unsettled.clear();

    assert.deepEqual([unsettled.size, unsettled.tags()], [0, []]);
    assert.equal(unsettled.delete(deliveries[1]!), false);
  });
});
