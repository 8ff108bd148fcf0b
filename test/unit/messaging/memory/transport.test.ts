import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Delivery, Transport } from '../../../../src/messaging/contract.ts';
import {
  broadcast,
  DEFAULT_EXCHANGE,
  exchange,
  type Queue,
  queue,
} from '../../../../src/messaging/entities.ts';
import { forgetMemoryBroker, memoryBroker } from '../../../../src/messaging/memory/broker.ts';
import { MemoryTransport } from '../../../../src/messaging/memory/transport.ts';
import { buildTaskMessage } from '../../../../src/wire/messages/task-message.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

function setup() {
  const name = randomUUID();
  const transport = new MemoryTransport(`memory://${name}`);
  const send = (to: string, id: string, priority?: number, by: Transport = transport) =>
    by.publish(buildTaskMessage({ task: 't', id, args: [], kwargs: {}, priority }), {
      exchange: DEFAULT_EXCHANGE,
      routingKey: to,
    });
  const consume = async (queues: Queue[], prefetch = 0, by: Transport = transport) => {
    const got: Delivery[] = [];
    const onDeliveries = (deliveries: Delivery[]) => void got.push(...deliveries);
    const consumer = await by.consume(queues, { prefetch, onDeliveries });
    await turn();
    const ids = () => got.map(({ message }) => message.headers.id);
    return { consumer, got, ids };
  };
  return { name, transport, send, consume, broker: memoryBroker(name) };
}

const messages = (transport: Transport, ...names: string[]) =>
  Promise.all(names.map(name => transport.size(name)));

