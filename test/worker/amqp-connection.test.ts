import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import { ChannelError, OperationalError } from '../../src/drivers/errors.ts';
import type { Delivery, TransportOptions } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, type Queue, queue } from '../../src/messaging/entities.ts';
import { collect, textMessage, textOf } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openAmqp, type RabbitmqServer, startRabbitmq } from '../support/rabbitmq.ts';
import { freePort } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let server: RabbitmqServer;
before(async () => {
  server = await startRabbitmq();
});
after(() => server.stop());

const to = (name: string) => ({ exchange: DEFAULT_EXCHANGE, routingKey: name });
const ackAll = (delivery: Delivery) => void delivery.ack().catch(() => {});

async function consuming(
  t: TestContext,
  options: { url?: string; queue?: Partial<Queue>; transport?: Partial<TransportOptions> } = {},
) {
  const opened = openAmqp(t, options.url ?? server.url, options.transport);
  const work = queue(`q-${randomUUID().slice(0, 8)}`, options.queue);
  const other = openAmqp(t, server.url).transport;
  /** From another connection, which may have to be made anew. */
  const send = (body: string) =>
    eventually(
      async () => {
        await other.declare(work);
        await other.publish(textMessage(body), to(work.name));
        return true;
      },
      { seconds: 20 },
    );
  const closeConnections = () =>
    server.eval('rabbit_networking:close_all_connections("closed by a test").');
  return { ...opened, work, own: work.name, send, closeConnections };
}

const isOperational = (text: RegExp) => (error: Error) => {
  assert.ok(error instanceof OperationalError);
  assert.match(error.message, text);
  return true;
};

/** Resolves when a warning or event matches. */
const seesEvent = (types: () => string[], type: string, times = 1, seconds = 30) =>
  eventually(() => assert.ok(types().filter(seen => seen === type).length >= times), { seconds });

describe('a connection to RabbitMQ', () => {
  test('that the server closes comes back, and what was consumed is consumed again', async t => {
    const { transport, work, send, events, eventTypes, closeConnections } = await consuming(t);
    const second = queue(`${work.name}-2`, { autoDelete: true, exclusive: true, durable: false });
    const { texts } = await collect(transport, [work], 1, ackAll);
    const others = await collect(transport, [second], 1, ackAll);

    await closeConnections();
    await seesEvent(eventTypes, 'consuming');
    await send('after');

    await eventually(() => assert.deepEqual(texts(), ['after']));
    await transport.publish(textMessage('too'), to(second.name));
    await eventually(() => assert.deepEqual(others.texts(), ['too']));
    assert.deepEqual(
      eventTypes().filter(type => type !== 'retrying'),
      ['connected', 'lost', 'connected', 'consuming'],
    );
    const consumed = events.at(-1);
    assert.ok(consumed?.type === 'consuming');
    assert.deepEqual([...consumed.queues].sort(), [work.name, second.name].sort());
  });

  test('takes what was held with it: it comes again, and settling it tells', async t => {
    const { transport, work, send, eventTypes, closeConnections } = await consuming(t);
    await send('a');
    const { got, reaches, consumer } = await collect(transport, [work], 1);
    const [held] = await reaches(1);

    await closeConnections();
    await reaches(2);

    assert.equal(held!.lost, true);
    assert.equal(got[1]!.redelivered, true);
    assert.notEqual(held!.tag, got[1]!.tag);
    await assert.rejects(held!.ack(), ChannelError);
    await got[1]!.ack();
    assert.equal(consumer.held, 0);
    await seesEvent(eventTypes, 'consuming');
    assert.equal(await transport.size(work.name), 0);
  });

  test('survives a broker that is killed and started again', async t => {
    const { transport, work, own, send, eventTypes } = await consuming(t);
    await send('before');
    const { texts } = await collect(transport, [work], 1, ackAll);
    await eventually(() => assert.deepEqual(texts(), ['before']));
    // durable and confirmed, so it has to be there afterwards
    await transport.publish(textMessage('kept'), to(`${own}`));
    await eventually(() => assert.equal(texts().length, 2));

    await server.kill();
    await assert.rejects(transport.publish(textMessage('refused'), to(own)), OperationalError);
    await seesEvent(eventTypes, 'retrying');
    await server.restart();
    await seesEvent(eventTypes, 'consuming', 1, 60);
    await send('after');

    await eventually(() => assert.ok(texts().includes('after')));
  });

  test('that is silent is replaced, though TCP and heartbeat notice nothing yet', async t => {
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const { transport, work, send, events, eventTypes } = await consuming(t, {
      url: `amqp://127.0.0.1:${proxy.port}//`,
      transport: { heartbeat: 0 },
    });
    const { texts } = await collect(transport, [work], 1, ackAll);

    proxy.blackHole();
    await seesEvent(eventTypes, 'consuming', 1, 40);
    await send('after');

    await eventually(() => assert.deepEqual(texts(), ['after']));
    const lost = events.find(event => event.type === 'lost');
    assert.match(lost!.error.message, /no answer within \d+ s/);
  });

  test('a message is not lost nor taken for sent when the broker goes silent under it', async t => {
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const { transport, work, own } = await consuming(t, {
      url: `amqp://127.0.0.1:${proxy.port}//`,
    });
    await transport.declare(work);

    proxy.blackHole();
    const sent = transport.publish(textMessage('x'), to(own));

    await assert.rejects(sent, (error: Error) => {
      assert.ok(error instanceof OperationalError && error.recoverable);
      return true;
    });
    await transport.publish(textMessage('y'), to(own));
    assert.equal(await transport.size(own), 1);
  });

  test('a hundred resets in a row end with every message consumed once it settles', async t => {
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const { transport, work, send } = await consuming(t, {
      url: `amqp://127.0.0.1:${proxy.port}//`,
    });
    const { texts } = await collect(transport, [work], 3, ackAll);
    const count = 100;

    for (let i = 0; i < count; i++) {
      await send(String(i));
      if (i % 5 === 0) proxy.drop();
    }

    await eventually(() => assert.equal(new Set(texts()).size, count), { seconds: 30 });
    await eventually(async () => assert.equal(await transport.size(work.name), 0));
  });

  test('closes quickly while it cannot be made', async t => {
    const port = await freePort();
    const { transport } = openAmqp(t, `amqp://127.0.0.1:${port}//`);
    await assert.rejects(transport.connect(), OperationalError);

    const start = performance.now();
    await transport.close();

    assert.ok(performance.now() - start < 1000);
  });

  test('goes to the next broker of a list', async t => {
    const port = await freePort();
    const urls = `amqp://127.0.0.1:${port}//;${server.url}`;
    for (const failoverStrategy of ['round-robin', 'shuffle']) {
      const { transport } = openAmqp(t, urls, { failoverStrategy });

      await eventually(() => transport.connect().then(() => true));

      assert.equal(await transport.size('none'), 0);
    }
  });

  test('with a wrong password or virtual host is refused for good, without the password', async t => {
    for (const [url, reason] of [
      [`amqp://guest:hush-hush@127.0.0.1:${server.port}//`, /refuses.*Login was refused/],
      [`amqp://guest:guest@127.0.0.1:${server.port}/nowhere`, /refuses.*nowhere/],
    ] as const) {
      const { transport } = openAmqp(t, url);

      await assert.rejects(transport.connect(), (error: Error & { recoverable?: boolean }) => {
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /hush-hush/);
        assert.equal(error.recoverable, false);
        return true;
      });
    }
  });

  test('can be made with AMQPLAIN', async t => {
    const { transport } = openAmqp(t, server.url, { loginMethod: 'AMQPLAIN' });

    await transport.connect();

    assert.equal(transport.connected, true);
  });

  test('tells the broker who we are', async t => {
    const { transport } = openAmqp(t, server.url, { connectionName: 'the worker of a test' });
    await transport.connect();

    const listed = await server.ctl('list_connections', 'client_properties');

    assert.match(listed, /"the worker of a test"/);
    assert.match(listed, /"product","tscelery"/);
  });
});

