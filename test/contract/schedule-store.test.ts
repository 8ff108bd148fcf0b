import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openElection } from '../../src/beat/leader/open.ts';
import { RedBeatElection } from '../../src/beat/leader/redbeat.ts';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { parseUrls } from '../../src/drivers/url.ts';
import type { ScheduleStore } from '../../src/schedule-stores/contract.ts';
import { openScheduleStore } from '../../src/schedule-stores/open.ts';
import { scheduleFromData } from '../../src/schedules/from-data.ts';
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
  now = () => Date.now() / 1000,
): Promise<ScheduleStore> {
  const quiet = () => {};
  const store = await openScheduleStore(name, {
    filename: '',
    enableUtc: true,
    context: { timezone: 'UTC', now },
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

storeContract('RedBeat', async t => {
  const prefix = `${randomUUID()}:`;
  const client = redis.client();
  return {
    open: () =>
      open(t, 'redbeat.RedBeatScheduler', {
        redbeat_redis_url: redis.url,
        redbeat_key_prefix: prefix,
      }),
    damage: async name => {
      await client.hset(prefix + name, 'definition', '{"task": "x", "schedule": ');
    },
    startsAtOnce: true,
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

describe("RedBeat's keys", () => {
  const NOW = 1_772_359_200.25;
  const start = async (t: TestContext) => {
    const prefix = `${randomUUID()}:`;
    const settings = { redbeat_redis_url: redis.url, redbeat_key_prefix: prefix };
    return { prefix, client: redis.client(), store: await open(t, 'redbeat', settings, () => NOW) };
  };

  it('are written as RedBeat writes them', async t => {
    const { prefix, client, store } = await start(t);
    const crontab = { minute: '0', hour: '4', day_of_week: '*' } as const;
    const rest = { day_of_month: '*', month_of_year: '*' } as const;
    const entry = made('nightly', 1, {
      schedule: scheduleFromData({ __type__: 'crontab', ...crontab, ...rest }),
      args: [1, 'é'],
      options: { queue: 'slow' },
      origin: 'code',
    });

    await store.putCode([entry]);
    await store.put(made('often', 30, { catchUp: 'none' }));
    await store.save([{ name: 'nightly', state: { lastRunAt: NOW, totalRunCount: 3 } }], 5);

    assert.deepEqual((await client.keys(`${prefix}*`)).sort(), [
      `${prefix}:schedule`,
      `${prefix}:statics`,
      `${prefix}:tscelery-token`,
      `${prefix}nightly`,
      `${prefix}often`,
    ]);
    assert.equal(
      await client.hget(`${prefix}nightly`, 'definition'),
      '{"name": "nightly", "task": "tasks.tick", "args": [1, "\\u00e9"], "kwargs": {}, ' +
        '"options": {"queue": "slow"}, "schedule": {"__type__": "crontab", "minute": "0", "hour": "4", ' +
        '"day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}, "enabled": true}',
    );
    assert.equal(
      await client.hget(`${prefix}nightly`, 'meta'),
      '{"last_run_at": {"__type__": "datetime", "year": 2026, "month": 3, "day": 1, "hour": 10, ' +
        '"minute": 0, "second": 0, "microsecond": 250000, "timezone": "UTC"}, "total_run_count": 3}',
    );
    assert.equal(
      await client.hget(`${prefix}often`, 'definition'),
      '{"name": "often", "task": "tasks.tick", "args": [], "kwargs": {}, "options": {}, ' +
        '"schedule": {"__type__": "interval", "every": 30, "relative": false}, "enabled": true}',
    );
    assert.equal(await client.hget(`${prefix}often`, 'tscelery'), '{"catch_up": "none"}');
    assert.deepEqual(await client.smembers(`${prefix}:statics`), ['nightly']);
    assert.deepEqual(await client.zrange(`${prefix}:schedule`, '0', '-1', 'WITHSCORES'), [
      `${prefix}often`,
      '1772359230',
      `${prefix}nightly`,
      String(Date.UTC(2026, 2, 2, 4) / 1000),
    ]);
  });

  it('are read as RedBeat has written them', async t => {
    const { prefix, client, store } = await start(t);
    const put = (name: string, schedule: string, meta: string) =>
      client
        .multi()
        .hset(`${prefix}${name}`, {
          definition: `{"name": "${name}", "task": "t", "args": [1], "kwargs": null, "options": {}, "schedule": ${schedule}, "enabled": true}`,
          meta,
        })
        .zadd(`${prefix}:schedule`, 0, `${prefix}${name}`)
        .exec();
    const berlin =
      '{"last_run_at": {"__type__": "datetime", "year": 2026, "month": 7, "day": 1, "hour": 12, "minute": 0, "second": 1, "microsecond": 500000, "timezone": "Europe/Berlin"}, "total_run_count": 9}';
    await put('a', '{"__type__": "interval", "every": 10.0, "relative": true}', berlin);
    const offset = berlin.replace('"Europe/Berlin"', '7200.0');
    await put(
      'b',
      '{"__type__": "crontab", "minute": 5, "hour": "*/2", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}',
      offset,
    );
    await put(
      'c',
      '{"__type__": "interval", "every": 1, "relative": false}',
      '{"last_run_at": null}',
    );
    await put('d', '{"__type__": "rrule", "freq": 3}', '{}');
    const told: string[] = [];

    const found = await store.load(name => told.push(name));

    const at = Date.UTC(2026, 6, 1, 10, 0, 1, 500) / 1000;
    assert.deepEqual(
      found.map(({ entry, state }) => [entry.name, String(entry.schedule), state]),
      [
        ['a', '<freq: 10.00 seconds>', { lastRunAt: at, totalRunCount: 9 }],
        ['b', '<crontab: 5 */2 * * * (m/h/dM/MY/d)>', { lastRunAt: at, totalRunCount: 9 }],
        ['c', '<freq: 1.00 second>', undefined],
      ],
    );
    assert.deepEqual(told, ['d']);
  });

  it('take no entry that RedBeat could not read', async t => {
    const { store } = await start(t);
    const zone = { __type__: 'crontab', minute: '0', timezone: 'Europe/Berlin' } as const;
    const refused = (name: string, data: unknown, message: RegExp) =>
      assert.rejects(store.put(made(name, 1, { schedule: scheduleFromData(data) })), { message });

    await refused('x', zone, /"x" cannot be kept in RedBeat's keys: .* a zone of its own/);
    const once = { __type__: 'clocked', at: '2027-01-01T00:00:00Z' };
    await refused('x', once, /RedBeat reads intervals and crontabs, and no clocked/);
    await refused(':lock', { __type__: 'interval', every: 1 }, /its name is that of another key/);
  });

  it("are one beat's, of Python or ours, while it holds their lock", async t => {
    const { prefix, client } = await start(t);
    const lock = `${prefix}:lock`;
    const settings = { transportOptions: {}, connectTimeout: 4, useSsl: false };
    const elect = async () => {
      const inner = await openElection(redis.url, { name: prefix, settings, lease: 3 });
      const place = { urls: parseUrls(redis.url), settings };
      const election = new RedBeatElection(inner, { place, key: lock });
      await election.start();
      t.after(() => election.stop());
      return election;
    };
    const [first, second] = [await elect(), await elect()];
    await client.set(lock, 'a5c1', 'PX', 60_000, 'NX');

    assert.equal(await first.acquire('one'), undefined);
    assert.equal(await first.holder(), 'a RedBeat of Python');
    await client.del(lock);
    const lease = (await first.acquire('one'))!;
    assert.equal(await client.set(lock, 'a5c1', 'PX', 60_000, 'NX'), null);
    assert.equal(await lease.renew(), true);
    assert.ok((await client.pttl(lock)) > 25_000);
    assert.equal(await second.acquire('two'), undefined);

    // it was cut off for long, and one of Python took its place
    await client.set(lock, 'a5c1', 'PX', 60_000);
    await assert.rejects(lease.claim([], []), { code: 'LEADERSHIP_LOST' });
    assert.equal(await lease.renew(), false);
    await lease.release();
    assert.equal(await client.get(lock), 'a5c1');
  });
});

it('an SQLite file of an earlier version is read, and takes when an entry was resumed', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-schedule-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'schedule.db');
  const database = openSqlite(path);
  database.exec(`
    CREATE TABLE tscelery_schedule_entry (
      schedule TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, enabled INTEGER NOT NULL,
      origin TEXT NOT NULL, last_run_at REAL, total_run_count INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (schedule, name));
    INSERT INTO tscelery_schedule_entry VALUES
      ('celery', 'a', '{"schedule":{"__type__":"interval","every":5},"task":"t"}', 0, 'store', 1000, 3)`);
  database.close();
  const store = await open(t, 'database', { beat_store_url: `sqlite:///${path}` }, () => 2000);
  await store.setEnabled('a', true);
  const { state } = (await loaded(store)).get('a')!;
  assert.deepEqual(state, { lastRunAt: 1000, totalRunCount: 3, resumedAt: 2000 });
});
