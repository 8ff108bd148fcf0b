import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Celery, crontab } from '../../../../src/index.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';

async function start(t: TestContext, settings: Record<string, unknown> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-schedules-'));
  const clock = new FakeClock('2026-03-01T10:00:30Z');
  const app = new Celery('proj', {
    broker_url: 'memory://',
    result_backend: 'cache+memory://',
    beat_scheduler: 'database',
    beat_store_url: `sqlite:///${join(folder, 'schedule.db')}`,
    ...settings,
  });
  app.clock = clock;
  t.after(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });
  return { app, clock };
}

describe('app.schedules', () => {
  it('adds, changes, pauses and removes entries', async t => {
    const { app } = await start(t);
    const { schedules } = app;

    await schedules.upsert('nightly', {
      task: 'proj.clean',
      schedule: crontab({ hour: '4', minute: '0' }),
      args: [1],
      options: { queue: 'slow' },
    });
    await schedules.upsert('often', { task: 'proj.tick', schedule: 30, catchUp: 'none' });

    assert.deepEqual(
      (await schedules.list()).map(({ name, task }) => [name, task]),
      [
        ['nightly', 'proj.clean'],
        ['often', 'proj.tick'],
      ],
    );
    const nightly = (await schedules.get('nightly'))!;
    assert.equal(String(nightly.schedule), '<crontab: 0 4 * * * (m/h/dM/MY/d)>');
    assert.deepEqual([nightly.args, nightly.options], [[1], { queue: 'slow' }]);
    assert.equal(nightly.origin, 'store');
    assert.equal(nightly.nextRunAt!.toISOString().slice(11), '04:00:00.000Z');
    assert.equal((await schedules.get('often'))!.catchUp, 'none');

    assert.equal(await schedules.pause('nightly'), true);
    assert.equal((await schedules.get('nightly'))!.nextRunAt, null);
    await schedules.upsert('nightly', { task: 'proj.other', schedule: 60 });
    assert.equal((await schedules.get('nightly'))!.enabled, false);
    assert.equal(await schedules.resume('nightly'), true);
    assert.equal((await schedules.get('nightly'))!.enabled, true);
    assert.equal(await schedules.remove('nightly'), true);
    assert.equal(await schedules.remove('nightly'), false);
    assert.equal(await schedules.get('nightly'), undefined);
  });

  it('sends the task of an entry now', async t => {
    const { app } = await start(t);
    await app.schedules.upsert('tick', { task: 'proj.tick', schedule: 3600, args: [1] });

    const sent = await app.schedules.run('tick');

    assert.match(sent.id, /^[0-9a-f-]{36}$/);
    await assert.rejects(app.schedules.run('tikc'), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /no entry "tikc" in the schedule\. Did you mean "?tick"?/,
    });
  });

  it('refuses what is wrong with the nearest that is right', async t => {
    const { app } = await start(t);
    const refused = (entry: object, message: RegExp) =>
      assert.rejects(app.schedules.upsert('x', entry as never), {
        code: 'IMPROPERLY_CONFIGURED',
        message,
      });

    await refused({ task: 'proj.tick', shedule: 5 }, /"shedule".*schedule/);
    await refused({ task: 'proj.tick', schedule: 5, overlap: 'skp' }, /"skp"|'skp'.*skip/);
    await refused({ task: 'proj.tick', schedule: 5, options: { queu: 'a' } }, /queu.*queue/);
    assert.deepEqual(await app.schedules.list(), []);
  });

  it('shows the code, and changes nothing, where beat keeps the schedule for itself', async t => {
    const { app } = await start(t, {
      beat_scheduler: 'celery.beat:PersistentScheduler',
      beat_schedule: { tick: { task: 'proj.tick', schedule: 30 } },
      result_expires: null,
    });

    assert.deepEqual(
      (await app.schedules.list()).map(({ name, origin }) => [name, origin]),
      [['tick', 'code']],
    );
    await assert.rejects(app.schedules.pause('tick'), {
      message: /keeps the schedule for one beat alone; .* beat_scheduler = "database"/,
    });
  });

  it('names the schedulers that there are', async t => {
    const { app } = await start(t, { beat_scheduler: 'databse' });

    await assert.rejects(app.schedules.list(), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /"databse".*Did you mean "?database"?/,
    });
  });
});