describe('a broker in memory', () => {
  test('is one for all connections with its URL, until it is forgotten', async () => {
    const { name, send } = setup();
    await send('q', '1');

    assert.equal(await new MemoryTransport(`memory://${name}`).size('q'), 1);
    forgetMemoryBroker(name);

    assert.equal(await new MemoryTransport(`memory://${name}`).size('q'), 0);
  });

  test('serves urgent messages first, and those alike in their order', async () => {
    const { send, consume } = setup();
    for (const [id, priority] of [
      ...[
        ['a', 9],
        ['b', 0],
        ['c', 4],
        ['d', 2],
        ['e', 3],
        ['f', 99],
      ],
    ] as [string, number][]) {
      await send('q', id, priority);
    }

    const { ids } = await consume([queue('q')]);

    assert.deepEqual(ids(), ['b', 'd', 'c', 'e', 'a', 'f']);
  });

  test('serves queues in turn, so that a long one keeps nobody waiting', async () => {
    const { send, consume } = setup();
    for (const id of ['a1', 'a2', 'a3']) await send('a', id);
    for (const id of ['b1', 'b2']) await send('b', id);

    const { ids } = await consume([queue('a'), queue('b')]);

    assert.deepEqual(ids(), ['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  test('hands out as many as the prefetch count, then one for each that is settled', async () => {
    const { send, consume } = setup();
    for (const id of ['1', '2', '3']) await send('q', id);
    const { consumer, got, ids } = await consume([queue('q')], 1);
    assert.deepEqual([ids(), consumer.held], [['1'], 1]);

    await got[0]!.ack();
    await turn();
    assert.deepEqual(ids(), ['1', '2']);
    consumer.setPrefetch(2);
    await turn();

    assert.deepEqual([ids(), consumer.held], [['1', '2', '3'], 2]);
  });

  test('hands out what needs no settling, however many are held', async () => {
    const { send, consume } = setup();
    for (const id of ['1', '2']) await send('q', id);
    for (const id of ['3', '4']) await send('events', id);

    const { ids } = await consume([queue('q'), queue('events', { noAck: true })], 1);

    assert.deepEqual(ids().sort(), ['1', '3', '4']);
  });

  test('drops what no queue is bound to, and says so to who asks', async () => {
    const { transport } = setup();
    const message = buildTaskMessage({ task: 't', id: '1', args: [], kwargs: {} });
    const to = { exchange: exchange('news'), routingKey: 'k' };

    await transport.publish(message, to);
    await assert.rejects(transport.publish(message, to, { mandatory: true }), {
      name: 'Unroutable',
      message: 'No queue for a message to exchange "news" with routing key "k".',
    });
  });

  test('gives a message once to a queue that is bound to its exchange twice', async () => {
    const { transport } = setup();
    const news = exchange('news', 'topic');
    for (const routingKey of ['a.*', '#']) {
      await transport.declare(queue('q', { exchange: news, routingKey }));
    }
    await transport.declare(queue('q', { exchange: news, routingKey: '#' }));

    const message = buildTaskMessage({ task: 't', id: '1', args: [], kwargs: {} });
    await transport.publish(message, { exchange: news, routingKey: 'a.b' });

    assert.equal(await transport.size('q'), 1);
    assert.deepEqual(await transport.bindings(), [
      { queue: 'q', exchange: 'news', routingKey: 'a.*' },
      { queue: 'q', exchange: 'news', routingKey: '#' },
    ]);
  });

  test('tells how many listeners a broadcast reached', async () => {
    const { transport, consume } = setup();
    const all = broadcast('all');
    await consume([all]);
    const heard: number[] = [];

    const message = buildTaskMessage({ task: 't', id: '1', args: [], kwargs: {} });
    const onHeard = (count: number) => void heard.push(count);
    await transport.publish(message, { exchange: all.exchange, routingKey: '' }, { onHeard });

    assert.deepEqual(heard, [1]);
  });

  test('has no headers exchanges', async () => {
    const { transport } = setup();
    const headers = exchange('h', 'headers');

    for (const refused of [
      transport.declare(queue('q', { exchange: headers })),
      transport.publish(buildTaskMessage({ task: 't', id: '1', args: [], kwargs: {} }), {
        ...{ exchange: headers, routingKey: '' },
      }),
    ]) {
      await assert.rejects(refused, /^ChannelError: The memory broker has no headers exchanges/);
    }
  });

  test('forgets bindings with their queue', async () => {
    const { transport } = setup();
    const q = queue('q', { exchange: exchange('news'), routingKey: 'k' });
    await transport.declare(q);

    await transport.delete(q);
    await transport.delete(q);

    assert.deepEqual(await transport.bindings(), []);
  });

  test('is emptied queue by queue, with the number of messages', async () => {
    const { transport, send } = setup();
    for (const id of ['1', '2']) await send('a', id, 7);
    await send('b', '3');

    assert.deepEqual([await transport.purge('a'), await transport.purge('a')], [2, 0]);
    assert.deepEqual(await messages(transport, 'a', 'b', 'unknown'), [0, 1, 0]);
  });
});

describe('a message that is given back', () => {
  for (const [words, options, order] of [
    ['goes last', undefined, ['2', '1']],
    ['goes first when that is asked for', { first: true }, ['1', '2']],
  ] as const) {
    test(`${words}, and is marked`, async () => {
      const { send, consume } = setup();
      for (const id of ['1', '2']) await send('q', id);
      const { consumer, got } = await consume([queue('q')], 1);
      await consumer.cancel();

      await got[0]!.reject(true, options);
      await got[0]!.reject(true, options);
      const next = await consume([queue('q')]);

      assert.deepEqual(next.ids(), order);
      const again = next.got.find(({ message }) => message.headers.id === '1')!;
      assert.deepEqual([again.redelivered, consumer.held], [true, 0]);
    });
  }

  test('is counted without changing what others were given', async () => {
    const { send, consume } = setup();
    await send('q', '1');
    const { got } = await consume([queue('q')]);
    await got[0]!.reject(true, { counted: true });
    await turn();
    await got[1]!.reject(true, { counted: true });
    await turn();

    const counts = got.map(({ message }) => message.headers['x-delivery-count']);
    assert.deepEqual(counts, [undefined, 1, 2]);
  });

  test('is gone when it is dropped', async () => {
    const { transport, send, consume } = setup();
    await send('q', '1');
    const { got } = await consume([queue('q')]);

    await got[0]!.reject(false);

    assert.equal(await transport.size('q'), 0);
  });
});

describe('a consumer in memory', () => {
  test('puts back what it holds in its order when it is closed, once', async () => {
    const { transport, send, consume } = setup();
    for (const id of ['1', '2', '3']) await send('q', id);
    const { consumer, got } = await consume([queue('q')], 2);

    assert.deepEqual([await consumer.close(), await consumer.close()], [2, 0]);
    await got[0]!.ack();
    assert.equal(await transport.size('q'), 3, 'what is settled then counts for nothing');
    const { ids } = await consume([queue('q')]);

    assert.deepEqual(ids(), ['1', '2', '3']);
  });

  test('takes nothing more from a queue that it left, and keeps what is out', async () => {
    const { transport, send, consume } = setup();
    await send('a', '1');
    const { consumer, got, ids } = await consume([queue('a'), queue('b')]);

    await consumer.cancelQueue('a');
    await consumer.cancelQueue('a');
    await send('a', '2');
    await send('b', '3');
    await turn();

    assert.deepEqual([ids(), consumer.queues, consumer.held], [['1', '3'], ['b'], 2]);
    await got[0]!.ack();
    assert.equal(await transport.size('a'), 1);
  });

  test('takes a queue with it that is for its consumers alone, with the last of them', async () => {
    const { broker, consume } = setup();
    const fleeting = queue('f', { autoDelete: true });
    const [one, other] = [await consume([fleeting]), await consume([fleeting])];

    await one.consumer.close();
    assert.deepEqual(broker.names, ['f']);
    await other.consumer.close();

    assert.deepEqual(broker.names, []);
  });

  test('leaves nothing of such a queue, whatever it held of it', async () => {
    const { broker, send, consume } = setup();
    const { consumer } = await consume([queue('f', { autoDelete: true })]);
    await send('f', '1');
    await turn();
    assert.equal(consumer.held, 1);

    await consumer.close();

    assert.deepEqual(broker.names, []);
  });

  test('that is closed while it starts takes nothing', async () => {
    const { transport, send, consume } = setup();
    const starting = consume([queue('a'), queue('b')]);
    starting.catch(() => {});

    await transport.close();
    await assert.rejects(starting, { name: 'ConnectionClosed' });
    await send('b', '1');
    await turn();

    assert.equal(await transport.size('b'), 1);
  });
});

describe('a connection to a broker in memory', () => {
  test('tells what does nothing, once, and that it is there', async () => {
    const transport = new MemoryTransport(`memory://${randomUUID()}`, ['x has no effect']);
    const heard: string[] = [];
    const end = transport.onEvent(({ type }) => heard.push(type));

    await transport.connect();
    await transport.connect();
    end();
    await transport.close();
    await transport.connect();

    assert.deepEqual(heard, ['warning', 'connected']);
  });

  test('closes its consumers with it, whose messages others get', async () => {
    const { name, transport, send, consume } = setup();
    await send('q', '1');
    await consume([queue('q')]);
    assert.equal(await transport.size('q'), 0);

    await transport.close();
    await transport.close();

    assert.equal(await new MemoryTransport(`memory://${name}`).size('q'), 1);
    assert.equal(transport.connected, false);
  });
});
