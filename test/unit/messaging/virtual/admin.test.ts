import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { browse, browseOne } from '../../../../src/messaging/browse.ts';
import type { Delivery } from '../../../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, exchange, queue } from '../../../../src/messaging/entities.ts';
import { MemoryTransport } from '../../../../src/messaging/memory/transport.ts';
import { VirtualAdmin } from '../../../../src/messaging/virtual/admin.ts';
import { buildTaskMessage } from '../../../../src/wire/messages/task-message.ts';

const ANY = { ifUnused: false, ifEmpty: false };

/** A broker in memory with so many messages in the queue `q`. */
async function setup(count = 0) {
  const transport = new MemoryTransport(`memory://${randomUUID()}`);
  const send = (id: string) =>
    transport.publish(buildTaskMessage({ task: 't', id, args: [], kwargs: {} }), {
      ...{ exchange: DEFAULT_EXCHANGE, routingKey: 'q' },
    });
  for (let n = 1; n <= count; n++) await send(`${n}`);
  /** What waits in the queue now. */
  const left = async () => {
    const ids: unknown[] = [];
    await browse(transport, [queue('q')], {
      ...{ most: 1000, idle: 0.01, visit: each => void ids.push(each.message.headers.id) },
    });
    return ids;
  };
  return { transport, admin: new VirtualAdmin(transport), send, left };
}

describe('administration of a broker that has only queues', () => {
  test('declares queues and binds them, and counts what waits', async () => {
    const { transport, admin } = await setup(2);

    await admin.bindQueue('q', exchange('news'), 'k');

    assert.deepEqual(await admin.declareQueue(queue('q'), false), { messages: 2, consumers: 0 });
    assert.deepEqual(await transport.bindings(), [
      { queue: 'q', exchange: 'news', routingKey: 'k' },
      { queue: 'q', exchange: 'q', routingKey: 'q' },
    ]);
  });

  test('only looks at a queue when it is asked to do that', async () => {
    const { transport, admin } = await setup();

    assert.deepEqual(await admin.declareQueue(queue('q'), true), { messages: 0, consumers: 0 });

    assert.deepEqual(await transport.bindings(), []);
  });

  test('knows of an exchange what is bound to it', async () => {
    const { admin } = await setup();
    await admin.declareExchange(exchange('news'), false);
    await assert.rejects(admin.declareExchange(exchange('news'), true), {
      name: 'ChannelError',
      message: 'No queue is bound to an exchange "news".',
    });

    await admin.bindQueue('q', exchange('news'), 'k');

    await admin.declareExchange(exchange('news'), true);
    await assert.rejects(admin.deleteExchange('news'), /delete the queues of "news"\.$/);
    await admin.deleteExchange('other');
  });

  test('deletes a queue with what is in it, unless that was forbidden', async () => {
    const { transport, admin } = await setup(2);

    await assert.rejects(admin.deleteQueue('q', { ...ANY, ifEmpty: true }), {
      message: 'Queue "q" is not empty: it has 2.',
    });
    assert.deepEqual([await admin.deleteQueue('q', ANY), await transport.size('q')], [2, 0]);

    assert.equal(await admin.deleteQueue('q', { ...ANY, ifEmpty: true }), 0);
  });

  test('takes messages one by one, and gives back in order what was not settled', async () => {
    const { admin, left } = await setup(4);
    const taken: Delivery[] = [];
    for (const _ of [1, 2, 3]) taken.push((await admin.get('q'))!);
    assert.deepEqual(
      taken.map(({ message }) => message.headers.id),
      ['1', '2', '3'],
    );

    await taken[1]!.ack();
    await admin.close();

    assert.deepEqual(await left(), ['1', '3', '4']);
  });

  test('takes nothing from an empty queue, at once', async () => {
    const { admin } = await setup();

    assert.equal(await admin.get('q'), undefined);
  });

  test('publishes as anybody does', async () => {
    const { transport, admin } = await setup();
    const message = buildTaskMessage({ task: 't', id: '1', args: [], kwargs: {} });

    await admin.publish(message, { exchange: DEFAULT_EXCHANGE, routingKey: 'other' }, {});

    assert.equal(await transport.size('other'), 1);
  });
});

describe('going through a queue', () => {
  const browsed = async (count: number, options: Partial<Parameters<typeof browse>[2]> = {}) => {
    const { transport, left } = await setup(count);
    const seen: unknown[] = [];
    const visited = await browse(transport, [queue('q')], {
      most: 1000,
      idle: 0.01,
      ...options,
      async visit(delivery) {
        seen.push(delivery.message.headers.id);
        await options.visit?.(delivery);
      },
    });
    return { visited, seen, left };
  };

  test('shows every message in order, and leaves them where they were', async () => {
    const { visited, seen, left } = await browsed(250, { window: 10 });

    const all = Array.from({ length: 250 }, (_, n) => `${n + 1}`);
    assert.deepEqual([visited, seen], [250, all]);
    assert.deepEqual(await left(), all);
  });

  test('ends with the last one that was asked for', async () => {
    const { visited, seen, left } = await browsed(5, { most: 3 });

    assert.deepEqual([visited, seen], [3, ['1', '2', '3']]);
    assert.equal((await left()).length, 5);
  });

  test('takes what its visitor settles', async () => {
    const { left } = await browsed(4, {
      visit: delivery => (delivery.message.headers.id === '2' ? delivery.ack() : undefined),
    });

    assert.deepEqual(await left(), ['1', '3', '4']);
  });

  test('holds so many at most', async () => {
    const { visited, left } = await browsed(10, { mostHeld: 4, window: 2 });

    assert.deepEqual([visited, (await left()).length], [4, 10]);
  });

  test('ends when its visitor has seen enough', async () => {
    let count = 0;
    const { visited } = await browsed(10, {
      window: 2,
      visit: () => void count++,
      isDone: () => count >= 3,
    });

    assert.equal(visited, 4, 'the rest of a batch is seen');
  });

  test('puts everything back when a visit fails, and fails with it', async () => {
    const { transport, left } = await setup(3);
    const visit = ({ message }: Delivery) => {
      if (message.headers.id === '2') throw new RangeError('odd message');
    };

    await assert.rejects(
      browse(transport, [queue('q')], { most: 10, idle: 0.01, visit }),
      /odd message/,
    );

    assert.deepEqual(await left(), ['1', '2', '3']);
  });

  test('ends when it is told to, also while it waits', async () => {
    const { transport } = await setup();
    const controller = new AbortController();
    const going = browse(transport, [queue('q')], {
      ...{ most: 10, idle: Number.POSITIVE_INFINITY, visit: () => {}, signal: controller.signal },
    });
    await new Promise(setImmediate);

    controller.abort();

    assert.equal(await going, 0);
  });

  test('takes one message that comes while it waits, and no second one', async () => {
    const { transport, send, left } = await setup();
    const taking = browseOne(transport, queue('q'), 10);
    await new Promise(setImmediate);
    await send('1');
    await send('2');

    const one = await taking;
    await one!.delivery.ack();
    await one!.release();

    assert.equal(one!.delivery.message.headers.id, '1');
    assert.deepEqual(await left(), ['2']);
  });
});
