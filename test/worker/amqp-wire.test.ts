import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import { connect } from 'amqplib/callback_api';
import { ChannelError, Unroutable } from '../../src/drivers/errors.ts';
import type { AmqpChannel, AmqpConnection } from '../../src/messaging/amqp/driver.ts';
import { DEFAULT_EXCHANGE, exchange, type Queue, queue } from '../../src/messaging/entities.ts';
import { EncodeError } from '../../src/wire/errors.ts';
import { collect, quiet, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openAmqp, type RabbitmqServer, startRabbitmq } from '../support/rabbitmq.ts';

let server: RabbitmqServer;
before(async () => {
  server = await startRabbitmq();
});
after(() => server.stop());

const unique = () => `q-${randomUUID().slice(0, 8)}`;
const to = (name: string) => ({ exchange: DEFAULT_EXCHANGE, routingKey: name });

async function declared(t: TestContext, options: Partial<Queue> = {}) {
  const opened = openAmqp(t, server.url);
  const work = queue(unique(), options);
  await opened.transport.declare(work);
  return { ...opened, work, own: work.name };
}

/** A client of the library as it is: another program. */
async function foreign(t: TestContext): Promise<AmqpChannel> {
  const connection = await new Promise<AmqpConnection>((resolve, reject) =>
    connect(server.url, (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  t.after(() => new Promise<void>(resolve => connection.close(() => resolve())));
  return new Promise((resolve, reject) =>
    connection.createChannel((error, channel) => (error ? reject(error) : resolve(channel))),
  );
}

describe('messages on RabbitMQ', () => {
  test('have the bytes, properties and headers that were given, and no others', async t => {
    const { transport, own } = await declared(t);
    const properties = {
      correlation_id: 'c',
      reply_to: 'r',
      delivery_mode: 2,
      priority: 3,
      expiration: '60000',
      app_id: 'app',
    };
    const headers = { task: 'a', timelimit: [300, 250] };
    await transport.publish(textMessage('[[], {}]', { headers, properties }), to(own));

    const channel = await foreign(t);
    const got = await eventually(
      () =>
        new Promise<false | { properties: Record<string, unknown>; content: Buffer }>(resolve =>
          channel.get(own, { noAck: true }, (_, message) => resolve(message as never)),
        ),
    );

    assert.ok(got);
    assert.equal(got.content.toString(), '[[], {}]');
    assert.deepEqual(JSON.parse(JSON.stringify(got.properties)), {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers,
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '60000',
      appId: 'app',
    });
  });

  test('of another program without any property are delivered as kombu reads them', async t => {
    const { transport, own, work } = await declared(t);
    (await foreign(t)).sendToQueue(own, Buffer.from([0, 255]));

    const { reaches } = await collect(transport, [work]);
    const [delivery] = await reaches(1);

    assert.equal(delivery!.problem, undefined);
    assert.equal(delivery!.message.contentType, 'application/data');
    assert.equal(delivery!.message.contentEncoding, 'binary');
    assert.deepEqual(delivery!.message.headers, {});
    assert.deepEqual(delivery!.message.body, new Uint8Array([0, 255]));
  });

  test('with a text that is no UTF-8 keep their bytes', async t => {
    const { transport, own, work } = await declared(t);
    const content = { contentType: 'application/json', contentEncoding: 'utf-8' };
    (await foreign(t)).sendToQueue(own, Buffer.from([0x22, 0xff, 0x22]), content);

    const { reaches } = await collect(transport, [work]);

    assert.deepEqual((await reaches(1))[0]!.message.body, new Uint8Array([0x22, 0xff, 0x22]));
  });

  test('whose headers are nested too deep are a problem of their own, and settle', async t => {
    const { transport, own, work } = await declared(t);
    let deep: object = {};
    for (let level = 0; level < 1000; level++) deep = { k: deep };
    const channel = await foreign(t);
    channel.sendToQueue(own, Buffer.from('bad'), { headers: { task: 'a', deep } });
    channel.sendToQueue(own, Buffer.from('good'));

    const { reaches } = await collect(transport, [work]);
    const [bad, good] = await reaches(2);
    await Promise.all([bad!.reject(false), good!.ack()]);

    assert.equal(bad!.problem!.code, 'DECODE');
    assert.match(bad!.problem!.message, /deeper/);
    assert.equal(bad!.message.headers.task, 'a');
    assert.equal(good!.problem, undefined);
    assert.equal(await transport.size(own), 0);
  });

  test('of the library as it is are read, and the library stays as it is', async t => {
    const { transport, own, work } = await declared(t);
    const channel = await foreign(t);
    channel.sendToQueue(own, Buffer.from('x'), { headers: { short: 300, byte: 5, wide: 2 ** 40 } });

    const { reaches } = await collect(transport, [work]);

    const [delivery] = await reaches(1);
    assert.deepEqual(delivery!.message.headers, { short: 300, byte: 5, wide: 2 ** 40 });
  });

  test('that AMQP cannot carry are refused without harm to others', async t => {
    const { transport, own } = await declared(t);
    const headers = { task: 'a', stamp: 'x'.repeat(70_000) };

    const results = await Promise.allSettled([
      transport.publish(textMessage('one'), to(own)),
      transport.publish(textMessage('two', { headers }), to(own)),
      transport.publish(textMessage('three', { properties: { priority: 1000 } }), to(own)),
      transport.publish(textMessage('four'), to(own)),
    ]);

    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    );
    const { reason } = results[1] as PromiseRejectedResult;
    assert.ok(reason instanceof EncodeError, reason);
    assert.match(reason.message, /task a over AMQP: .*65536 bytes/);
    assert.equal(await transport.size(own), 2);
  });
});

describe('mandatory messages', () => {
  test('without a queue are refused, with one they are not, however many are on their way', async t => {
    const { transport, own } = await declared(t);
    const options = { mandatory: true };
    const names = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? `${own}-none` : own));

    const results = await Promise.allSettled(
      names.map(name => transport.publish(textMessage(name), to(name), options)),
    );

    results.forEach((result, i) => {
      assert.equal(result.status, names[i] === own ? 'fulfilled' : 'rejected');
      if (result.status === 'rejected') assert.ok(result.reason instanceof Unroutable);
    });
    const [first] = results as [PromiseRejectedResult];
    assert.match(first.reason.message, new RegExp(`routing key "${own}-none"`));
    assert.equal(await transport.size(own), names.filter(name => name === own).length);
  });

  test('that nobody asked about vanish without a word, as in Python', async t => {
    const { transport, own } = await declared(t);

    await transport.publish(textMessage('x'), to(`${own}-none`));
  });
});

