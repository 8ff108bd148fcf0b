import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openSqlite, type SqliteValue } from '../../src/drivers/sqlite/driver.ts';
import { openScheduleStore } from '../../src/schedule-stores/open.ts';
import { scheduleFromData } from '../../src/schedules/from-data.ts';
import { eventually } from '../support/eventually.ts';
import { loaded, made } from './schedule-store.contract.ts';

/** As Django's migrations make them: texts are never null, and nothing has a default. */
const TABLES = `
CREATE TABLE django_celery_beat_intervalschedule (
  id integer PRIMARY KEY AUTOINCREMENT, every integer NOT NULL, period varchar(24) NOT NULL);
CREATE TABLE django_celery_beat_crontabschedule (
  id integer PRIMARY KEY AUTOINCREMENT, minute varchar(240) NOT NULL, hour varchar(96) NOT NULL,
  day_of_week varchar(64) NOT NULL, day_of_month varchar(124) NOT NULL,
  month_of_year varchar(64) NOT NULL, timezone varchar(63) NOT NULL);
CREATE TABLE django_celery_beat_solarschedule (
  id integer PRIMARY KEY AUTOINCREMENT, event varchar(24) NOT NULL, latitude decimal NOT NULL,
  longitude decimal NOT NULL);
CREATE TABLE django_celery_beat_clockedschedule (
  id integer PRIMARY KEY AUTOINCREMENT, clocked_time datetime NOT NULL);
CREATE TABLE django_celery_beat_periodictasks (
  ident smallint PRIMARY KEY, last_update datetime NOT NULL);
CREATE TABLE django_celery_beat_periodictask (
  id integer PRIMARY KEY AUTOINCREMENT, name varchar(200) NOT NULL UNIQUE, task varchar(200) NOT NULL,
  args text NOT NULL, kwargs text NOT NULL, queue varchar(200), exchange varchar(200),
  routing_key varchar(200), headers text NOT NULL, priority integer unsigned, expires datetime,
  expire_seconds integer unsigned, one_off bool NOT NULL, start_time datetime, enabled bool NOT NULL,
  last_run_at datetime, total_run_count integer unsigned NOT NULL, date_changed datetime NOT NULL,
  description text NOT NULL, interval_id integer, crontab_id integer, solar_id integer,
  clocked_id integer);
INSERT INTO django_celery_beat_intervalschedule VALUES (1, 10, 'minutes');
INSERT INTO django_celery_beat_crontabschedule VALUES (1, '0', '4', '*', '*', '*', 'Europe/Berlin');
INSERT INTO django_celery_beat_periodictasks VALUES (1, '2026-01-01 00:00:00');`;

const NOW = Date.UTC(2026, 2, 1, 10) / 1000;

/** A row as Django writes it. */
const ROW: Readonly<Record<string, SqliteValue>> = {
  task: 'proj.tick',
  args: '[1, "é"]',
  kwargs: '{"deep": true}',
  headers: '{}',
  one_off: 0,
  enabled: 1,
  total_run_count: 0,
  date_changed: '2026-01-01 12:00:00',
  description: '',
  interval_id: 1,
};

