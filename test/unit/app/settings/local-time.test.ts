import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Celery, type CeleryConfig } from '../../../../src/index.ts';
import { createTestApp, FakeClock, startTestWorker } from '../../../../src/testing/index.ts';

const NOON = '2026-01-01T12:00:00Z';

async function setup(t: TestContext, settings: CeleryConfig) {
  const app = new Celery('zone');
  const add = app.task('zone.add', (x: number, y: number) => x + y);
  const testApp = await createTestApp(app, { settings, clock: new FakeClock(NOON) });
  t.after(() => testApp.stop());
  return { app, add, testApp };
}

/** The ETA in the message of a call with this one. */
async function sentEta(t: TestContext, eta: string | number | Date, settings: CeleryConfig) {
  const { add, testApp } = await setup(t, settings);
  await add.applyAsync([1, 2], { eta });
  return testApp.sent[0]?.headers.eta;
}

describe('the time zone of an app', () => {
  it('is that of the setting, else UTC, else that of the machine', t => {
    const zone = process.env.TZ;
    t.after(() => {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });
    process.env.TZ = 'America/New_York';

    assert.equal(new Celery('x').timezone, 'UTC');
    assert.equal(new Celery('x', { timezone: 'Asia/Shanghai' }).timezone, 'Asia/Shanghai');
    assert.equal(new Celery('x', { enable_utc: false }).timezone, 'America/New_York');
    const both = new Celery('x', { enable_utc: false, timezone: 'Asia/Shanghai' });
    assert.equal(both.timezone, 'Asia/Shanghai');
  });

  it('is refused when nobody knows it, with the nearest one', () => {
    assert.throws(() => new Celery('x', { timezone: 'Mars/X' }), {
      name: 'ImproperlyConfigured',
      message: /timezone must be an IANA time zone such as "Europe\/Berlin", but "Mars\/X"/,
    });
    assert.throws(
      () => new Celery('x', { timezone: 'Asia/Shangai' }),
      /Did you mean "Asia\/Shanghai"\?/,
    );
  });

  it('does not change what time it is', async t => {
    const { app } = await setup(t, { timezone: 'Asia/Shanghai' });

    assert.equal(app.now().toISOString(), '2026-01-01T12:00:00.000Z');
  });
});

describe('a time without offset', () => {
  it('is one of the time zone, and is sent with its offset', async t => {
    const settings = { timezone: 'Asia/Shanghai' };

    assert.equal(await sentEta(t, '2027-01-01T08:00:10', settings), '2027-01-01T08:00:10+08:00');
    assert.equal(await sentEta(t, '2027-01-01 08:00', settings), '2027-01-01T08:00:00+08:00');
  });

  it('is one of UTC where no zone is set, and is sent as it is, as every worker reads it so', async t => {
    assert.equal(await sentEta(t, '2027-01-01T08:00:10', {}), '2027-01-01T08:00:10');
  });

  it('in expires is one of the time zone too', async t => {
    const { add, testApp } = await setup(t, { timezone: 'Asia/Shanghai' });

    await add.applyAsync([1, 2], { expires: '2027-01-01T08:00:10' });

    assert.equal(testApp.sent[0]?.headers.expires, '2027-01-01T08:00:10+08:00');
  });

  it('lets a task start when the clocks of the zone show it', async t => {
    const app = new Celery('zone', { timezone: 'Asia/Shanghai' });
    const add = app.task('zone.add', (x: number, y: number) => x + y);
    const worker = await startTestWorker(app, { clock: new FakeClock('2026-01-01T12:00:00Z') });
    t.after(() => worker.stop());

    const result = await add.applyAsync([1, 2], { eta: '2026-01-01T20:00:10' });
    await worker.advance(9);
    const before = await result.state();
    await worker.advance(2);

    assert.deepEqual([before, await result.state()], ['PENDING', 'SUCCESS']);
  });
});

describe('a moment', () => {
  it('is written as clocks of the time zone show it', async t => {
    const settings = { timezone: 'Europe/Berlin' };
    const moment = new Date('2027-07-01T10:00:00.5Z');

    assert.equal(await sentEta(t, moment, settings), '2027-07-01T12:00:00.500000+02:00');
    assert.equal(
      await sentEta(t, moment.getTime() / 1000, settings),
      '2027-07-01T12:00:00.500000+02:00',
    );
  });

  it('given with an offset keeps it', async t => {
    const settings = { timezone: 'Europe/Berlin' };

    assert.equal(
      await sentEta(t, '2027-07-01T10:00:00-05:00', settings),
      '2027-07-01T10:00:00-05:00',
    );
  });

  it('that a countdown makes is written so as well', async t => {
    const { add, testApp } = await setup(t, { timezone: 'Europe/Berlin' });

    await add.applyAsync([1, 2], { countdown: 10, expires: 20 });

    assert.equal(testApp.sent[0]?.headers.eta, '2026-01-01T13:00:10+01:00');
    assert.equal(testApp.sent[0]?.headers.expires, '2026-01-01T13:00:20+01:00');
  });

  it('at which a result was stored is written so as well', async t => {
    const app = new Celery('zone', { timezone: 'Asia/Shanghai' });
    const add = app.task('zone.add', (x: number, y: number) => x + y);
    const worker = await startTestWorker(app, { clock: new FakeClock(NOON) });
    t.after(() => worker.stop());

    const result = await add.delay(1, 2);
    await result.get({ timeout: 5 });

    assert.equal((await result.meta())?.date_done, '2026-01-01T20:00:00+08:00');
  });
});

describe('a message of protocol 1', () => {
  for (const enabled of [true, false]) {
    it(`says ${enabled} about UTC when enable_utc is ${enabled}`, async t => {
      const { add, testApp } = await setup(t, { task_protocol: 1, enable_utc: enabled });

      await add.delay(1, 2);

      assert.equal(JSON.parse(String(testApp.sent[0]?.message.body)).utc, enabled);
    });
  }
});