describe('declarations', () => {
  test('carry their options to the broker', async t => {
    const { own } = await declared(t, {
      expires: 600,
      messageTtl: 30,
      maxPriority: 10,
      maxLength: 5,
      maxLengthBytes: 1_000_000,
      queueArguments: { 'x-overflow': 'reject-publish' },
    });

    const listed = await server.ctl('list_queues', '--no-table-headers', 'name', 'arguments');

    const row = listed.split('\n').find(line => line.startsWith(own))!;
    for (const part of [
      '"x-expires",600000',
      '"x-message-ttl",30000',
      '"x-max-priority",10',
      '"x-max-length",5',
      '"x-max-length-bytes",1000000',
      '"x-overflow","reject-publish"',
    ]) {
      assert.ok(row.includes(part), `${part} in ${row}`);
    }
  });

  test('of several bindings lead to the queue by each of them', async t => {
    const topic = exchange(`${unique()}-topic`, 'topic');
    const fanout = exchange(`${unique()}-fanout`, 'fanout');
    const { transport, own } = await declared(t, {
      exchange: topic,
      routingKey: 'a.#',
      bindings: [
        { exchange: topic, routingKey: 'b.*' },
        { exchange: fanout, routingKey: '' },
      ],
    });

    for (const routingKey of ['a.b.c', 'b.c', 'c']) {
      await transport.publish(textMessage(routingKey), { exchange: topic, routingKey });
    }
    await transport.publish(textMessage('all'), { exchange: fanout, routingKey: '' });

    assert.equal(await transport.size(own), 3);
  });

  test('of a headers exchange match by arguments', async t => {
    const headers = exchange(`${unique()}-headers`, 'headers');
    const { transport, own } = await declared(t, {
      exchange: headers,
      routingKey: '',
      bindingArguments: { 'x-match': 'all', kind: 'a', size: 300 },
    });

    for (const size of [300, 301]) {
      await transport.publish(textMessage('x', { headers: { kind: 'a', size } }), {
        exchange: headers,
        routingKey: '',
      });
    }

    assert.equal(await transport.size(own), 1);
  });

  test('that contradict what is there are refused by name, and nothing else suffers', async t => {
    const { transport, work, own, eventTypes } = await declared(t);
    const { got, reaches } = await collect(transport, [work]);

    await assert.rejects(transport.declare(queue(own, { durable: false })), (error: Error) => {
      assert.ok(error instanceof ChannelError);
      assert.match(error.message, new RegExp(`declaring queue "${own}": PRECONDITION_FAILED`));
      return true;
    });

    await transport.publish(textMessage('still'), to(own));
    await reaches(1);
    await got[0]!.ack();
    assert.deepEqual(eventTypes(), ['connected']);
  });

  test('bound to an exchange of another type are refused by name', async t => {
    const { transport, own } = await declared(t);
    await transport.declare(queue(own, { exchange: exchange(`${own}-x`, 'topic') }));

    await assert.rejects(
      transport.declare(queue(own, { exchange: exchange(`${own}-x`, 'fanout') })),
      new RegExp(`declaring exchange "${own}-x": PRECONDITION_FAILED`),
    );
  });

  test('a message for an exchange that was deleted is refused, and the next creates it', async t => {
    const { transport, own } = await declared(t);
    const gone = exchange(`${own}-gone`);
    const destination = { exchange: gone, routingKey: 'k' };
    await transport.publish(textMessage('creates it'), destination);
    const channel = await foreign(t);
    await new Promise<void>(resolve => channel.deleteExchange(gone.name, {}, () => resolve()));

    await assert.rejects(
      transport.publish(textMessage('lost'), destination),
      new RegExp(`no exchange "${gone.name}"`),
    );

    await transport.publish(textMessage('creates it again'), destination);
    await transport.publish(textMessage('others go on'), to(own));
    assert.equal(await transport.size(own), 1);
  });

  test('a queue that was deleted meanwhile is created again for the next message', async t => {
    const { transport, own } = await declared(t);
    const { transport: other } = openAmqp(t, server.url);
    await transport.publish(textMessage('one'), to(own));
    await other.delete(queue(own));

    await transport.publish(textMessage('two'), to(own));

    assert.equal(await transport.size(own), 1);
  });
});

