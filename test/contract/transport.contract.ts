/**
 * What every transport does, whatever the broker. A transport's own test file calls
 * `transportContract` with a function that opens it on a broker, database or key prefix
 * of its own, so that tests do not meet.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { Unroutable } from '../../src/drivers/errors.ts';
import {
  type Consumer,
  type Delivery,
  TAKE_NOTHING,
  type Transport,
} from '../../src/messaging/contract.ts';
import {
  binding,
  DEFAULT_EXCHANGE,
  type Exchange,
  exchange,
  type Queue,
  queue,
} from '../../src/messaging/entities.ts';
import { bodyBytes, type Message } from '../../src/wire/messages/message.ts';
import { eventually } from '../support/eventually.ts';

export interface TransportFixture {
  /**
   * `amqp`: queues exist once they are declared, what is rejected returns to its old place in
   * line, and priorities are the queue's affair. By default as kombu's virtual transports.
   */
  readonly broker?: 'virtual' | 'amqp';
  /** Keeps messages as they are, whatever is in them. */
  readonly takesAnything?: boolean;
  /** Has the broker refuse one message for this queue, which is returned. Without it none is refused. */
  readonly refuseOne?: (queue: string) => Promise<Message>;
  /** A new transport, not yet connected, to the same broker as the others of this fixture. */
  open(): Transport;
  /** Puts text into a queue that is not a message, as a broken publisher would. */
  pushRaw?(queue: string, text: string): Promise<void>;
  /** Called after every transport that the test opened was closed. */
  dispose(): Promise<void>;
}

/** Long enough for a broker to deliver what it should not. */
const QUIET_MS = 120;

export function textMessage(body: string, changes: Partial<Message> = {}): Message {
  return {
    body,
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: {},
    properties: { delivery_mode: 2, priority: 0 },
    ...changes,
  };
}

export const textOf = (delivery: Delivery): string => bodyBytes(delivery.message).toString('utf8');
export const quiet = () => new Promise(resolve => setTimeout(resolve, QUIET_MS));
const to = (name: string) => ({ exchange: DEFAULT_EXCHANGE, routingKey: name });

/** A consumer that keeps everything it gets. */
export interface Collector {
  readonly consumer: Consumer;
  readonly got: Delivery[];
  readonly batches: number[];
  texts(): string[];
  /** Waits until `count` deliveries have come in all. */
  reaches(count: number): Promise<Delivery[]>;
}

export async function collect(
  transport: Transport,
  queues: readonly Queue[],
  prefetch = 0,
  onDelivery: (delivery: Delivery) => void = () => {},
): Promise<Collector> {
  const got: Delivery[] = [];
  const batches: number[] = [];
  const consumer = await transport.consume(queues, {
    prefetch,
    onDeliveries: deliveries => {
      batches.push(deliveries.length);
      got.push(...deliveries);
      deliveries.forEach(onDelivery);
    },
  });
  return {
    consumer,
    got,
    batches,
    texts: () => got.map(textOf),
    reaches: async count => {
      await eventually(() => assert.ok(got.length >= count, `${got.length} of ${count} arrived`));
      return got;
    },
  };
}

const HUNDRED = Array.from({ length: 100 }, (_, i) => String(i));

/** Publishes a hundred messages in one turn, and the bad one among them; names the errors. */
async function publishAmid(transport: Transport, own: string, bad: Message): Promise<string[]> {
  const sent = HUNDRED.map(body => textMessage(body)).toSpliced(50, 0, bad);
  const outcomes = await Promise.allSettled(sent.map(one => transport.publish(one, to(own))));
  return outcomes.flatMap(one => (one.status === 'rejected' ? [one.reason.name] : []));
}

async function assertHundred(transport: Transport, work: Queue): Promise<void> {
  const { texts, reaches } = await collect(transport, [work]);
  await reaches(HUNDRED.length);
  await quiet();
  const numbers = texts().sort((a, b) => Number(a) - Number(b));
  assert.deepEqual(numbers, HUNDRED);
}

