import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settleAndClaim } from '../../../../../src/messaging/redis/intake/settle-and-claim.ts';
import { MadeClient } from '../made-client.ts';
import { madeSession } from '../made-session.ts';

const LISTS = {
  queues: ['a', 'b'],
  keys: ['a', 'b'],
  endings: [', "", "a"]', ', "", "b"]'],
} as unknown as NonNullable<Parameters<typeof settleAndClaim>[1]['lists']>;

function turn(reply: unknown[], call: Partial<Parameters<typeof settleAndClaim>[1]> = {}) {
  const client = new MadeClient();
  client.answers = () => reply;
  const { keys } = madeSession();
  const result = settleAndClaim(client.port, {
    ...{ keys, heldKey: 'held', consumerId: 'me', acks: [], want: 0, first: 1 },
    ...{ lists: undefined, prompt: undefined },
    ...call,
  });
  return { client, result };
}

describe('a call that settles and claims', () => {
  test('says first what there is to settle, then what is wanted, and from where', async () => {
    const { client, result } = turn([2, 0], { acks: ['me-1', 'me-2'], want: 5, lists: LISTS });
    await result;

    assert.deepEqual(client.asked, [
      'tsceleryTurn 6 unacked unacked_index held tscelery.unacked.consumers a b ' +
        '2 me-1 me-2 5 me 1 , "", "a"] , "", "b"] ',
    ]);
  });

  test('names no lists when it only settles', async () => {
    const { client, result } = turn([1, 0], { acks: ['me-1'] });
    await result;

    assert.equal(
      client.asked[0],
      'tsceleryTurn 4 unacked unacked_index held tscelery.unacked.consumers 1 me-1 0 me 1 ',
    );
  });

  test('has its answer read as messages, and as lists that are none', async () => {
    const { result } = turn([2, 1, 1, 'first', 2, 'second', -1, 'WRONGTYPE', 1, 'third']);

    assert.deepEqual(await result, {
      settled: 2,
      isFirstAcked: true,
      claimed: [
        { list: 0, text: 'first' },
        { list: 1, text: 'second' },
        { list: 0, text: 'third' },
      ],
      unreadable: [{ list: 0, error: 'WRONGTYPE' }],
    });
  });

  test('may find nothing', async () => {
    assert.deepEqual(await turn([0, 0]).result, {
      ...{ settled: 0, isFirstAcked: false, claimed: [], unreadable: [] },
    });
  });

  test('hears that the consumer was taken for dead, and nothing was done', async () => {
    assert.equal(await turn([-1]).result, 'expelled');
  });
});
