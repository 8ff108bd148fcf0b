/** Several processes on one SQLite file. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import type { TransportEvent } from '../../src/messaging/contract.ts';
import { queue } from '../../src/messaging/entities.ts';
import { tableNames } from '../../src/messaging/sqlite/schema.ts';
import { SqliteStore } from '../../src/messaging/sqlite/store.ts';
import { SqliteTransport } from '../../src/messaging/sqlite/transport.ts';
import { collect, quiet, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { startPeer } from '../support/sqlite-peer.ts';

const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => String(from + i));
const byNumber = (a: string, b: string) => Number(a) - Number(b);

async function setup(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-'));
  const file = join(folder, 'broker.db');
  const url = `sqla+sqlite:///${file}`;
  const transport = new SqliteTransport(url);
  const ends: (() => Promise<unknown>)[] = [() => transport.close()];
  t.after(async () => {
    for (const end of ends) await end();
    await rm(folder, { recursive: true });
  });
  const peer = async () => {
    const started = await startPeer(url, 'work');
    ends.push(() => started.kill());
    return started;
  };
  return { file, url, transport, peer, work: queue('work') };
}

describe('processes on one SQLite file', () => {
  test('what one process publishes another consumes', async t => {
    const { transport, peer, work } = await setup(t);
    const { reaches, texts } = await collect(transport, [work], 0, d => void d.ack());

    const other = await peer();
    await other.tell({ publish: numbers(300), concurrent: true });
    await reaches(300);

    assert.deepEqual(texts().sort(byNumber), numbers(300));
  });

  test('a waiting process is woken within milliseconds', async t => {
    const { peer } = await setup(t);
    const [sender, receiver] = [await peer(), await peer()];
    await receiver.tell({ consume: 0, ack: true });

    for (let i = 0; i < 40; i++) {
      await sender.tell({ publish: [String(i)], concurrent: false });
      await receiver.reaches(i + 1);
      await new Promise(resolve => setTimeout(resolve, 25));
    }

    const late = receiver.got.map(({ lateMs }) => lateMs).sort((a, b) => a - b);
    t.diagnostic(`median ${late[20]} ms, 95 % ${late[38]} ms, worst ${late[39]} ms`);
    assert.ok(late[20]! < 20, `median ${late[20]} ms`);
  });

  test('an idle consumer costs less than 1 % of a core', async t => {
    const { peer } = await setup(t);
    const idle = await peer();
    await idle.tell({ consume: 8, ack: true });
    await new Promise(resolve => setTimeout(resolve, 500));

    const before = await idle.tell({ cpu: true });
    const start = performance.now();
    await new Promise(resolve => setTimeout(resolve, 4000));
    const after = await idle.tell({ cpu: true });

    const used = after.user + after.system - before.user - before.system;
    const share = used / 1000 / (performance.now() - start);
    t.diagnostic(`${(share * 100).toFixed(2)} % of a core`);
    assert.ok(share < 0.01, `${(share * 100).toFixed(2)} %`);
  });

  test('the messages of a killed consumer come back within seconds, and none is lost', async t => {
    const { transport, peer, work } = await setup(t);
    const events: TransportEvent[] = [];
    transport.onEvent(event => events.push(event));
    for (const n of numbers(500)) await transport.publish(textMessage(n), route);
    const victim = await peer();
    await victim.tell({ consume: 300, ack: false });
    await victim.reaches(300);
    const survivor = await collect(transport, [work], 0, d => void d.ack());
    await survivor.reaches(200);

    await victim.kill();
    const killed = performance.now();
    await survivor.reaches(500);

    const seconds = (performance.now() - killed) / 1000;
    assert.ok(seconds < 5, `${seconds} s`);
    assert.deepEqual(survivor.texts().sort(byNumber), numbers(500));
    assert.equal(survivor.got.filter(delivery => delivery.redelivered).length, 300);
    const restored = events.filter(event => event.type === 'restored');
    assert.deepEqual(
      restored.map(event => event.count),
      [300],
    );
    await quiet();
    assert.equal(await transport.size('work'), 0);
  });

  test('four busy writers and two readers lose nothing and double nothing', async t => {
    const { transport, peer, work } = await setup(t);
    const { got, texts } = await collect(transport, [work], 20, d => void d.ack());
    const reader = await peer();
    await reader.tell({ consume: 20, ack: true });
    const writers = await Promise.all([peer(), peer(), peer(), peer()]);

    await Promise.all(
      writers.map((writer, i) =>
        writer.tell({ publish: numbers(500, i * 500), concurrent: i % 2 === 0 }),
      ),
    );
    await eventually(() => got.length + reader.got.length >= 2000, { seconds: 30 });
    await quiet();

    const all = [...texts(), ...reader.got.map(({ body }) => body)].sort(byNumber);
    assert.deepEqual(all, numbers(2000));
    assert.equal(await transport.size('work'), 0);
  });

  test('writing waits while another process holds the lock, without blocking the event loop', async t => {
    const { transport, file } = await setup(t);
    await transport.connect();
    const other = openSqlite(file);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);

    let isDone = false;
    const publishing = transport.publish(textMessage('x'), route).then(() => {
      isDone = true;
    });
    await new Promise(resolve => setTimeout(resolve, 300));
    assert.equal(isDone, false);
    assert.ok(ticks > 10, `${ticks} ticks`);
    clearInterval(ticking);
    other.exec('COMMIT');

    await publishing;
    assert.equal(await transport.size('work'), 1);
  });

  test('a lock that is never given back ends in OperationalError, and publishing works afterwards', async t => {
    const { file } = await setup(t);
    const transport = new SqliteTransport(`sqla+sqlite:///${file}?timeout=0.2`);
    t.after(() => transport.close());
    await transport.connect();
    const other = openSqlite(file);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');

    await assert.rejects(transport.publish(textMessage('x'), route), {
      name: 'OperationalError',
      message: /broker\.db is locked by another process/,
    });
    other.exec('ROLLBACK');
    await transport.publish(textMessage('y'), route);

    assert.equal(await transport.size('work'), 1);
  });

  test('a consumer that was taken for dead does not disturb whoever has its message now', async t => {
    const { transport, file, work } = await setup(t);
    const first = await collect(transport, [work]);
    await transport.publish(textMessage('x'), route);
    const [old] = await first.reaches(1);
    await first.consumer.cancel();
    const database = openSqlite(file);
    t.after(() => database.close());

    // What the others do to a consumer whose host was asleep for long.
    const store = new SqliteStore(database, tableNames({}));
    for (const { id } of store.holders()) store.removeHolder(id);
    await assert.rejects(old!.ack(), { code: 'CHANNEL' });
    const second = await collect(transport, [work]);
    const [again] = await second.reaches(1);

    assert.equal(again!.settled, false);
    assert.equal(first.consumer.held, 0);
    assert.equal(await first.consumer.close(), 0);
    assert.equal(await second.consumer.close(), 1);
    assert.equal(await transport.size('work'), 1);
  });

  test('a consumer of another host counts as dead when it shows no sign of life', async t => {
    const { transport, file, work } = await setup(t);
    await transport.publish(textMessage('x'), route);
    const database = openSqlite(file);
    t.after(() => database.close());
    database.exec(`
      INSERT INTO tscelery_holder (id, host, pid, started) VALUES (77, 'elsewhere', 1, '');
      INSERT INTO tscelery_lease SELECT id, 77 FROM kombu_message;
      UPDATE kombu_message SET visible = 0`);

    const started = performance.now();
    const { reaches } = await collect(transport, [work]);
    await eventually(() => reaches(1), { seconds: 20 });

    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 8 && seconds < 15, `${seconds} s`);
  });

  test('a message that somebody made visible again by hand is served', async t => {
    const { transport, file, url, work } = await setup(t);
    await transport.publish(textMessage('x'), route);
    const first = await collect(transport, [work]);
    await first.reaches(1);
    await transport.close();
    const database = openSqlite(file);
    t.after(() => database.close());
    database.exec(`
      UPDATE kombu_message SET visible = 0; DELETE FROM tscelery_ready;
      UPDATE kombu_message SET visible = 1`);

    const other = new SqliteTransport(url);
    t.after(() => other.close());
    const second = await collect(other, [work]);

    assert.deepEqual((await second.reaches(1)).length, 1);
  });

  test('a new database belongs to its user alone', async t => {
    const { transport, file } = await setup(t);

    await transport.publish(textMessage('secret'), route);

    for (const suffix of ['', '-wal', '-shm']) {
      const { mode } = await stat(file + suffix);
      assert.equal(mode & 0o777, 0o600, `${suffix} ${mode.toString(8)}`);
    }
  });
});

const route = {
  exchange: { name: '', type: 'direct', durable: true, autoDelete: false, arguments: {} },
  routingKey: 'work',
} as const;
