/** A queue whose messages others take the moment they come, as idle Python workers do. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import type { Delivery } from '../../src/messaging/contract.ts';
import { queue } from '../../src/messaging/entities.ts';
import { encodeEnvelope } from '../../src/wire/messages/envelope.ts';
import { textMessage, textOf } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { contest, startRival } from '../support/redis-rival.ts';
import { byNumber, numbers, openRedis, toQueue, uniquePrefix } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TYPESCRIPT } from '../support/typescript.ts';

const HOLDER = fileURLToPath(new URL('../fixtures/redis-holder.ts', import.meta.url));
const NINE = '\x06\x169';
const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000));

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

const envelope = (text: string) =>
  encodeEnvelope(textMessage(text), { exchange: '', routingKey: 'work', deliveryTag: text });
/** What a list holds, first in line first. */
const bodies = async (list: string) =>
  (await server.client().lrange(list, 0, -1))
    .reverse()
    .map(text => Buffer.from(JSON.parse(text).body, 'base64').toString());

interface BenchOptions {
  prefetch?: number;
  url?: string;
  acksOnArrival?: (delivery: Delivery) => boolean;
  transportOptions?: Record<string, unknown>;
  /** What is done with each delivery; without it they are held. */
  onDelivery?: (delivery: Delivery) => void;
}

async function bench(t: TestContext, options: BenchOptions = {}) {
  const prefix = uniquePrefix();
  const transportOptions = { global_keyprefix: prefix, ...options.transportOptions };
  const { transport } = openRedis(t, options.url ?? server.url, { transportOptions });
  const publisher = openRedis(t, server.url, { transportOptions }).transport;
  const got: Delivery[] = [];
  const consumer = await transport.consume([queue('work')], {
    prefetch: options.prefetch ?? 8,
    onDeliveries: deliveries => {
      got.push(...deliveries);
      for (const delivery of deliveries) options.onDelivery?.(delivery);
    },
    acksOnArrival: options.acksOnArrival,
  });
  const client = server.client();
  const list = `${prefix}work`;
  return {
    ...{ prefix, list, transport, consumer, got, client },
    texts: () => got.map(textOf),
    send: (text: string, priority = 0) =>
      publisher.publish(textMessage(text, { properties: { priority } }), toQueue('work')),
    /** Lets a rival win until the consumer takes; resolves with its inboxes. */
    contest: (lists = [list]) =>
      contest(t, server, {
        ...{ prefix, lists, count: () => got.length },
        send: each => client.lpush(each, envelope('early')),
      }),
    leftovers: () => client.keys(`${prefix}tscelery*`),
  };
}

const ack = (delivery: Delivery) => void delivery.ack();

interface Taking {
  readonly client: Redis;
  readonly list: string;
  readonly inbox: string;
  readonly send: (text: string) => Promise<unknown>;
}

/** Keeps the consumer from hearing of what it takes; `mend` undoes it. */
interface Cut {
  cut(): void;
  mend(): void;
}

/** Has the consumer take a message of which it does not get to know. */
async function takeUnheard({ client, list, inbox, send }: Taking, text: string, cut: Cut) {
  await eventually(async () => {
    cut.cut();
    await send(text);
    if ((await client.llen(inbox)) === 1) return;
    await client.rpop(list);
    cut.mend();
    await pause(0.05);
    assert.fail('it was between two takes');
  });
}