describe('a consumer on RabbitMQ', () => {
  test('whose queue is deleted declares it again and goes on', async t => {
    const { transport, work, own, send, warnings, eventTypes } = await consuming(t);
    const { texts } = await collect(transport, [work], 1, ackAll);

    await openAmqp(t, server.url).transport.delete(work);
    await seesEvent(eventTypes, 'consuming');
    await send('after');

    await eventually(() => assert.deepEqual(texts(), ['after']));
    assert.ok(warnings().some(text => text.includes(own) && text.includes('deleted')));
  });

  test('loses only its channel when a message is held too long, and gets it again', async t => {
    await server.eval(
      'application:set_env(rabbit, consumer_timeout, 1000), application:set_env(rabbit, channel_tick_interval, 500).',
    );
    t.after(() =>
      server.eval(
        'application:set_env(rabbit, consumer_timeout, 1800000), application:set_env(rabbit, channel_tick_interval, 60000).',
      ),
    );
    const { transport, work, send, warnings, eventTypes } = await consuming(t);
    await send('slow');
    const { got, reaches } = await collect(transport, [work], 1);
    const other = await collect(transport, [queue(`${work.name}-2`)], 1, ackAll);

    await reaches(2);

    assert.equal(got[0]!.lost, true);
    assert.equal(got[1]!.redelivered, true);
    await got[1]!.ack();
    await seesEvent(eventTypes, 'consuming');
    assert.ok(warnings().some(text => /channel was lost.*acknowledgement.*timed out/.test(text)));
    assert.ok(!eventTypes().includes('lost'));
    await transport.publish(textMessage('x'), to(`${work.name}-2`));
    await other.reaches(1);
    assert.equal(await transport.size(work.name), 0);
  });

  test('of a queue that belongs to another connection waits until that is gone', async t => {
    const exclusive = { exclusive: true, durable: false, autoDelete: true, noAck: true };
    const { transport, work, warnings } = await consuming(t, { queue: exclusive });
    const first = openAmqp(t, server.url).transport;
    await collect(first, [work]);

    const { texts } = await collect(transport, [work]);
    await eventually(() => assert.ok(warnings().some(text => text.includes('RESOURCE_LOCKED'))));
    await first.close();

    await eventually(async () => {
      await transport.publish(textMessage('x'), to(work.name));
      assert.ok(texts().length > 0);
    });
  });

  test('of a queue that somebody else declared otherwise is refused by name', async t => {
    const { transport, own } = await consuming(t);
    await transport.declare(queue(own, { maxPriority: 5 }));

    await assert.rejects(
      collect(openAmqp(t, server.url).transport, [queue(own)]),
      new RegExp(`declaring queue "${own}": PRECONDITION_FAILED`),
    );
  });

  test('hears when the broker is out of memory, and its acks are taken nevertheless', async t => {
    const { transport, work, own, send, warnings } = await consuming(t);
    await send('a');
    const { reaches } = await collect(transport, [work], 1);
    const [delivery] = await reaches(1);
    await transport.publish(textMessage('b'), to(own));

    await server.ctl('set_vm_memory_high_watermark', '0.00001');
    const restore = () => server.ctl('set_vm_memory_high_watermark', '0.4');
    try {
      const blocked = transport.publish(textMessage('c'), to(own));
      await eventually(() => assert.ok(warnings().some(text => text.includes('has blocked'))));
      await delivery!.ack();
      await reaches(2);
      await restore();
      await blocked;
    } finally {
      await restore();
    }

    await eventually(() =>
      assert.ok(warnings().some(text => text.includes('takes messages again'))),
    );
  });

  test('of a worker that starts while the broker is out of memory takes what waits', async t => {
    const { transport: other, own, work } = await consuming(t);
    await other.declare(work);
    await other.publish(textMessage('a'), to(own));
    await server.ctl('set_vm_memory_high_watermark', '0.00001');
    const restore = () => server.ctl('set_vm_memory_high_watermark', '0.4');
    try {
      const { transport } = openAmqp(t, server.url, { consumes: true });
      // what a worker tells of itself before it consumes
      const told = transport.publish(textMessage('online'), to(`${own}.events`));
      const { reaches } = await collect(transport, [work]);
      const [delivery] = await reaches(1);
      await delivery!.ack();
      await restore();
      await told;
    } finally {
      await restore();
    }
  });

  test('that the broker has blocked gives a message up after confirm_timeout, and says why', async t => {
    const { transport, own, warnings, work } = await consuming(t, {
      transport: { transportOptions: { confirm_timeout: 1 } },
    });
    await transport.declare(work);
    await transport.publish(textMessage('a'), to(own));
    await server.ctl('set_vm_memory_high_watermark', '0.00001');
    const restore = () => server.ctl('set_vm_memory_high_watermark', '0.4');
    try {
      const onItsWay = transport.publish(textMessage('b'), to(own));
      await assert.rejects(
        onItsWay,
        isOperational(/blocked.*memory.*within 1 s; whether it will is/),
      );
      await assert.rejects(
        transport.publish(textMessage('c'), to(own)),
        isOperational(/blocked.*memory.*within 1 s; it was not sent/),
      );
      assert.match(warnings().join(), /has blocked the connection.*memory/);
    } finally {
      await restore();
    }

    await transport.publish(textMessage('d'), to(own));
    const { texts } = await collect(transport, [work]);
    await eventually(() => assert.deepEqual(texts(), ['a', 'b', 'd']));
  });

  test('that says everything but the confirmation gives the message up after confirm_timeout', async t => {
    const { transport, own, work } = await consuming(t, {
      transport: { transportOptions: { confirm_timeout: 0.5 } },
    });
    await transport.declare(work);
    await transport.publish(textMessage('a'), to(own));
    const suspend = (verb: string) =>
      server.eval(`[sys:${verb}(Channel) || Channel <- rabbit_channel:list()].`);
    await suspend('suspend');

    await assert.rejects(
      transport.publish(textMessage('b'), to(own)),
      isOperational(/did not confirm the message within 0.5 s/),
    );

    await suspend('resume');
    await transport.publish(textMessage('c'), to(own));
  });

  test('settles many messages out of order, each exactly once', async t => {
    const { transport, work, own } = await consuming(t);
    await transport.declare(work);
    const count = 2000;
    const bodies = Array.from({ length: count }, (_, i) => String(i));
    await Promise.all(bodies.map(body => transport.publish(textMessage(body), to(own))));
    const { got, reaches, consumer } = await collect(transport, [work], 0);
    await reaches(count);

    // every seventh stays, every fifth is dropped, the others are acknowledged in turns
    const kept = new Set(bodies.filter((_, i) => i % 7 === 0));
    const turns = Promise.all(
      got.map(async (delivery, i) => {
        for (let turn = (i * 7919) % 13; turn > 0; turn--) await new Promise(setImmediate);
        if (kept.has(textOf(delivery))) return;
        await (i % 5 === 0 ? delivery.reject(false) : delivery.ack());
      }),
    );
    await turns;

    assert.equal(consumer.held, kept.size);
    assert.equal(await consumer.close(), kept.size);
    assert.equal(await transport.size(own), kept.size);
    const again = await collect(transport, [work], 0);
    await again.reaches(kept.size);
    assert.deepEqual(new Set(again.texts()), kept);
  });
});
