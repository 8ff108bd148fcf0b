import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { queue } from '../../src/messaging/entities.ts';
import { collect, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { numbers, openRedis, toQueue, uniquePrefix } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { TYPESCRIPT } from '../support/typescript.ts';

const HOLDER = fileURLToPath(new URL('../fixtures/redis-holder.ts', import.meta.url));
const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000));

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

/** A process that holds `count` messages. */
async function holder(t: TestContext, args: string[], count: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...TYPESCRIPT, HOLDER, server.url, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout! })) {
    if (Number(line) === count) return child;
  }
  throw new Error('the holder ended');
}

// Most of the time is waiting for heartbeats to grow old: together they take as long as one.
describe('dead consumers on Redis', { concurrency: true }, () => {
  test('messages of a killed process return to another within 20 s, first in line and in order', async t => {
    const prefix = uniquePrefix();
    const options = { transportOptions: { global_keyprefix: prefix } };
    const { transport, events } = openRedis(t, server.url, options);
    for (const n of numbers(5)) await transport.publish(textMessage(n), toQueue('work'));
    const child = await holder(t, [prefix, 'work', '3'], 3);
    const { got, texts, reaches } = await collect(transport, [queue('work')], 1);
    await reaches(1);
    assert.deepEqual(texts(), ['3']);

    child.kill('SIGKILL');
    await once(child, 'exit');
    const killed = performance.now();
    await eventually(() => events.some(event => event.type === 'restored'), { seconds: 30 });
    assert.ok(performance.now() - killed < 20_000);
    const settled = new Set<unknown>();
    await eventually(async () => {
      for (const delivery of got.filter(d => !settled.has(d))) {
        settled.add(delivery);
        await delivery.ack();
      }
      assert.equal(got.length, 5);
    });

    assert.deepEqual(texts(), ['3', '0', '1', '2', '4']);
    assert.deepEqual(
      got.map(delivery => delivery.redelivered),
      [false, true, true, true, false],
    );
    assert.deepEqual(
      got.map(delivery => delivery.message.headers['x-delivery-count']),
      [undefined, 1, 1, 1, undefined],
    );
    await Promise.all(got.map(delivery => delivery.ack()));
    const client = server.client();
    assert.equal(await client.zcard(`${prefix}tscelery.unacked.consumers`), 1);
    assert.equal(await client.hlen(`${prefix}unacked`), 0);
  });

  test('a dead process is buried once, however many others watch', async t => {
    const prefix = uniquePrefix();
    const options = { transportOptions: { global_keyprefix: prefix } };
    const [one, two, three] = [1, 2, 3].map(() => openRedis(t, server.url, options));
    for (const n of numbers(50)) await one!.transport.publish(textMessage(n), toQueue('work'));
    const child = await holder(t, [prefix, 'work', '0'], 50);
    const collectors = await Promise.all(
      [one!, two!, three!].map(({ transport }) => collect(transport, [queue('work')])),
    );

    child.kill('SIGKILL');
    await eventually(() => collectors.flatMap(c => c.got).length >= 50, { seconds: 30 });
    await pause(3);

    const texts = collectors.flatMap(c => c.texts());
    assert.deepEqual(
      texts.sort((a, b) => Number(a) - Number(b)),
      numbers(50),
    );
  });

  test('a server that stands still for 12 s makes nobody look dead', async t => {
    const prefix = uniquePrefix();
    const own = await startRedis();
    t.after(() => own.stop());
    const options = { transportOptions: { global_keyprefix: prefix, socket_timeout: 60 } };
    const [one, two] = [openRedis(t, own.url, options), openRedis(t, own.url, options)];
    for (const n of numbers(4)) await one.transport.publish(textMessage(n), toQueue('work'));
    const first = await collect(one.transport, [queue('work')], 2);
    const second = await collect(two.transport, [queue('work')], 2);
    await Promise.all([first.reaches(2), second.reaches(2)]);
    const pid = Number(/process_id:(\d+)/.exec(await own.client().info('server'))![1]);

    process.kill(pid, 'SIGSTOP');
    await pause(12);
    process.kill(pid, 'SIGCONT');
    await pause(8);

    assert.deepEqual(
      [...one.events, ...two.events].filter(event => event.type === 'restored'),
      [],
    );
    assert.equal(await own.client().hlen(`${prefix}unacked`), 4);
    assert.equal(first.got.length + second.got.length, 4);
  });
});
