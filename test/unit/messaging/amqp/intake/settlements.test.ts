import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Settlements } from '../../../../../src/messaging/amqp/intake/settlements.ts';
import { MadeChannel } from '../made-channel.ts';

const tick = () => new Promise(resolve => setImmediate(resolve));

/** A channel that has delivered `last` messages, all of them held until `settle`. */
function setup(last: number) {
  const channel = new MadeChannel();
  const held = new Set(Array.from({ length: last }, (_, n) => n + 1));
  const fences: (() => void)[] = [];
  const ledger = { isHeld: (number: number) => held.has(number), last };
  const settlements = new Settlements(channel.port, ledger, answered => fences.push(answered));
  const outcomes: string[] = [];
  const note = (number: number, settled: Promise<void>) => {
    held.delete(number);
    settled.then(
      () => outcomes.push(`${number} known`),
      ({ name, message }: Error) => outcomes.push(`${number} ${name}: ${message}`),
    );
  };
  const ack = (number: number) => note(number, settlements.ack(number));
  const reject = (number: number, requeue: boolean) =>
    note(number, settlements.reject(number, requeue));
  const written = () =>
    channel.asked.map(({ name, args: [message, ...rest] }) => {
      const { deliveryTag } = (message as { fields: { deliveryTag: number } }).fields;
      return [name, deliveryTag, ...rest].join(' ');
    });
  return { channel, settlements, fences, outcomes, ack, reject, written };
}

describe('settlements of one channel', () => {
  test('of one turn are one ack when everything before them is settled', async () => {
    const { ack, written } = setup(3);

    for (const number of [2, 1, 3]) ack(number);
    await tick();

    assert.deepEqual(written(), ['ack 3 true']);
  });

  test('are single acks beyond a delivery that is still out', async () => {
    const { ack, written } = setup(5);

    for (const number of [1, 2, 4, 5]) ack(number);
    await tick();

    assert.deepEqual(written(), ['ack 4', 'ack 5', 'ack 2 true']);
  });

  test('may close the gap later, and then one ack covers what was in between', async () => {
    const { ack, written } = setup(3);
    ack(3);
    await tick();

    ack(1);
    ack(2);
    await tick();

    assert.deepEqual(written(), ['ack 3', 'ack 2 true']);
  });

  test('reject before they ack, or an ack of several would take in what was rejected', async () => {
    const { ack, reject, written } = setup(3);

    ack(3);
    reject(1, true);
    reject(2, false);
    await tick();

    assert.deepEqual(written(), ['reject 1 true', 'reject 2 false', 'ack 3 true']);
  });

  test('are known to be the broker’s when it has answered what was asked behind them', async () => {
    const { ack, fences, outcomes } = setup(1);

    ack(1);
    await tick();
    assert.deepEqual([fences.length, outcomes], [1, []]);
    fences[0]!();
    await tick();

    assert.deepEqual(outcomes, ['1 known']);
  });

  test('have one question on the way at a time, and the next covers all that came meanwhile', async () => {
    const { ack, fences, outcomes } = setup(4);
    ack(1);
    await tick();
    for (const number of [2, 3]) {
      ack(number);
      await tick();
    }

    fences[0]!();
    await tick();
    assert.deepEqual([fences.length, outcomes], [2, ['1 known']]);
    fences[1]!();
    await tick();

    assert.deepEqual(outcomes, ['1 known', '2 known', '3 known']);
  });

  test('are written when nobody holds them back any more', async () => {
    const { ack, settlements, written } = setup(1);
    settlements.holdBack();

    ack(1);
    await tick();
    assert.deepEqual(written(), []);
    settlements.release();

    assert.deepEqual(written(), ['ack 1 true']);
  });

  test('need nothing written when they are released without any', () => {
    const { settlements, channel, fences } = setup(1);

    settlements.holdBack();
    settlements.release();

    assert.deepEqual([channel.names, fences.length], [[], 0]);
  });

  test('are waited for before the channel is closed, also when they were held back', async () => {
    const { ack, settlements, fences, written } = setup(2);
    settlements.holdBack();
    ack(1);

    let isOver = false;
    const over = settlements.settled().then(() => {
      isOver = true;
    });
    await tick();
    assert.deepEqual([written(), isOver], [['ack 1 true'], false]);
    fences[0]!();

    await over;
  });

  test('are nothing to wait for when there are none', async () => {
    const { settlements, fences } = setup(0);

    await settlements.settled();

    assert.equal(fences.length, 0);
  });
});

describe('settlements of a channel that is lost', () => {
  test('count when they were written: to run twice is better than to be lost', async () => {
    const { ack, settlements, outcomes } = setup(2);
    ack(1);
    await tick();
    ack(2);
    await tick();

    settlements.lost('gone');
    await tick();

    assert.deepEqual(outcomes, ['1 known', '2 known']);
  });

  test('fail when they were not written: the broker delivers the message again', async () => {
    const { ack, settlements, outcomes } = setup(1);
    settlements.holdBack();
    ack(1);
    await tick();

    settlements.lost('the channel is gone');
    await tick();

    assert.deepEqual(outcomes, ['1 ChannelError: the channel is gone']);
  });

  test('do not mind that nobody waits for them', async () => {
    const { settlements } = setup(1);
    settlements.holdBack();
    settlements.ack(1).catch(() => {});

    settlements.lost('gone');
    settlements.lost('gone twice');

    await tick();
  });

  test('take no answer that comes afterwards for one to what they asked', async () => {
    const { ack, settlements, fences, outcomes } = setup(2);
    ack(1);
    await tick();
    settlements.lost('gone');
    ack(2);
    await tick();

    fences[0]!();
    await tick();

    assert.deepEqual(outcomes, ['1 known']);
    assert.equal(fences.length, 2);
  });

  test('that amqplib will not write, as it has just ended, are left to the loss', async () => {
    const { ack, settlements, channel, outcomes } = setup(1);
    channel.throws = new Error('Channel closed');

    ack(1);
    await tick();
    assert.deepEqual(outcomes, []);
    settlements.lost('gone');
    await tick();

    assert.deepEqual(outcomes, ['1 known']);
  });
});
