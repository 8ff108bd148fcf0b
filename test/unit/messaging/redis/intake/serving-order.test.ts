import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  inboxesFirst,
  ServingOrder,
} from '../../../../../src/messaging/redis/intake/serving-order.ts';
import { RedisKeys } from '../../../../../src/messaging/redis/keys.ts';
import { type QueueOrder, readRedisOptions } from '../../../../../src/messaging/redis/options.ts';

/** The order of these queues, each with two lists. */
function setup(order: QueueOrder, names: readonly string[]) {
  const transportOptions = { priority_steps: [0, 5], sep: ':' };
  const options = readRedisOptions({ transportOptions, connectTimeout: 1, useSsl: false });
  const serving = new ServingOrder(new RedisKeys(options, 0), order);
  for (const name of names) serving.add(name);
  return serving;
}

describe('the lists of several queues', () => {
  test('are served by priority, and within it queue by queue', () => {
    const { lists } = setup('round_robin', ['b', 'a']);

    assert.deepEqual(lists.keys, ['b', 'a', 'b:5', 'a:5']);
    assert.deepEqual(lists.queues, ['b', 'a', 'b', 'a']);
  });

  test('know what ends a stored message, whatever the name of the queue', () => {
    const { lists } = setup('round_robin', ['a"b']);

    assert.equal(lists.endings[1], ', "", "a\\"b"]');
  });

  test('are none without queues', () => {
    const order = setup('round_robin', []);

    assert.deepEqual([order.lists.keys, order.size], [[], 0]);
  });

  test('are there once for a queue that is added twice, and not when it is removed', () => {
    const order = setup('priority', ['a', 'b', 'a']);
    assert.deepEqual([order.size, order.lists.keys.length], [2, 4]);

    order.remove('a');
    order.remove('none');

    assert.deepEqual(
      [order.has('a'), order.has('b'), order.lists.keys],
      [false, true, ['b', 'b:5']],
    );
  });
});

describe('the lists of several queues with inboxes', () => {
  test('have them first, in the same order, and as if they were the lists themselves', () => {
    const { lists } = setup('round_robin', ['b', 'a']);

    const all = inboxesFirst(
      lists,
      new Map([
        ['a:5', 'inbox a:5'],
        ['b', 'inbox b'],
      ]),
    );

    assert.deepEqual(all.keys, ['inbox b', 'inbox a:5', 'b', 'a', 'b:5', 'a:5']);
    assert.deepEqual(all.homes, ['b', 'a:5', 'b', 'a', 'b:5', 'a:5']);
    assert.deepEqual(all.queues, ['b', 'a', 'b', 'a', 'b', 'a']);
    assert.deepEqual(all.endings.slice(0, 2), [lists.endings[0], lists.endings[3]]);
  });

  test('leave out those of queues that are not served any more', () => {
    const { lists } = setup('round_robin', ['a']);

    assert.equal(inboxesFirst(lists, new Map([['gone', 'inbox gone']])), lists);
  });
});

describe('queues that gave something', () => {
  const queuesAfter = (order: QueueOrder, ...served: string[]) => {
    const serving = setup(order, ['c', 'a', 'b']);
    serving.served(new Set(served));
    return serving.lists.queues.slice(0, 3);
  };

  test('come last in a round robin', () => {
    assert.deepEqual(queuesAfter('round_robin', 'c'), ['a', 'b', 'c']);
    assert.deepEqual(queuesAfter('round_robin', 'c', 'a'), ['b', 'c', 'a']);
  });

  test('keep their places when queues have a priority', () => {
    assert.deepEqual(queuesAfter('priority', 'c'), ['c', 'a', 'b']);
  });

  test('keep their places in the order of the alphabet', () => {
    assert.deepEqual(queuesAfter('sorted', 'a'), ['a', 'b', 'c']);
  });
});