async function start(t: TestContext, tables = TABLES) {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-django-'));
  const path = join(folder, 'db.sqlite3');
  const database = openSqlite(path);
  database.exec(tables);
  const open = async (now = () => NOW) => {
    const store = (await openScheduleStore('django_celery_beat.schedulers.DatabaseScheduler', {
      filename: '',
      enableUtc: true,
      context: { timezone: 'UTC', now },
      logger: { debug() {}, info() {}, warning() {}, error() {} },
      setting: name => (name === 'beat_store_url' ? `sqlite:///${path}` : undefined),
    }))!;
    t.after(() => store.stop());
    await store.start();
    return store;
  };
  t.after(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });
  const put = (name: string, values: Record<string, SqliteValue> = {}) => {
    const row = { name, ...ROW, ...values };
    const names = Object.keys(row);
    database
      .prepare(
        `INSERT INTO django_celery_beat_periodictask (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      )
      .run(...Object.values(row));
  };
  const row = (name: string) => {
    const sql = 'SELECT * FROM django_celery_beat_periodictask WHERE name = ?';
    return { ...(database.prepare(sql).get(name) as Record<string, SqliteValue>) };
  };
  const lastUpdate = () =>
    (
      database.prepare('SELECT last_update FROM django_celery_beat_periodictasks').get() as {
        last_update: string;
      }
    ).last_update;
  return { open, put, row, lastUpdate, database };
}

describe('the store in the tables of django-celery-beat', () => {
  it('reads what Django has written', async t => {
    const { open, put } = await start(t);
    put('a', {
      queue: 'slow',
      priority: 3,
      expire_seconds: 60,
      headers: '{"x": "1"}',
      last_run_at: '2026-02-01 09:00:00.250000',
      total_run_count: 4,
    });
    put('b', { interval_id: null, crontab_id: 1 });
    put('paused', { enabled: 0 });
    put('expired', { expires: '2026-02-01 00:00:00' });
    put('done', { one_off: 1, total_run_count: 1 });
    put('later', { start_time: '2026-05-01 00:00:00' });

    const found = await loaded(await open());

    const { entry, state } = found.get('a')!;
    assert.equal(String(entry.schedule), '<freq: 10.00 minutes>');
    assert.deepEqual(
      [entry.task, entry.args, entry.kwargs],
      ['proj.tick', [1, 'é'], { deep: true }],
    );
    const headers = { x: '1' };
    assert.deepEqual(entry.options, { queue: 'slow', priority: 3, expires: 60, headers });
    assert.deepEqual(state, {
      lastRunAt: Date.UTC(2026, 1, 1, 9, 0, 0, 250) / 1000,
      totalRunCount: 4,
    });
    const b = found.get('b')!;
    const fourInBerlin = new Date('2026-03-02T03:00:00Z');
    assert.deepEqual(b.entry.schedule.nextRun(new Date(NOW * 1000)), fourInBerlin);
    assert.equal(b.state!.lastRunAt, Date.UTC(2026, 0, 1, 12) / 1000);
    const enabled = [...found.values()].filter(each => each.entry.enabled);
    assert.deepEqual(
      enabled.map(each => each.entry.name),
      ['a', 'b', 'later'],
    );
    const later = found.get('later')!;
    const first = later.entry.schedule.nextRun(new Date(later.state!.lastRunAt * 1000));
    assert.deepEqual(first, new Date('2026-05-01T00:00:00Z'));
  });

  it('writes back when an entry ran, and how often, and nothing else', async t => {
    const { open, put, row, lastUpdate } = await start(t);
    put('a');
    put('once', { one_off: 1 });
    const before = row('a');
    const store = await open();

    const state = { lastRunAt: NOW + 0.5, totalRunCount: 7 };
    await store.save([{ name: 'a', state }], 1);

    const written = { last_run_at: '2026-03-01 10:00:00.500000', total_run_count: 7 };
    assert.deepEqual(row('a'), { ...before, ...written });
    assert.equal(lastUpdate(), '2026-01-01 00:00:00');
    await store.save([{ name: 'a', state: { lastRunAt: NOW - 60, totalRunCount: 6 } }], 1);
    assert.equal(row('a').total_run_count, 7);

    await store.save([{ name: 'once', state: { lastRunAt: NOW, totalRunCount: 1 } }], 1);
    assert.deepEqual([row('once').enabled, row('once').total_run_count], [0, 0]);
    assert.equal(lastUpdate(), '2026-03-01 10:00:00');
  });

  it('keeps entries of the code and of operators as Django does', async t => {
    const { open, row, database, lastUpdate } = await start(t);
    const store = await open();
    const crontab = { minute: '30', hour: '*/2', day_of_week: '*' } as const;
    const rest = { day_of_month: '*', month_of_year: '*' } as const;
    const schedule = scheduleFromData({ __type__: 'crontab', ...crontab, ...rest });

    await store.putCode([
      made('ten', 600, { origin: 'code', options: { queue: 'slow', expires: 30 } }),
      made('cron', 1, { schedule, origin: 'code' }),
    ]);
    await store.setEnabled('ten', false);
    await store.putCode([made('ten', 1200, { origin: 'code', args: ['é'] })]);

    const ten = row('ten');
    assert.deepEqual(
      [ten.task, ten.args, ten.kwargs, ten.headers, ten.queue, ten.enabled],
      ['tasks.tick', '["\\u00e9"]', '{}', '{}', null, 0],
    );
    assert.equal(lastUpdate(), '2026-03-01 10:00:00');
    const intervals = database.prepare(
      'SELECT every, period FROM django_celery_beat_intervalschedule ORDER BY id',
    );
    assert.deepEqual(
      intervals.all().map(each => ({ ...(each as object) })),
      [
        { every: 10, period: 'minutes' },
        { every: 20, period: 'minutes' },
      ],
    );
    const found = await loaded(store);
    assert.equal(found.get('cron')!.entry.schedule.toString(), schedule.toString());
    assert.equal(await store.remove('cron'), true);
    assert.equal(await store.remove('cron'), false);
    await assert.rejects(store.put(made('x', 1, { overlap: 'skip' })), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /"x" .* overlap has no column there/,
    });
  });

  it('keeps events of the sun and single moments', async t => {
    const { open, row, database } = await start(t);
    const store = await open();
    const solar = { __type__: 'solar', event: 'sunset', latitude: 52.5, longitude: 13.4 } as const;
    const clocked = { __type__: 'clocked', at: '2026-03-05T08:00:00.000Z' } as const;

    await store.put(made('sun', 1, { schedule: scheduleFromData(solar) }));
    await store.put(made('once', 1, { schedule: scheduleFromData(clocked) }));

    const found = await loaded(store);
    assert.deepEqual(found.get('sun')!.entry.schedule.toJSON(), solar);
    assert.deepEqual(found.get('once')!.entry.schedule.toJSON(), clocked);
    assert.equal(row('once').one_off, 1);
    const moments = database.prepare('SELECT clocked_time FROM django_celery_beat_clockedschedule');
    assert.equal((moments.get() as { clocked_time: string }).clocked_time, '2026-03-05 08:00:00');
    const cron = scheduleFromData({ __type__: 'cron', expression: '0 4 * * 1' });
    await assert.rejects(store.put(made('c', 1, { schedule: cron })), {
      message: /no table for an expression of cron/,
    });
  });

  it('hears of changes that Django tells of', async t => {
    const { open, put, database } = await start(t);
    const store = await open();
    await loaded(store);
    let changes = 0;
    await store.watch(() => changes++);

    put('new');
    database.exec(
      "UPDATE django_celery_beat_periodictasks SET last_update = '2026-03-01 11:00:00'",
    );

    await eventually(() => changes === 1);
    assert.deepEqual([...(await loaded(store)).keys()], ['new']);
  });

  it('goes on with the others when a row makes no sense', async t => {
    const { open, put } = await start(t);
    put('good');
    put('no json', { args: '[1,' });
    put('no schedule', { interval_id: null });
    put('wrong args', { args: '{"a": 1}' });
    const told: string[] = [];

    const found = await (await open()).load((name, error) =>
      told.push(`${name}: ${error.message}`),
    );

    assert.deepEqual(
      found.map(({ entry }) => entry.name),
      ['good'],
    );
    assert.deepEqual(
      told.map(each => each.split(':')[0]),
      ['no json', 'no schedule', 'wrong args'],
    );
  });

  it('says what to do when the tables are missing', async t => {
    const { open } = await start(t, '');

    await assert.rejects(open(), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /db\.sqlite3 lacks tables of django-celery-beat.*migrate django_celery_beat/,
    });
  });
});