export function transportContract(name: string, setup: () => Promise<TransportFixture>): void {
  const start = async (t: TestContext) => {
    const fixture = await setup();
    const opened: Transport[] = [];
    const open = () => {
      const transport = fixture.open();
      opened.push(transport);
      return transport;
    };
    t.after(async () => {
      for (const transport of opened) await transport.close();
      await fixture.dispose();
    });
    const own = `q-${randomUUID().slice(0, 8)}`;
    const isAmqp = fixture.broker === 'amqp';
    /** Creates queues where nobody else would. */
    const create = async (...names: string[]) => {
      const other = open();
      if (isAmqp) for (const name of names) await other.declare(queue(name));
      await other.close();
    };
    await create(own);
    const transport = open();
    const send = async (...bodies: string[]) => {
      for (const body of bodies) await transport.publish(textMessage(body), to(own));
    };
    return { ...fixture, isAmqp, transport, open, create, own, work: queue(own), send };
  };

  describe(`${name}: publish and consume`, () => {
    test('a message that cannot be written down fails alone', async t => {
      const { transport, work, own, takesAnything } = await start(t);
      if (takesAnything) return t.skip('nothing is written down');
      const headers: Record<string, unknown> = { task: 'tasks.bad' };
      headers.self = headers;

      const outcomes = await publishAmid(transport, own, textMessage('x', { headers }));

      assert.deepEqual(outcomes, ['EncodeError']);
      await assertHundred(transport, work);
    });

    test('a message that the broker refuses fails alone, and nothing is sent twice', async t => {
      const { transport, work, own, refuseOne } = await start(t);
      const bad = await refuseOne?.(own);
      if (bad === undefined) return t.skip('it takes every message that can be written down');

      const outcomes = await publishAmid(transport, own, bad);

      assert.deepEqual(outcomes, ['ChannelError']);
      await assertHundred(transport, work);
    });

    test('a message published to a queue arrives in order, with everything it carried', async t => {
      const { transport, work, own } = await start(t);
      const sent = textMessage('[[1, 2], {}, null]', {
        headers: { task: 'tasks.add', id: 'x', retries: 0, nested: { list: [1, null, 'é'] } },
        properties: { correlation_id: 'x', reply_to: 'r', delivery_mode: 2, priority: 0 },
      });
      await transport.publish(sent, to(own));
      await transport.publish(textMessage('second'), to(own));

      const { reaches } = await collect(transport, [work]);
      const [first, second] = await reaches(2);

      assert.equal(textOf(first!), '[[1, 2], {}, null]');
      assert.deepEqual(first!.message.headers, sent.headers);
      assert.equal(first!.message.contentType, 'application/json');
      assert.equal(first!.message.contentEncoding, 'utf-8');
      assert.equal(first!.message.properties.correlation_id, 'x');
      assert.equal(first!.message.properties.reply_to, 'r');
      assert.deepEqual([first!.queue, first!.exchange, first!.routingKey], [own, '', own]);
      assert.equal(first!.redelivered, false);
      assert.equal(first!.problem, undefined);
      assert.equal(textOf(second!), 'second');
      assert.notEqual(first!.tag, second!.tag);
    });

    test('a consumer that waits gets a message from another transport', async t => {
      const { transport, open, work, own } = await start(t);
      const { reaches } = await collect(open(), [work]);

      await transport.publish(textMessage('late'), to(own));

      assert.equal(textOf((await reaches(1))[0]!), 'late');
    });

    test('a message waits in a queue that nobody declared until somebody consumes it', async t => {
      const { transport, open, work, send, isAmqp } = await start(t);
      if (isAmqp) return t.skip('there are no such queues');
      await send('early');
      await transport.close();

      const { reaches } = await collect(open(), [work]);

      assert.equal(textOf((await reaches(1))[0]!), 'early');
    });

    test('an acknowledged message is gone for good', async t => {
      const { transport, open, work, send, own } = await start(t);
      await send('once');
      const { reaches, consumer } = await collect(transport, [work]);

      const [delivery] = await reaches(1);
      await delivery!.ack();

      assert.equal(delivery!.settled, true);
      assert.equal(consumer.held, 0);
      assert.equal(await consumer.close(), 0);
      assert.equal(await open().size(own), 0);
    });

    test('messages of 1 MB, in any language and in binary arrive unharmed', async t => {
      const { transport, work, own } = await start(t);
      const big = 'x'.repeat(1024 * 1024);
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      await transport.publish(textMessage(big), to(own));
      await transport.publish(
        textMessage('žluťoučký 🐰 \u2028', { headers: { 'x-ключ': 'значение 🐰' } }),
        to(own),
      );
      const binary = { body: bytes, bodyEncoding: 'binary', contentEncoding: 'binary' } as const;
      await transport.publish(textMessage('', binary), to(own));

      const { reaches } = await collect(transport, [work]);
      const [first, second, third] = await reaches(3);

      assert.equal(textOf(first!).length, big.length);
      assert.equal(textOf(second!), 'žluťoučký 🐰 \u2028');
      assert.deepEqual(second!.message.headers, { 'x-ключ': 'значение 🐰' });
      assert.deepEqual(new Uint8Array(bodyBytes(third!.message)), bytes);
    });

    test('a queue may have a name in any language', async t => {
      const { transport, create } = await start(t);
      const name = `fronta-č-🐰-${randomUUID()}`;
      await create(name);
      await transport.publish(textMessage('x'), to(name));

      const { reaches } = await collect(transport, [queue(name)]);

      assert.equal((await reaches(1))[0]!.queue, name);
    });

    test('5 000 messages published at once reach two consumers exactly once', async t => {
      const { transport, open, work, own } = await start(t);
      const ackAtOnce = (delivery: Delivery) => void delivery.ack();
      const one = await collect(transport, [work], 50, ackAtOnce);
      const two = await collect(open(), [work], 50, ackAtOnce);

      const numbers = Array.from({ length: 5000 }, (_, i) => String(i));
      await Promise.all(numbers.map(n => transport.publish(textMessage(n), to(own))));
      await eventually(() => one.got.length + two.got.length >= 5000, { seconds: 60 });
      await quiet();

      const all = [...one.texts(), ...two.texts()].sort((a, b) => Number(a) - Number(b));
      assert.deepEqual(all, numbers);
      await eventually(() => one.consumer.held + two.consumer.held === 0);
      assert.equal((await one.consumer.close()) + (await two.consumer.close()), 0);
      assert.equal(await transport.size(own), 0);
    });

    test('messages that wait arrive in batches, oldest first', async t => {
      const { transport, work, own } = await start(t);
      const numbers = Array.from({ length: 100 }, (_, i) => String(i));
      for (const n of numbers) await transport.publish(textMessage(n), to(own));

      const { reaches, texts, batches } = await collect(transport, [work], 100);
      await reaches(100);

      assert.deepEqual(texts(), numbers);
      assert.ok(Math.max(...batches) > 1, `batches of ${batches}`);
    });
  });

  describe(`${name}: settling`, () => {
    test('unsettled messages of a closed consumer come back first in line, marked redelivered', async t => {
      const { transport, open, work, send } = await start(t);
      await send('a', 'b', 'c');
      const first = await collect(transport, [work], 2);
      await first.reaches(2);

      assert.equal(await first.consumer.close(), 2);
      const second = await collect(open(), [work]);
      await second.reaches(3);

      assert.deepEqual(second.texts(), ['a', 'b', 'c']);
      assert.deepEqual(
        second.got.map(d => d.redelivered),
        [true, true, false],
      );
    });

    test('closing the transport puts unsettled messages back', async t => {
      const { transport, open, work, send } = await start(t);
      await send('a', 'b');
      const first = await collect(transport, [work]);
      await (await first.reaches(2))[1]!.ack();

      await transport.close();
      const second = await collect(open(), [work]);

      assert.equal((await second.reaches(1))[0]!.redelivered, true);
      assert.deepEqual(second.texts(), ['a']);
    });

    test('a message rejected with requeue is served again, marked redelivered', async t => {
      const { transport, work, send, isAmqp } = await start(t);
      await send('a', 'b');
      const { texts, reaches, got } = await collect(transport, [work], 1, delivery => {
        void (delivery.redelivered ? delivery.ack() : delivery.reject(textOf(delivery) === 'a'));
      });

      await reaches(3);

      assert.deepEqual(texts(), isAmqp ? ['a', 'a', 'b'] : ['a', 'b', 'a']);
      assert.equal(got[isAmqp ? 1 : 2]!.redelivered, true);
    });

    test('messages given back to be first, newest first, are served before others and in order', async t => {
      const { transport, open, work, send } = await start(t);
      await send('a', 'b', 'c', 'd');
      const { reaches, got, consumer } = await collect(transport, [work], 3);
      await reaches(3);
      consumer.setPrefetch(TAKE_NOTHING);

      const [a, b, c] = got;
      await Promise.all([c!.reject(true, { first: true }), b!.reject(true, { first: true })]);
      await a!.ack();
      const next = await collect(open(), [work]);

      await next.reaches(3);
      assert.deepEqual(next.texts(), ['b', 'c', 'd']);
      assert.equal(next.got[0]!.redelivered, true);
    });

    test('a message given back because it came to harm counts that in x-delivery-count', async t => {
      const { transport, work, send } = await start(t);
      await send('a');
      let left = [true, false, true];
      const { reaches, got } = await collect(transport, [work], 1, delivery => {
        const [counted, ...rest] = left;
        left = rest;
        void (counted === undefined ? delivery.ack() : delivery.reject(true, { counted }));
      });

      await reaches(4);

      assert.deepEqual(
        got.map(delivery => delivery.message.headers['x-delivery-count']),
        [undefined, 1, 1, 2],
      );
    });

    test('a consumer that is to take nothing takes nothing until it may', async t => {
      const { transport, work, send, own } = await start(t);
      await send('a', 'b');
      const { reaches, got, consumer } = await collect(transport, [work], TAKE_NOTHING);
      await quiet();
      assert.equal(got.length, 0);
      assert.equal(await transport.size(own), 2);

      consumer.setPrefetch(1);
      await reaches(1);
      consumer.setPrefetch(TAKE_NOTHING);
      await got[0]!.ack();
      await quiet();

      assert.equal(got.length, 1);
      assert.equal(await transport.size(own), 1);
    });

    test('a message rejected without requeue is dropped', async t => {
      const { transport, work, send, own } = await start(t);
      await send('a');
      const { reaches, consumer } = await collect(transport, [work]);

      await (await reaches(1))[0]!.reject(false);

      assert.equal(await consumer.close(), 0);
      assert.equal(await transport.size(own), 0);
    });

    test('only the first of ack and reject counts', async t => {
      const { transport, work, send, own } = await start(t);
      await send('a', 'b');
      const { reaches, consumer, got } = await collect(transport, [work]);
      const [a, b] = await reaches(2);

      await Promise.all([a!.ack(), a!.reject(true), a!.ack()]);
      await Promise.all([b!.reject(false), b!.ack(), b!.reject(true)]);
      await quiet();

      assert.equal(got.length, 2);
      assert.equal(consumer.held, 0);
      assert.equal(await consumer.close(), 0);
      assert.equal(await transport.size(own), 0);
    });

    test('messages of a noAck queue are settled when they arrive', async t => {
      const { transport, own, send } = await start(t);
      await send('a', 'b', 'c');
      const { reaches, consumer } = await collect(transport, [queue(own, { noAck: true })], 1);

      const got = await reaches(3);
      await got[0]!.ack();

      assert.ok(got.every(delivery => delivery.settled));
      assert.equal(consumer.held, 0);
      assert.equal(await consumer.close(), 0);
      assert.equal(await transport.size(own), 0);
    });

    test('what cannot be read is delivered with the problem, and settles like anything else', async t => {
      const { transport, pushRaw, work, own, send } = await start(t);
      if (pushRaw === undefined) return t.skip('nothing but messages fits into this broker');
      await pushRaw(own, '{"body": "not the whole');
      await send('good');

      const { reaches } = await collect(transport, [work]);
      const got = await reaches(2);
      const bad = got.find(delivery => delivery.problem !== undefined);
      await Promise.all(got.map(delivery => delivery.ack()));

      assert.equal(bad!.problem!.code, 'DECODE');
      assert.equal(bad!.queue, own);
      assert.ok(textOf(bad!).includes('not the whole'));
      assert.ok(got.some(delivery => !delivery.problem && textOf(delivery) === 'good'));
      assert.equal(await transport.size(own), 0);
    });
  });

  describe(`${name}: prefetch`, () => {
    test('no more than the prefetch count are out, and an ack makes room for one', async t => {
      const { transport, work, send } = await start(t);
      await send('a', 'b', 'c', 'd');
      const { got, consumer, reaches } = await collect(transport, [work], 2);

      await reaches(2);
      await quiet();
      assert.equal(got.length, 2);
      assert.equal(consumer.held, 2);

      await got[0]!.ack();
      await reaches(3);
      await quiet();
      assert.equal(got.length, 3);
    });

    test('it can be raised and lowered while the consumer runs', async t => {
      const { transport, work, send } = await start(t);
      await send('a', 'b', 'c', 'd', 'e');
      const { got, consumer, reaches } = await collect(transport, [work], 1);
      await reaches(1);

      consumer.setPrefetch(3);
      await reaches(3);
      consumer.setPrefetch(1);
      await got[0]!.ack();
      await got[1]!.ack();
      await quiet();
      assert.equal(got.length, 3);

      await got[2]!.ack();
      await reaches(4);
      await quiet();
      assert.equal(got.length, 4);
    });

    test('0 is no limit', async t => {
      const { transport, work, own } = await start(t);
      const send = (_: unknown, i: number) => transport.publish(textMessage(String(i)), to(own));
      await Promise.all(Array.from({ length: 1200 }, send));

      const { reaches, consumer } = await collect(transport, [work], 0);
      await reaches(1200);

      assert.equal(consumer.held, 1200);
      assert.equal(await consumer.close(), 1200);
    });
  });

  describe(`${name}: priorities`, () => {
    test('lower numbers are served first, in steps of kombu; equals in order of arrival', async t => {
      const { transport, work, own, isAmqp } = await start(t);
      if (isAmqp) return t.skip('the order is the other way round');
      for (const priority of [9, 5, 0, 7, 2, 3, 6]) {
        const properties = { delivery_mode: 2, priority };
        await transport.publish(textMessage(String(priority), { properties }), to(own));
      }

      const { reaches, texts } = await collect(transport, [work], 1, d => void d.ack());
      await reaches(7);

      assert.deepEqual(texts(), ['0', '2', '5', '3', '7', '6', '9']);
    });

    test('a message that comes back keeps its priority', async t => {
      const { transport, open, work, own, isAmqp } = await start(t);
      if (isAmqp) return t.skip('the order is the other way round');
      const publish = (body: string, priority: number) =>
        transport.publish(textMessage(body, { properties: { priority } }), to(own));
      await publish('low', 9);
      const first = await collect(transport, [work], 1);
      await first.reaches(1);
      await publish('high', 0);
      await first.consumer.close();

      const second = await collect(open(), [work], 1, d => void d.ack());
      await second.reaches(2);

      assert.deepEqual(second.texts(), ['high', 'low']);
    });
  });

  describe(`${name}: queues`, () => {
    test('a consumer of several queues serves them in turn', async t => {
      const { transport, create, own, isAmqp } = await start(t);
      const [one, two] = [`${own}-1`, `${own}-2`];
      await create(one, two);
      for (const name of [one, one, one, one, two, two]) {
        await transport.publish(textMessage(name), to(name));
      }

      const { got, reaches } = await collect(
        transport,
        [queue(one), queue(two)],
        1,
        d => void d.ack(),
      );
      await reaches(6);

      if (isAmqp) return; // in what order is the broker's affair
      const served = got.slice(0, 4).map(delivery => delivery.queue);
      assert.equal(served.filter(name => name === two).length, 2, `served ${served}`);
    });

    test('a queue can be added to a running consumer and cancelled again', async t => {
      const { transport, own, work, send } = await start(t);
      const other = queue(`${own}-other`);
      const { consumer, reaches, got } = await collect(transport, [other]);
      await send('a');

      await consumer.addQueue(work);
      await consumer.addQueue(work);
      const [delivery] = await reaches(1);
      assert.deepEqual([...consumer.queues].sort(), [work.name, other.name].sort());

      await consumer.cancelQueue(own);
      await consumer.cancelQueue(own);
      await send('b');
      await transport.publish(textMessage('c'), to(other.name));
      await reaches(2);
      await quiet();

      assert.deepEqual(consumer.queues, [other.name]);
      assert.deepEqual(got.map(textOf), ['a', 'c']);
      await delivery!.ack();
      assert.equal(await transport.size(own), 1);
    });

    test('a queue that is added twice at once is consumed once', async t => {
      const { transport, own } = await start(t);
      const news = queue(`${own}-news`, {
        exchange: exchange(`${own}-news`, 'fanout'),
        noAck: true,
      });
      const work = queue(`${own}-work`);
      const { consumer, reaches, texts } = await collect(transport, [queue(`${own}-first`)]);

      await Promise.all([work, work, news, news].map(each => consumer.addQueue(each)));

      await transport.publish(textMessage('once'), { exchange: news.exchange, routingKey: '' });
      await transport.publish(textMessage('work'), to(work.name));
      await reaches(2);
      await quiet();
      assert.deepEqual(texts().sort(), ['once', 'work']);
      assert.equal(consumer.queues.length, 3);
      await consumer.cancelQueue(news.name);
      await consumer.cancelQueue(work.name);
      await transport.publish(textMessage('twice'), { exchange: news.exchange, routingKey: '' });
      await transport.publish(textMessage('more'), to(work.name));
      await quiet();
      assert.deepEqual(texts().length, 2);
    });

    test('a queue that is added or cancelled is no news of the connection', async t => {
      const { transport, own, work } = await start(t);
      const { consumer } = await collect(transport, [work]);
      const heard: string[] = [];
      t.after(transport.onEvent(({ type }) => void heard.push(type)));

      for (const name of [`${own}-1`, `${own}-2`]) await consumer.addQueue(queue(name));
      await consumer.cancelQueue(`${own}-1`);
      await quiet();

      assert.deepEqual(heard, []);
    });

    test('a queue that goes with its consumer takes along what that held', async t => {
      const { transport, own } = await start(t);
      const fleeting = queue(`${own}-fleeting`, { autoDelete: true });
      const { consumer, reaches } = await collect(transport, [fleeting], 2);
      for (const text of ['a', 'b', 'c']) {
        await transport.publish(textMessage(text), to(fleeting.name));
      }
      await reaches(2);

      await consumer.cancel();
      await consumer.close();

      assert.equal(await transport.size(fleeting.name), 0);
    });

    test('a cancelled consumer takes nothing new and keeps what it holds', async t => {
      const { transport, own, work, send } = await start(t);
      await send('a', 'b');
      const { consumer, reaches, got } = await collect(transport, [work]);
      await reaches(2);

      await consumer.cancel();
      await consumer.cancel();
      await send('c');
      await quiet();

      assert.equal(got.length, 2);
      await got[0]!.ack();
      assert.equal(await transport.size(own), 1);
      assert.equal(await consumer.close(), 1);
      assert.equal(await consumer.close(), 0);
      assert.equal(await transport.size(own), 2);
    });

    test('size counts what waits, purge deletes only that', async t => {
      const { transport, own, work, send } = await start(t);
      assert.equal(await transport.size(own), 0);
      await send('a', 'b', 'c', 'd', 'e');
      const { consumer, reaches } = await collect(transport, [work], 2);
      const [first] = await reaches(2);

      assert.equal(await transport.size(own), 3);
      assert.equal(await transport.purge(own), 3);
      assert.equal(await transport.purge(own), 0);
      assert.equal(await transport.size(own), 0);

      await first!.ack();
      assert.equal(await consumer.close(), 1);
      assert.equal(await transport.size(own), 1);
    });

    test('a deleted queue forgets its messages and its bindings', async t => {
      const { transport, own } = await start(t);
      const direct = exchange(`${own}-exchange`);
      const bound = queue(own, { exchange: direct, routingKey: 'key' });
      await transport.declare(bound);
      await transport.publish(textMessage('a'), { exchange: direct, routingKey: 'key' });
      assert.equal(await transport.size(own), 1);

      await transport.delete(bound);
      await transport.delete(bound);
      await transport.publish(textMessage('b'), { exchange: direct, routingKey: 'key' });

      assert.equal(await transport.size(own), 0);
    });

    test('a queue can be declared again and again', async t => {
      const { transport, open, own, work, send } = await start(t);

      await transport.declare(work);
      await send('a');
      await transport.declare(work);
      await open().declare(work);

      assert.equal(await transport.size(own), 1);
    });
  });

  describe(`${name}: exchanges`, () => {
    test('a direct exchange gives a message to every queue bound with its routing key', async t => {
      const { transport, open, own } = await start(t);
      const direct = exchange(`${own}-direct`);
      const publish = (key: string) =>
        open().publish(textMessage(key), { exchange: direct, routingKey: key });
      for (const [name, key] of [
        ['one', 'red'],
        ['two', 'red'],
        ['three', 'blue'],
      ] as const) {
        await transport.declare(queue(`${own}-${name}`, { exchange: direct, routingKey: key }));
      }

      await publish('red');
      await publish('green');

      assert.equal(await transport.size(`${own}-one`), 1);
      assert.equal(await transport.size(`${own}-two`), 1);
      assert.equal(await transport.size(`${own}-three`), 0);
    });

    test('a delivery says by which exchange and routing key it came', async t => {
      const { transport, own } = await start(t);
      const direct = exchange(`${own}-direct`);
      const { reaches } = await collect(transport, [
        queue(own, { exchange: direct, routingKey: 'red' }),
      ]);

      await transport.publish(textMessage('x'), { exchange: direct, routingKey: 'red' });
      const [delivery] = await reaches(1);

      assert.deepEqual([delivery!.exchange, delivery!.routingKey], [direct.name, 'red']);
    });

    test('a message put back by a closed consumer returns to its own queue only', async t => {
      const { transport, own } = await start(t);
      const direct = exchange(`${own}-direct`);
      const one = queue(`${own}-1`, { exchange: direct, routingKey: 'red' });
      await transport.declare(one);
      const { reaches, consumer } = await collect(transport, [one]);
      await transport.publish(textMessage('x'), { exchange: direct, routingKey: 'red' });
      await reaches(1);

      assert.equal(await consumer.close(), 1);

      assert.equal(await transport.size(one.name), 1);
    });

    test('a topic exchange matches words with * and # as kombu does', async t => {
      const { transport, own } = await start(t);
      const topic = exchange(`${own}-topic`, 'topic');
      const patterns = { star: 'feed.*', hash: 'feed.#', all: '#', exact: 'feed.news', odd: 'a+b' };
      for (const [name, routingKey] of Object.entries(patterns)) {
        await transport.declare(queue(`${own}-${name}`, { exchange: topic, routingKey }));
      }

      for (const routingKey of ['feed.news', 'other', 'aab', 'a+b']) {
        await transport.publish(textMessage(routingKey), { exchange: topic, routingKey });
      }

      const sizes: Record<string, number> = {};
      for (const name of Object.keys(patterns))
        sizes[name] = await transport.size(`${own}-${name}`);
      assert.deepEqual(sizes, { star: 1, hash: 1, all: 4, exact: 1, odd: 1 });
    });

    test('a queue with several bindings gets what any of them matches, once', async t => {
      const { transport, own } = await start(t);
      const topic = exchange(`${own}-topic`, 'topic');
      const direct = exchange(`${own}-direct`);
      const bindings = [binding(topic, 'a.#'), binding(topic, '#.z'), binding(direct, 'red')];
      const bound = queue(`${own}-bound`, { bindings });
      await transport.declare(bound);

      for (const routingKey of ['a.z', 'b.z', 'c']) {
        await transport.publish(textMessage(routingKey), { exchange: topic, routingKey });
      }
      await transport.publish(textMessage('red'), { exchange: direct, routingKey: 'red' });

      const { reaches, texts } = await collect(transport, [bound]);
      await reaches(3);
      await quiet();
      assert.deepEqual(texts(), ['a.z', 'b.z', 'red']);
    });

    test('a mandatory message without a queue is refused, one with a queue is not', async t => {
      const { transport, own } = await start(t);
      const direct = exchange(`${own}-direct`);
      const fanout = exchange(`${own}-fanout`, 'fanout');
      const publish = (to: Exchange, routingKey: string, mandatory: boolean) =>
        transport.publish(textMessage('x'), { exchange: to, routingKey }, { mandatory });
      await transport.declare(queue(own, { exchange: direct, routingKey: 'red' }));
      await transport.declare(queue(`${own}-2`, { exchange: exchange(`${own}-topic`, 'topic') }));

      await publish(direct, 'red', true);
      await publish(direct, 'blue', false);
      await assert.rejects(publish(direct, 'blue', true), { code: 'UNROUTABLE' });
      await assert.rejects(publish(exchange(`${own}-topic`, 'topic'), 'x', true), Unroutable);

      assert.equal(await transport.size(own), 1);
      if (!transport.supportsFanout) return;
      await assert.rejects(publish(fanout, '', true), Unroutable);
      const listener = queue(`${own}-l`, { exchange: fanout, routingKey: '', autoDelete: true });
      const { reaches } = await collect(transport, [listener]);
      await publish(fanout, '', true);
      await reaches(1);
    });

    test('a headers exchange works or is refused by name', async t => {
      const { transport, own } = await start(t);
      if (transport.name === 'amqp') return t.skip('RabbitMQ has headers exchanges');
      const headers = exchange(`${own}-headers`, 'headers');
      const refusal = { code: 'CHANNEL', message: /headers exchange/ };

      await assert.rejects(transport.declare(queue(own, { exchange: headers })), refusal);
      const sent = transport.publish(textMessage('x'), { exchange: headers, routingKey: '' });
      await assert.rejects(sent, refusal);
    });

    test('who sends to a fanout exchange hears how many it reached, or nothing', async t => {
      const { transport, open, own } = await start(t);
      if (!transport.supportsFanout) return t.skip('this broker has no fanout');
      const fanout = exchange(`${own}-fanout`, 'fanout');
      const heard: number[] = [];
      const destination = { exchange: fanout, routingKey: '' };
      const publish = () =>
        transport.publish(textMessage('x'), destination, { onHeard: count => heard.push(count) });

      await publish();
      for (const name of ['a', 'b']) {
        const inbox = { exchange: fanout, routingKey: '', noAck: true, autoDelete: true };
        await collect(open(), [queue(`${own}-${name}`, inbox)]);
      }
      await publish();

      assert.deepEqual(heard, heard.length === 0 ? [] : [0, 2]);
    });

    test('a fanout exchange reaches every subscriber, and nobody twice', async t => {
      const { transport, open, own } = await start(t);
      if (!transport.supportsFanout) return t.skip('this broker has no fanout');
      const fanout = exchange(`${own}-fanout`, 'fanout');
      const other = exchange(`${own}-other`, 'fanout');
      const subscribe = (name: string, to = fanout) =>
        collect(open(), [
          queue(`${own}-${name}`, { exchange: to, routingKey: '', noAck: true, autoDelete: true }),
        ]);
      const subscribers = [await subscribe('a'), await subscribe('b'), await subscribe('c')];
      const stranger = await subscribe('d', other);

      const numbers = Array.from({ length: 20 }, (_, i) => String(i));
      const heard = new Set<number>();
      for (const n of numbers) {
        const destination = { exchange: fanout, routingKey: '' };
        await transport.publish(textMessage(n), destination, { onHeard: by => heard.add(by) });
      }
      await Promise.all(subscribers.map(subscriber => subscriber.reaches(20)));
      await quiet();

      // RabbitMQ does not tell
      assert.deepEqual([...heard], transport.name === 'amqp' ? [] : [3]);

      for (const subscriber of subscribers) assert.deepEqual(subscriber.texts(), numbers);
      assert.deepEqual(stranger.texts(), []);
    });

    test('a task sent to a fanout exchange reaches all its queues, whatever its key', async t => {
      const { transport, open, own } = await start(t);
      if (!transport.supportsFanout) return t.skip('this broker has no fanout');
      const fanout = exchange(`${own}-fanout`, 'fanout');
      const inboxes = await Promise.all(
        ['a', 'b'].map(name =>
          collect(open(), [queue(`${own}-${name}`, { exchange: fanout })], 9, d => void d.ack()),
        ),
      );

      for (const routingKey of ['', 'any', `${own}-a`, 'celery']) {
        await transport.publish(textMessage(routingKey), { exchange: fanout, routingKey });
      }

      for (const inbox of inboxes) {
        await inbox.reaches(4);
        await quiet();
        assert.deepEqual(inbox.texts().sort(), ['', 'any', 'celery', `${own}-a`].sort());
      }
    });

    test('who stops listening to a fanout exchange hears nothing more', async t => {
      const { transport, open, own } = await start(t);
      if (!transport.supportsFanout) return t.skip('this broker has no fanout');
      const fanout = exchange(`${own}-fanout`, 'fanout');
      const listen = (name: string) =>
        collect(open(), [queue(`${own}-${name}`, { exchange: fanout, noAck: true })]);
      const [stays, leaves] = [await listen('a'), await listen('b')];

      await leaves.consumer.close();
      await transport.publish(textMessage('x'), { exchange: fanout, routingKey: '' });
      await stays.reaches(1);
      await quiet();

      assert.equal(leaves.got.length, 0);
    });
  });

  describe(`${name}: connection`, () => {
    test('publish connects by itself', async t => {
      const { transport, send, own } = await start(t);
      assert.equal(transport.connected, false);

      await send('a');

      assert.equal(transport.connected, true);
      assert.equal(await transport.size(own), 1);
    });

    test('it can be closed twice, and before it was connected', async t => {
      const { transport, open } = await start(t);
      const never = open();
      await never.close();
      await never.close();

      await transport.connect();
      await transport.connect();
      await Promise.all([transport.close(), transport.close()]);
      await transport.close();

      assert.equal(transport.connected, false);
    });

    test('nothing is left running when it is closed', async t => {
      const { open, own, work } = await start(t);
      const resources = () => process.getActiveResourcesInfo().sort();
      const warmUp = open();
      await warmUp.connect();
      await warmUp.close();
      const before = resources();
      const transport = open();
      const { reaches } = await collect(transport, [work]);
      await transport.publish(textMessage('a'), to(own));
      await reaches(1);

      await transport.close();

      await eventually(() => {
        const left = resources();
        for (const kind of before) {
          const at = left.indexOf(kind);
          if (at >= 0) left.splice(at, 1);
        }
        assert.deepEqual(
          left.filter(kind => kind !== 'Timeout' || !before.includes(kind)),
          [],
        );
      });
    });
  });
}