describe('a Redis queue beside consumers that take at once', () => {
  for (const promptly of [false, true]) {
    const how = promptly ? 'acknowledged on arrival' : 'acknowledged later';
    test(`gives an idle consumer of ours its share, ${how}`, async t => {
      const { list, got, send } = await bench(t, {
        onDelivery: ack,
        acksOnArrival: () => promptly,
      });
      const rival = await startRival(t, server, [list]);

      for (const n of numbers(40)) {
        await send(n);
        await eventually(() => got.length + rival.got.length === Number(n) + 1);
        await pause(0.02);
      }

      const ours = got.map(textOf);
      assert.ok(ours.length >= 12 && ours.length <= 28, `${ours.length} of 40 were ours`);
      assert.equal(got.filter(({ settled }) => settled).length, ours.length);
      const theirs = rival.got.map(text => Buffer.from(JSON.parse(text).body, 'base64').toString());
      assert.deepEqual([...ours, ...theirs].sort(byNumber), numbers(40));
    });
  }

  test('is looked at again when the others have been gone for a while', async t => {
    const { list, send, got, contest } = await bench(t, { onDelivery: ack });
    await contest();
    const before = got.length;
    for (const n of numbers(60)) {
      await send(n);
      await eventually(() => got.length === before + Number(n) + 1);
    }

    const rival = await startRival(t, server, [list]);
    for (const n of [1, 2]) {
      await send('for who does not look');
      await eventually(() => rival.got.length + got.length === before + 60 + n);
      await pause(0.05);
    }

    // taking, we would have one of any two
    assert.equal(rival.got.length, 2);
  });

  test('has back what came for a consumer without room, in its list', async t => {
    const { list, got, client, contest } = await bench(t, {
      prefetch: 1,
      onDelivery: delivery => textOf(delivery) === 'early' && ack(delivery),
    });
    const high = `${list}${NINE}`;
    const inboxes = await contest([list, high]);
    const waiting = async () => [...(await bodies(list)), ...(await bodies(high))];
    const givenBack = async () =>
      Number(/cmdstat_lmove:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    const before = await givenBack();

    // both lists have a take that waits, but for the moment between two of them
    await eventually(async () => {
      const had = got.length;
      await client.multi().lpush(list, envelope('one')).lpush(high, envelope('two')).exec();
      await eventually(async () => {
        assert.equal(got.length, had + 1);
        assert.deepEqual([...(await waiting()), textOf(got[had]!)].sort(), ['one', 'two']);
        assert.equal(await client.exists(...inboxes), 0);
      });
      ack(got[had]!);
      await eventually(() => got.length === had + 2);
      ack(got[had + 1]!);
      return (await givenBack()) > before;
    });
  });

  test('has them back in their order, before all others', async t => {
    const { list, got, client, send, contest } = await bench(t, {
      prefetch: 1,
      onDelivery: delivery => textOf(delivery) === 'early' && ack(delivery),
    });
    const [inbox] = await contest();
    await send('held');
    await eventually(() => textOf(got.at(-1)!) === 'held');
    await send('4');

    // as takes of a connection would that was cut off
    for (const n of ['1', '2', '3']) await client.lpush(inbox!, envelope(n));

    await eventually(async () => assert.deepEqual(await bodies(list), ['1', '2', '3', '4']));
    assert.equal(textOf(got.at(-1)!), 'held');
  });

  test('keeps what comes after a cancel, and a stop leaves nothing behind', async t => {
    const { list, consumer, got, send, contest, leftovers, transport } = await bench(t, {
      onDelivery: ack,
    });
    await contest();
    const before = got.length;

    await consumer.cancel();
    await send('late');
    assert.deepEqual(await bodies(list), ['late']);
    const left = await leftovers();
    assert.deepEqual(
      left.filter(key => key.includes('.inbox')),
      [],
    );
    await transport.close();

    assert.equal(got.length, before);
    assert.deepEqual(await bodies(list), ['late']);
    assert.deepEqual(await leftovers(), []);
  });

  test('keeps what comes after the queue was cancelled, while another is consumed', async t => {
    const { list, consumer, got, send, contest, client, prefix } = await bench(t, {
      onDelivery: ack,
    });
    await consumer.addQueue(queue('other'));
    const [inbox] = await contest();
    const before = got.length;

    await consumer.cancelQueue('work');
    await send('late');

    assert.deepEqual(await bodies(list), ['late']);
    assert.deepEqual(await client.keys(`${prefix}tscelery.unacked.inbox*`), []);
    assert.equal(await client.exists(inbox!), 0);
    assert.equal(got.length, before);
    await consumer.addQueue(queue('work'));
    await eventually(() => textOf(got.at(-1)!) === 'late');
  });

  test('has back what was taken while the consumer was cancelled', async t => {
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const url = `redis://127.0.0.1:${proxy.port}/0`;
    const { list, consumer, got, send, contest, client, leftovers, transport } = await bench(t, {
      ...{ url, onDelivery: ack },
    });
    const inbox = (await contest())[0]!;
    const before = got.length;
    const cut = { cut: () => proxy.pause(), mend: () => proxy.resume() };
    await takeUnheard({ client, list, inbox, send }, 'taken', cut);

    const cancelled = consumer.cancel();
    proxy.resume();
    await cancelled;

    assert.deepEqual(await bodies(list), ['taken']);
    assert.equal(got.length, before);
    await transport.close();
    assert.deepEqual(await leftovers(), []);
  });

  test('loses nothing that was taken over a connection that nobody hears from', async t => {
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const url = `redis://127.0.0.1:${proxy.port}/0`;
    const { list, texts, send, contest, client } = await bench(t, {
      ...{ url, onDelivery: ack, transportOptions: { socket_timeout: 0.5 } },
    });
    const inbox = (await contest())[0]!;
    const cut = { cut: () => proxy.pause(), mend: () => proxy.resume() };
    await takeUnheard({ client, list, inbox, send }, 'lost?', cut);
    proxy.blackHole();
    proxy.resume();

    await eventually(() => assert.ok(texts().includes('lost?')), { seconds: 15 });
    await pause(2.5);
    assert.equal(texts().filter(text => text === 'lost?').length, 1);
  });

  test('needs no permission to end what blocks others', async t => {
    await server.client().acl('SETUSER', 'plain', 'on', '>pw', '~*', '&*', '+@all', '-client');
    const { list, consumer, send, contest, transport, leftovers } = await bench(t, {
      ...{ url: `redis://plain:pw@127.0.0.1:${server.port}/0`, onDelivery: ack },
    });
    await contest();

    await consumer.cancel();
    await send('late');

    assert.deepEqual(await bodies(list), ['late']);
    await transport.close();
    assert.deepEqual(await leftovers(), []);
  });
});

/** A process that consumes `work`, takes from it and holds two messages. */
async function takingHolder(t: TestContext) {
  const prefix = uniquePrefix();
  const list = `${prefix}work`;
  const client = server.client();
  const child: ChildProcess = spawn(
    process.execPath,
    [...TYPESCRIPT, HOLDER, server.url, prefix, 'work', '0'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on('line', line => lines.push(line));
  const consumers = `${prefix}tscelery.unacked.consumers`;
  await eventually(async () => (await client.zcard(consumers)) === 1, { seconds: 30 });
  const send = (text: string) => client.lpush(list, envelope(text));
  const held = () => Number(lines.at(-1) ?? 0);
  const lists = [list];
  const inboxes = await contest(t, server, {
    ...{ prefix, lists, count: held },
    send: () => send('early'),
  });
  return { prefix, list, client, child, lines, consumers, send, held, inbox: inboxes[0]! };
}

const frozen = (child: ChildProcess): Cut => ({
  cut: () => child.kill('SIGSTOP'),
  mend: () => child.kill('SIGCONT'),
});

// Most of the time is waiting for heartbeats to grow old.
describe('a consumer that took and is gone before it could claim', { concurrency: true }, () => {
  test('has it given back, killed: behind what it held, before what came later, unmarked', async t => {
    const holder = await takingHolder(t);
    const { prefix, list, child, client, send, inbox, consumers, held } = holder;
    const already = held();
    await send('held');
    await eventually(() => held() === already + 1);
    await takeUnheard(holder, 'taken', frozen(child));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const transportOptions = { global_keyprefix: prefix };
    const other = openRedis(t, server.url, { transportOptions });
    await other.transport.consume([queue('other')], { prefetch: 1, onDeliveries: () => {} });

    await send('later');
    await eventually(async () => (await client.llen(list)) === already + 3, { seconds: 30 });

    assert.deepEqual((await bodies(list)).slice(-3), ['held', 'taken', 'later']);
    const texts = (await client.lrange(list, 0, 1)).map(text => JSON.parse(text).headers);
    assert.deepEqual(texts, [{}, {}]);
    await eventually(async () => (await client.zcard(consumers)) === 1);
    // nothing can be taken into it any more, whatever is still on its way
    await assert.rejects(client.blmove(list, inbox, 'RIGHT', 'LEFT', 1), /WRONGTYPE/);
    assert.equal(await client.llen(list), already + 3);
  });

  test('has it given back when it was closed while the list could not be written to', async t => {
    const { list, client, prefix, contest, transport } = await bench(t, { onDelivery: ack });
    const [inbox] = await contest();
    await client.set(list, 'no list');
    await client.lpush(inbox!, envelope('taken'));
    await transport.close();
    await client.del(list);

    const other = openRedis(t, server.url, { transportOptions: { global_keyprefix: prefix } });
    await other.transport.consume([queue('other')], { prefetch: 1, onDeliveries: () => {} });

    await eventually(async () => assert.deepEqual(await bodies(list), ['taken']), { seconds: 30 });
  });

  test('does not get it when it wakes up after it was buried, and takes again later', async t => {
    const holder = await takingHolder(t);
    const { prefix, list, child, client, send, held, inbox, lines } = holder;
    const already = held();
    await takeUnheard(holder, 'taken', frozen(child));
    const transportOptions = { global_keyprefix: prefix };
    const other = openRedis(t, server.url, { transportOptions });
    await other.transport.consume([queue('other')], { prefetch: 1, onDeliveries: () => {} });
    await eventually(async () => (await client.llen(list)) === already + 1, { seconds: 30 });
    assert.equal((await bodies(list)).at(-1), 'taken');
    await client.del(list);
    const before = lines.length;

    child.kill('SIGCONT');
    await send('fresh');

    await eventually(() => held() === 1 && lines.length > before);
    assert.deepEqual(lines.slice(before), ['1']);
    assert.equal(await client.hlen(`${prefix}unacked`), 1);
    assert.equal(await client.type(inbox), 'none');
  });
});
