/** Python's kombu and our transport on the same SQLite file. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { SqliteTransport } from '../../src/messaging/sqlite/transport.ts';
import { collect, textMessage, textOf } from '../contract/transport.contract.ts';
import { python, pythonCelery } from '../support/python.ts';

const PUT = `
from kombu import Connection
with Connection(data['url'], transport_options=data.get('options', {})) as connection:
    simple = connection.SimpleQueue('work')
    for item in data['items']:
        simple.put(item['body'], priority=item.get('priority', 0))
`;

const GET = `
from kombu import Connection
out = []
with Connection(data['url'], transport_options=data.get('options', {})) as connection:
    simple = connection.SimpleQueue('work')
    for _ in range(data['count']):
        message = simple.get(timeout=10)
        out.append([message.payload, message.headers, bool(message.delivery_info.get('redelivered'))])
        message.ack()
    try:
        simple.get(block=False)
        out.append('too much')
    except simple.Empty:
        pass
`;

async function setup(t: TestContext, options: Record<string, unknown> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-'));
  const file = join(folder, 'broker.db');
  const url = `sqla+sqlite:///${file}`;
  const transport = new SqliteTransport(url, options);
  t.after(async () => {
    await transport.close();
    await rm(folder, { recursive: true });
  });
  const send = (body: unknown, priority = 0) =>
    transport.publish(
      textMessage(JSON.stringify(body), { headers: { id: 'h' }, properties: { priority } }),
      { exchange: DEFAULT_EXCHANGE, routingKey: 'work' },
    );
  const put = (...items: { body: unknown; priority?: number }[]) =>
    python(PUT, { url, items, options });
  const get = (count: number) =>
    python<[unknown, Record<string, unknown>, boolean][]>(GET, { url, count, options });
  return { file, url, transport, send, put, get, work: queue('work') };
}

const hasPython = await pythonCelery();

describe('Python on the same SQLite file', { skip: hasPython ? false : 'no Python Celery' }, () => {
  test('what Python publishes into its own new file we consume', async t => {
    const { transport, put, work } = await setup(t);
    await put({ body: { n: 1, text: 'é 🐰' } }, { body: { n: 2 } });

    const { reaches } = await collect(transport, [work]);
    const [first, second] = await reaches(2);

    assert.deepEqual(JSON.parse(textOf(first!)), { n: 1, text: 'é 🐰' });
    assert.deepEqual(JSON.parse(textOf(second!)), { n: 2 });
    assert.equal(first!.message.contentType, 'application/json');
    assert.equal(first!.problem, undefined);
  });

  test('what Python publishes wakes a consumer of ours', async t => {
    const { transport, put, work } = await setup(t);
    const { reaches, consumer } = await collect(transport, [work], 1, d => void d.ack());

    await put({ body: 'a' }, { body: 'b' }, { body: 'c' });

    assert.deepEqual((await reaches(3)).map(textOf), ['a', 'b', 'c']);
    assert.equal(await consumer.close(), 0);
    assert.equal(await transport.size('work'), 0);
  });

  test('we serve what Python publishes by its priority', async t => {
    const { transport, put, work, send } = await setup(t);
    await put({ body: 'low', priority: 9 }, { body: 'high', priority: 0 });
    await send('middle', 5);

    const { reaches } = await collect(transport, [work], 1, d => void d.ack());

    assert.deepEqual((await reaches(3)).map(textOf), ['high', '"middle"', 'low']);
  });

  test('what we publish into our own new file Python consumes', async t => {
    const { send, get, transport } = await setup(t);
    await send({ n: 1, text: 'é 🐰' });
    await send([2]);

    const got = await get(2);

    assert.deepEqual(got, [
      [{ n: 1, text: 'é 🐰' }, { id: 'h' }, false],
      [[2], { id: 'h' }, false],
    ]);
    assert.equal(await transport.size('work'), 0);
  });

  test('Python does not see what a consumer of ours holds, and gets it first when it is put back', async t => {
    const { transport, send, get, work } = await setup(t);
    await send('a');
    await send('b');
    const { consumer, reaches } = await collect(transport, [work], 1);
    await reaches(1);

    assert.deepEqual(
      (await get(1)).map(([body]) => body),
      ['b'],
    );
    await consumer.close();

    const [again] = await get(1);
    assert.equal(again![0], 'a');
    assert.equal(again![2], true);
  });

  test('we do not serve again what Python took, even if we knew of it before', async t => {
    const { transport, send, get, work } = await setup(t);
    await send('a');
    await send('b');
    await send('c');
    const first = await collect(transport, [work], 1);
    await first.reaches(1);
    await first.consumer.cancel();
    assert.equal((await get(1))[0]![0], 'b');

    const second = await collect(transport, [work]);

    assert.deepEqual((await second.reaches(1)).map(textOf), ['"c"']);
  });

  test('the tables are the same whoever makes them', async t => {
    const [ours, theirs] = [await setup(t), await setup(t)];
    await ours.transport.connect();
    await theirs.put();

    const schema = (file: string) => {
      const database = openSqlite(file);
      const rows = database
        .prepare(
          "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name LIKE 'kombu_%' ORDER BY name",
        )
        .all() as { sql: string | null }[];
      database.close();
      return rows.map(row => ({ ...row, sql: row.sql?.trim() }));
    };

    assert.deepEqual(schema(ours.file), schema(theirs.file));
  });

  test('queue_tablename and message_tablename mean the same tables on both sides', async t => {
    const options = { queue_tablename: 'my_queues', message_tablename: 'my_messages' };
    const { transport, put, send, get, work } = await setup(t, options);
    await put({ body: 'from python' });
    const { reaches, consumer } = await collect(transport, [work], 0, d => void d.ack());
    assert.equal(textOf((await reaches(1))[0]!), 'from python');
    await consumer.close();

    await send('from here');

    assert.equal((await get(1))[0]![0], 'from here');
  });

  test('Python and we consume one queue at the same time and lose nothing', async t => {
    const { transport, url, send, work } = await setup(t);
    // Slow enough that a queue forms and Python gets its share.
    const ours = await collect(transport, [work], 1, delivery => {
      setTimeout(() => void delivery.ack(), 5);
    });
    let isRunning = true;
    const python20 = python<number[]>(TAKE, { url, count: 20 }).finally(() => {
      isRunning = false;
    });

    let sent = 0;
    while (isRunning) {
      await Promise.all([0, 1, 2].map(() => send(sent++)));
      await new Promise(resolve => setTimeout(resolve, 3));
    }
    const theirs = await python20;
    ours.consumer.setPrefetch(0);
    await ours.reaches(sent - 20);

    const all = [...ours.texts().map(Number), ...theirs].sort((a, b) => a - b);
    assert.deepEqual(
      all,
      Array.from({ length: sent }, (_, i) => i),
    );
  });
});

/** Takes messages as fast as it can, waiting for nobody. */
const TAKE = `
import time
from kombu import Connection
out = []
with Connection(data['url']) as connection:
    simple = connection.SimpleQueue('work')
    while len(out) < data['count']:
        try:
            message = simple.get(block=False)
            out.append(message.payload)
            message.ack()
        except simple.Empty:
            time.sleep(0.001)
`;