describe('queues with priorities', () => {
  test('serve the highest first, and equals in order of arrival', async t => {
    const { transport, own, work } = await declared(t, { maxPriority: 10 });
    for (const [i, priority] of [0, 9, 5, 9, 0].entries()) {
      const properties = { priority, delivery_mode: 2 };
      await transport.publish(textMessage(`${priority}-${i}`, { properties }), to(own));
    }

    const { reaches, texts } = await collect(transport, [work], 1, d => void d.ack());
    await reaches(5);

    assert.deepEqual(texts(), ['9-1', '9-3', '5-2', '0-0', '0-4']);
  });

  test('give a consumer of higher priority its messages first', async t => {
    const { transport, own, work } = await declared(t);
    const low = await collect(transport, [work], 2);
    const high = await collect(
      transport,
      [{ ...work, consumerArguments: { 'x-priority': 10 } }],
      2,
    );

    for (const body of ['a', 'b', 'c']) await transport.publish(textMessage(body), to(own));
    await high.reaches(2);
    await low.reaches(1);

    assert.deepEqual(high.texts(), ['a', 'b']);
  });
});

describe('quorum queues', () => {
  const QUORUM = { queueArguments: { 'x-queue-type': 'quorum' } };
  const send = async (
    transport: ReturnType<typeof openAmqp>['transport'],
    own: string,
    count: number,
  ) => {
    for (let i = 0; i < count; i++) await transport.publish(textMessage(String(i)), to(own));
  };

  test('keep to the prefetch count while it is raised, lowered and raised again', async t => {
    const { transport, own, work } = await declared(t, QUORUM);
    await send(transport, own, 12);
    const { got, consumer, reaches } = await collect(transport, [work], 2);
    await reaches(2);
    await quiet();
    assert.equal(got.length, 2);

    consumer.setPrefetch(5);
    await reaches(5);
    await quiet();
    assert.equal(got.length, 5);

    consumer.setPrefetch(2);
    for (const delivery of got.slice(0, 3)) await delivery.ack();
    await quiet();
    assert.equal(got.length, 5);

    await got[3]!.ack();
    await got[4]!.ack();
    await reaches(7);
    await quiet();
    assert.equal(got.length, 7);

    consumer.setPrefetch(4);
    await reaches(9);
    await quiet();
    assert.equal(consumer.held, 4);
    assert.equal(await consumer.close(), 4);
  });

  test('are served to the end with any prefetch count', async t => {
    const { transport, own, work } = await declared(t, QUORUM);
    await send(transport, own, 300);

    const { reaches, consumer, texts } = await collect(transport, [work], 3, d => void d.ack());
    for (let i = 0; i < 50; i++) {
      consumer.setPrefetch(1 + (i % 7));
      await reaches(6 * i);
    }
    await reaches(300);

    assert.equal(new Set(texts()).size, 300);
    await eventually(async () => assert.equal(await transport.size(own), 0));
  });

  test('count deliveries themselves', async t => {
    const { transport, own, work } = await declared(t, QUORUM);
    await send(transport, own, 1);

    let left = 2;
    const { reaches, got } = await collect(transport, [work], 1, delivery => {
      void (left-- > 0 ? delivery.reject(true, { counted: true }) : delivery.ack());
    });
    await reaches(3);

    assert.deepEqual(
      got.map(delivery => delivery.message.headers['x-delivery-count']),
      [undefined, 1, 2],
    );
    assert.deepEqual(
      got.map(delivery => delivery.redelivered),
      [false, true, true],
    );
  });

  test('can join a classic queue whose messages are held', async t => {
    const { transport, own, work } = await declared(t, QUORUM);
    const classic = queue(unique());
    const { reaches, consumer, texts } = await collect(transport, [classic], 2);
    await transport.publish(textMessage('classic'), to(classic.name));
    await reaches(1);

    await consumer.addQueue(work);
    await send(transport, own, 1);

    await reaches(2);
    assert.deepEqual(texts().sort(), ['0', 'classic']);
    assert.deepEqual([...consumer.queues].sort(), [classic.name, own].sort());
  });

  test('can join classic queues that share a prefetch count', async t => {
    const { transport, own, work } = await declared(t, QUORUM);
    const classic = queue(unique());
    const { reaches, consumer, texts } = await collect(transport, [classic, queue(unique())], 2);
    await transport.publish(textMessage('classic'), to(classic.name));
    await reaches(1);

    await consumer.addQueue(work);
    await send(transport, own, 1);

    // the one that was held comes again, because the channel had to be replaced
    await reaches(3);
    assert.deepEqual(texts().sort(), ['0', 'classic', 'classic']);
    assert.ok(consumer.queues.includes(own));
  });
});
