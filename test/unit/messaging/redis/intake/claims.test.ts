import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Claims } from '../../../../../src/messaging/redis/intake/claims.ts';
import {
  inboxesFirst,
  ServingOrder,
} from '../../../../../src/messaging/redis/intake/serving-order.ts';
import { encodeEnvelope } from '../../../../../src/wire/messages/envelope.ts';
import { madeSession } from '../made-session.ts';

const envelope = (text: string) =>
  encodeEnvelope(
    {
      ...{ body: text, bodyEncoding: 'utf-8', contentType: 'text/plain' },
      ...{ contentEncoding: 'utf-8', headers: {}, properties: {} },
    },
    { exchange: '', routingKey: 'q', deliveryTag: text },
  );

/** Claims from the queue `q` with one list and, if wanted, its inbox; `reply` answers them. */
function made({ inbox = false, acksOnArrival = true } = {}) {
  const { session, client, keys } = madeSession({ priority_steps: [0] });
  const order = new ServingOrder(keys, 'round_robin');
  order.add('q');
  const inboxes = new Map(inbox ? [['q', 'inbox']] : []);
  const claims = new Claims({
    ...{ session, consumerId: 'me', order },
    acksOnArrival: () => acksOnArrival,
    sources: lists => inboxesFirst(lists, inboxes),
    settler: { settle: async () => {} },
  });
  const run = async (reply: unknown[], want = 5) => {
    client.answers = () => reply;
    const claimed = await claims.run(client.port, [], want);
    claims.over();
    return claimed === 'expelled' ? assert.fail('expelled') : claimed;
  };
  return { claims, client, run };
}

const seen = (text: string, isTaken = false) => ({ list: 'q', text, isTaken });

describe('a claim after something was seen in a list', () => {
  test('tells that the race is lost when nothing is there any more', async () => {
    const { claims, run } = made();
    claims.saw(seen(envelope('x')));

    assert.deepEqual((await run([0, 0])).races, [{ list: 'q', isWon: false }]);
    assert.deepEqual((await run([0, 0])).races, []);
  });

  test('tells that the race is won when the list gave something', async () => {
    const { claims, run } = made();
    claims.saw(seen(envelope('x')));

    const { races } = await run([0, 0, 1, envelope('y')]);

    assert.deepEqual(races, [{ list: 'q', isWon: true }]);
  });

  test('tells nothing of what was taken', async () => {
    const { claims, run } = made({ inbox: true });
    claims.saw(seen(envelope('x'), true));

    assert.deepEqual((await run([0, 0])).races, []);
  });

  test('tells nothing of what was seen while another claim was on its way', async () => {
    const { claims, client, run } = made();
    client.answers = () => [0, 0, 1, envelope('x')];
    const first = claims.run(client.port, [], 5);
    claims.saw(seen(envelope('x')));
    await first;
    claims.over();

    assert.deepEqual((await run([0, 0])).races, []);
  });
});

describe('a claim from an inbox', () => {
  test('brings messages of the list that they were taken out of', async () => {
    const { run } = made({ inbox: true });

    const { deliveries } = await run([0, 0, 1, envelope('taken'), 2, envelope('waiting')]);

    assert.deepEqual(
      deliveries.map(({ list, queue, tag }) => [list, queue, tag]),
      [
        ['q', 'q', 'me-1'],
        ['q', 'q', 'me-2'],
      ],
    );
  });

  test('is acknowledged at once as one from its list would be', async () => {
    const { claims, client, run } = made({ inbox: true });
    const text = envelope('taken');
    claims.saw(seen(text, true));

    const { isFirstAcked } = await run([0, 1, 1, text]);

    assert.equal(isFirstAcked, true);
    assert.ok(client.asked[0]?.includes(' inbox q '));
    assert.ok(client.asked[0]?.endsWith(text));
  });

  test('says whether more may be there', async () => {
    const { run } = made({ inbox: true });
    const [a, b] = [envelope('a'), envelope('b')];

    assert.equal((await run([0, 0, 1, a, 1, b], 2)).isDrained, false);
    assert.equal((await run([0, 0, 1, a, 2, b], 2)).isDrained, true);
    assert.equal((await run([0, 0, 1, a], 2)).isDrained, true);
  });
});
