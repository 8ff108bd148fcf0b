import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import type { ScheduleStore } from '../../src/schedule-stores/contract.ts';
import { openScheduleStore } from '../../src/schedule-stores/open.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { loaded, made, storeContract } from './schedule-store.contract.ts';

let redis: RedisServer;
before(async () => {
  redis = await startRedis({ password: 's3cret' });
});
after(() => redis.stop());

const SETTINGS: Readonly<Record<string, unknown>> = {
  broker_connection_timeout: 4,
  broker_transport_options: {},
  result_backend_transport_options: {},
  beat_store_key: 'celery',
};

async function open(
  t: TestContext,
  name: string,
  settings: Record<string, unknown>,
): Promise<ScheduleStore> {
  const quiet = () => {};
  const store = await openScheduleStore(name, {
    filename: '',
    enableUtc: true,
    context: { timezone: 'UTC', now: () => Date.now() / 1000 },
    logger: { debug: quiet, info: quiet, warning: quiet, error: quiet },
    setting: each => settings[each] ?? SETTINGS[each],
  });
  await store!.start();
  t.after(() => store!.stop());
  return store!;
}

const folder = async (t: TestContext) => {
  const path = await mkdtemp(join(tmpdir(), 'tscelery-schedule-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
};

storeContract('Redis', async t => {
  const key = randomUUID();
  const client = redis.client();
  return {
    open: () => open(t, 'database', { beat_store_url: redis.url, beat_store_key: key }),
    damage: async name => {
      await client.hset(`tscelery-schedule:${key}:entries`, name, '{"schedule":{"every":');
    },
  };
});

storeContract('SQLite', async t => {
  const path = join(await folder(t), 'schedule.db');
  return {
    open: () => open(t, 'tscelery:DatabaseScheduler', { beat_store_url: `sqlite:///${path}` }),
    damage: async name => {
      const database = openSqlite(path);
      const sql = 'UPDATE tscelery_schedule_entry SET definition = ? WHERE name = ?';
      database.prepare(sql).run('{"task": 5}', name);
      database.close();
    },
  };
});

describe('where a shared schedule is kept', () => {
  it('is with the messages, or else with the results, unless it is said', async t => {
    const file = join(await folder(t), 'of.db');
    const amqp = 'amqp://guest@localhost//';

    const withBroker = await open(t, 'database', { broker_url: redis.url });
    const withResults = await open(t, 'database', {
      broker_url: amqp,
      result_backend: `db+sqlite:///${file}`,
    });

    assert.match(withBroker.info, /^\. db -> redis:\/\/:\*\*@127\.0\.0\.1:\d+\/0$/);
    assert.equal(withResults.info, `. db -> ${file}`);
    await assert.rejects(open(t, 'database', { broker_url: amqp, result_backend: 'rpc://' }), {
      message: /needs beat_store_url/,
    });
    await assert.rejects(open(t, 'database', { beat_store_url: 'rediss3://:pw@host' }), {
      message: /"rediss3:\/\/:\*\*@host" cannot keep a schedule\. Did you mean "?rediss"?/,
    });
    await assert.rejects(open(t, 'database', { beat_store_url: 'sqlite://' }), {
      message: /has to be a file/,
    });
  });

  it('may be emptied: beat puts there again what the code has', async t => {
    const client = redis.client();
    const key = randomUUID();
    const store = await open(t, 'database', { beat_store_url: redis.url, beat_store_key: key });
    await store.putCode([made('a', 10, { origin: 'code' })]);

    await client.del(...(await client.keys(`tscelery-schedule:${key}:*`)));

    assert.deepEqual([...(await loaded(store)).keys()], ['a']);
  });
});
