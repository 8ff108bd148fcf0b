import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Verdict } from '../../../../../src/messaging/redis/intake/delivery.ts';
import {
  type Settlement,
  type SettlementBatch,
  Settlements,
} from '../../../../../src/messaging/redis/intake/settlements.ts';
import { deliveryNumber } from './made-deliveries.ts';

/** Settlements of deliveries, and what became of them. */
function setup() {
  const settlements = new Settlements();
  const outcomes: string[] = [];
  const add = (number: number, verdict: Verdict = 'ack') => {
    const delivery = deliveryNumber(number);
    settlements.add(delivery, verdict).then(
      () => outcomes.push(`${number} confirmed`),
      ({ name }: Error) => outcomes.push(`${number} ${name}`),
    );
    return delivery;
  };
  return { settlements, outcomes, add };
}

const settle = () => new Promise(setImmediate);
const numbers = (entries: readonly Settlement[]) => entries.map(({ delivery }) => delivery.number);
const numbersOf = ({ acks, requeues }: SettlementBatch) => [numbers(acks), numbers(requeues)];

describe('what was settled and is not confirmed', () => {
  test('is taken for a turn by kind, the oldest first, and not more than asked for', () => {
    const { settlements, add } = setup();
    for (const number of [1, 2, 3]) add(number);
    add(4, 'requeue');
    add(5, 'recount');

    assert.deepEqual(numbersOf(settlements.take(2)), [
      [1, 2],
      [4, 5],
    ]);

    assert.deepEqual([settlements.size, settlements.waiting], [5, 1]);
  });

  test('is over when the server confirms it', async () => {
    const { settlements, add, outcomes } = setup();
    for (const number of [1, 2]) add(number);
    const { acks } = settlements.take(1);

    settlements.confirm(acks);
    settlements.confirm(acks);
    await settle();

    assert.deepEqual([outcomes, settlements.size], [['1 confirmed'], 1]);
    assert.deepEqual(settlements.tags(), ['consumer-2']);
  });

  test('waits for another turn when its turn came to nothing', () => {
    const { settlements, add } = setup();
    add(1);
    add(2, 'requeue');
    settlements.putBack(settlements.take(10));
    assert.deepEqual([settlements.size, settlements.waiting], [2, 2]);

    assert.deepEqual(numbersOf(settlements.take(10)), [[1], [2]]);
  });

  test('is not sent again when a part of its turn was confirmed', () => {
    const { settlements, add } = setup();
    for (const number of [1, 2]) add(number);
    const batch = settlements.take(10);

    settlements.confirm(batch.acks.slice(0, 1));
    settlements.putBack(batch);

    assert.deepEqual(numbersOf(settlements.take(10)), [[2], []]);
  });

  test('is known by its tags, also while it is in a turn', () => {
    const { settlements, add } = setup();
    add(1);
    settlements.take(10);
    add(2);

    assert.deepEqual(settlements.tags(), ['consumer-1', 'consumer-2']);
  });

  test('is certain until it may have reached the server', () => {
    const { settlements, add } = setup();
    add(1);
    settlements.putBack(settlements.take(10));
    add(2);
    settlements.addRest(deliveryNumber(3));

    assert.deepEqual(settlements.certainTags(), ['consumer-2']);
  });
});

describe('settlements of messages that others have', () => {
  test('fail, and their deliveries are lost', async () => {
    const { settlements, add, outcomes } = setup();
    const [inTurn, waiting, kept] = [add(1), add(2, 'requeue'), add(3)];
    settlements.take(1);

    settlements.lose(new Set(['consumer-1', 'consumer-2']));
    await settle();

    assert.deepEqual(outcomes, ['1 ChannelError', '2 ChannelError']);
    assert.deepEqual([inTurn.lost, waiting.lost, kept.lost], [true, true, false]);
    assert.deepEqual(settlements.tags(), ['consumer-3']);
  });

  test('fail all when the consumer was taken for dead, and nothing is sent any more', async () => {
    const { settlements, add, outcomes } = setup();
    add(1);
    const batch = settlements.take(1);
    add(2);

    settlements.lose('all');
    settlements.putBack(batch);
    await settle();

    assert.deepEqual(outcomes, ['1 ChannelError', '2 ChannelError']);
    assert.deepEqual([settlements.size, settlements.waiting], [0, 0]);
  });

  test('fail unheard when nobody waits for them', async () => {
    const { settlements } = setup();
    settlements.addRest(deliveryNumber(1));

    settlements.lose('all');
    await settle();

    assert.equal(settlements.size, 0);
  });
});

describe('settlements that are given up', () => {
  test('fail with the reason, and their deliveries are not lost', async () => {
    const { settlements, add, outcomes } = setup();
    const [first, second] = [add(1), add(2)];
    settlements.take(1);

    settlements.giveUp(new RangeError('closed'));
    await settle();

    assert.deepEqual(outcomes, ['1 RangeError', '2 RangeError']);
    assert.deepEqual([first.lost, second.lost, settlements.waiting], [false, false, 0]);
  });
});
