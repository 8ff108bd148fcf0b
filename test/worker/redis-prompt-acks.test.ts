import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Delivery } from '../../src/messaging/contract.ts';
import { queue } from '../../src/messaging/entities.ts';
import { textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openRedis, toQueue, uniquePrefix } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy, type Watcher } from '../support/tcp-proxy.ts';

let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

/** An idle consumer behind a proxy, whose messages may be acknowledged when they arrive. */
async function idleConsumer(t: TestContext, acksOnArrival: (delivery: Delivery) => boolean) {
  const proxy = await startTcpProxy(redis.port);
  t.after(() => proxy.close());
  const prefix = uniquePrefix();
  const transportOptions = { global_keyprefix: prefix };
  const near = openRedis(t, redis.url, { transportOptions }).transport;
  const behindProxy = `redis://127.0.0.1:${proxy.port}/0`;
  const far = openRedis(t, behindProxy, { transportOptions }).transport;
  const arrived: Delivery[] = [];
  const consumer = await far.consume([queue('q')], {
    prefetch: 8,
    onDeliveries: deliveries => arrived.push(...deliveries),
    acksOnArrival,
  });
  const client = redis.client();
  await eventually(async () => /cmd=blmove/.test(String(await client.client('LIST'))));
  return {
    arrived,
    consumer,
    watch: (watcher: Watcher) => proxy.watch(watcher),
    send: (text: string) => near.publish(textMessage(text), toQueue('q')),
    waiting: () => client.llen(`${prefix}q`),
    unacked: () => client.hlen(`${prefix}unacked`),
    /** Whether anything at all is left that a consumer once held. */
    leftovers: async () => {
      const keys = await client.keys(`${prefix}*`);
      return keys.filter(key => /\.held\.|unacked(_index)?$/.test(key));
    },
  };
}

const isClaim = (bytes: Buffer) => bytes.includes('evalsha') || bytes.includes('EVALSHA');
const isClaimReply = (bytes: Buffer) => bytes[0] === 0x2a && bytes.includes('"headers"');

describe('an idle Redis consumer', () => {
  it('is given a message settled when it would be acknowledged at once', async t => {
    const { arrived, send, waiting, leftovers } = await idleConsumer(t, () => true);

    await send('one');

    await eventually(() => arrived.length === 1);
    assert.equal(arrived[0]?.settled, true);
    await arrived[0]?.ack();
    assert.equal(await waiting(), 0);
    await eventually(async () => (await leftovers()).length === 0);
  });

  it('is given a message to settle when the answer is no', async t => {
    const { arrived, send, unacked } = await idleConsumer(t, () => false);

    await send('one');

    await eventually(() => arrived.length === 1);
    assert.equal(arrived[0]?.settled, false);
    assert.equal(await unacked(), 1);
    await arrived[0]?.ack();
    assert.equal(await unacked(), 0);
  });

  it('gets the message once when the reply to its claim is lost', async t => {
    const { arrived, send, watch, waiting, leftovers } = await idleConsumer(t, () => true);
    let lost = 0;
    watch((bytes, from) =>
      from === 'server' && isClaimReply(bytes) && lost++ === 0 ? 'reset' : 'pass',
    );

    await send('one');

    await eventually(() => arrived.length > 0);
    assert.equal(lost > 0, true);
    assert.equal(arrived[0]?.settled, true);
    await send('two');
    await eventually(() => arrived.length > 1);
    assert.deepEqual(
      arrived.map(({ message }) => Buffer.from(String(message.body), 'base64').toString()),
      ['one', 'two'],
    );
    await Promise.all(arrived.map(delivery => delivery.ack()));
    assert.equal(await waiting(), 0);
    await eventually(async () => (await leftovers()).length === 0);
  });

  it('gets the message once when its claim never reached the server', async t => {
    const { arrived, send, watch, waiting, leftovers } = await idleConsumer(t, () => true);
    let lost = 0;
    watch((bytes, from) =>
      from === 'client' && isClaim(bytes) && bytes.includes('"headers"') && lost++ === 0
        ? 'reset'
        : 'pass',
    );

    await send('one');

    await eventually(() => arrived.length > 0);
    assert.equal(lost > 0, true);
    await Promise.all(arrived.map(delivery => delivery.ack()));
    await send('two');
    await eventually(() => arrived.length > 1);
    assert.deepEqual(
      arrived.map(({ message }) => Buffer.from(String(message.body), 'base64').toString()),
      ['one', 'two'],
    );
    await Promise.all(arrived.map(delivery => delivery.ack()));
    assert.equal(await waiting(), 0);
    await eventually(async () => (await leftovers()).length === 0);
  });

  it('puts the message back when it was cancelled while its claim was on the way', async t => {
    const { arrived, consumer, send, watch, waiting } = await idleConsumer(t, () => true);
    let cancelled: Promise<void> | undefined;
    watch((bytes, from) => {
      if (from === 'server' && isClaimReply(bytes)) cancelled ??= consumer.cancel();
      return 'pass';
    });

    await send('one');

    await eventually(() => cancelled !== undefined);
    await cancelled;
    assert.deepEqual(arrived, []);
    assert.equal(await waiting(), 1);
  });
});
