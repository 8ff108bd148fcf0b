import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import type { Delivery } from '../../src/messaging/contract.ts';
import { queue } from '../../src/messaging/entities.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const LIBRARY = JSON.stringify(program.library);

function project(t: TestContext) {
  const beats: ReturnType<typeof startCli>[] = [];
  // before the folder goes
  t.after(async () => {
    for (const beat of beats) beat.kill('SIGTERM');
    await Promise.all(beats.map(beat => beat.ended()));
  });
  const config = `export default {
    broker_url: 'sqla+sqlite:///broker.db',
    beat_scheduler: 'database',
    beat_store_url: 'sqlite:///schedule.db',
  };`;
  const cwd = temporaryProject(t, { 'celeryconfig.js': config });
  return {
    cwd,
    startBeat: () => {
      const beat = startCli(['beat', '-l', 'INFO'], { cwd });
      beats.push(beat);
      return beat;
    },
    run: async (...words: string[]) => {
      const { code, stdout, stderr } = await runCli(['schedule', ...words], { cwd });
      return { code, stdout, stderr };
    },
  };
}

const rows = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);

describe('tscelery schedule', { concurrency: 2 }, () => {
  it('adds, lists, shows, edits, pauses, resumes and removes', async t => {
    const { run } = project(t);

    assert.deepEqual(await run('ls'), {
      code: 0,
      stdout: '',
      stderr: 'There are no entries.\n',
    });
    const added = await run(
      ...['add', 'nightly', 'proj.clean', '--crontab', '0 4 * * *', '--args', '[1]'],
      ...['--kwargs', '{"deep": true}', '--options', '{"queue": "slow"}', '--max-age', '60'],
    );
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /^Added nightly: next at \d{4}-\d\d-\d\dT04:00:00\.000Z\.\n$/);
    const edited = await run('edit', 'nightly', '--every', '30', '--description', 'Cleans up.');
    assert.match(edited.stdout, /^Changed nightly: next at /);
    const { code, stdout } = await run('show', 'nightly', '--json');
    assert.equal(code, 0);
    const [row] = rows(stdout);
    const { next_run_at: next, schedule_text: text, ...others } = row!;
    assert.equal(typeof next, 'string');
    assert.match(String(text), /freq: 30\.00 seconds/);
    assert.deepEqual(others, {
      name: 'nightly',
      task: 'proj.clean',
      schedule: { __type__: 'interval', every: 30, relative: false },
      args: [1],
      kwargs: { deep: true },
      options: { queue: 'slow' },
      enabled: true,
      catch_up: 'last',
      max_age: 60,
      overlap: 'allow',
      jitter: 0,
      origin: 'store',
      description: 'Cleans up.',
      total_run_count: 0,
      last_run_at: null,
    });

    assert.equal((await run('pause', 'nightly')).stdout, 'Paused nightly.\n');
    const listed = (await run('ls')).stdout.split('\n');
    assert.match(listed[0]!, /^NAME +TASK +SCHEDULE +RUNS +LAST RUN +NEXT RUN$/);
    assert.match(listed[1]!, /^nightly +proj\.clean +<freq: 30\.00 seconds> +0 +- +paused$/);
    assert.equal((await run('resume', 'nightly')).stdout, 'Resumed nightly.\n');
    assert.match((await run('show', 'nightly')).stdout, /^kwargs: +\{"deep":true\}$/m);
    assert.equal((await run('remove', 'nightly')).stdout, 'Removed nightly.\n');
    assert.equal((await run('ls', '--json')).stdout, '');
  });

  it('takes every kind of schedule', async t => {
    const { run } = project(t);
    const added = async (name: string, ...when: string[]) => {
      const { code, stderr } = await run('add', name, 'proj.tick', ...when);
      assert.equal(code, 0, stderr);
      const [row] = rows((await run('show', name, '--json')).stdout);
      return row!.schedule;
    };

    assert.deepEqual(await added('a', '--cron', '0 4 13 * 5', '--timezone', 'Europe/Berlin'), {
      __type__: 'cron',
      expression: '0 4 13 * 5',
      timezone: 'Europe/Berlin',
    });
    assert.deepEqual(await added('b', '--solar', 'sunset,52.5,-13.4'), {
      __type__: 'solar',
      event: 'sunset',
      latitude: 52.5,
      longitude: -13.4,
    });
    assert.deepEqual(await added('c', '--at', '2099-01-01T08:00:00Z'), {
      __type__: 'clocked',
      at: '2099-01-01T08:00:00.000Z',
    });
    const { code, stderr } = await run('add', 'd', 'proj.tick', '--solar', 'sunst,52.5,13.4');
    assert.equal(code, 2);
    assert.match(stderr, /'--solar'.*sunset/);
  });

  it('sends the task of an entry now', async t => {
    const { run, cwd } = project(t);
    await run('add', 'tick', 'proj.tick', '--every', '3600', '--args', '[7]');

    const sent = await run('run', 'tick');

    assert.equal(sent.code, 0, sent.stderr);
    const transport = await openTransport(`sqla+sqlite:///${join(cwd, 'broker.db')}`, {
      transportOptions: {},
      connectTimeout: 4,
      useSsl: false,
    });
    t.after(() => transport.close());
    await transport.connect();
    const got: Delivery[] = [];
    await transport.consume([queue('celery')], {
      prefetch: 0,
      onDeliveries: deliveries => void got.push(...deliveries),
    });
    await eventually(() => assert.equal(got.length, 1));
    const { headers } = got[0]!.message;
    await got[0]!.ack();
    assert.equal(headers.id, sent.stdout.trim());
    assert.equal(headers.task, 'proj.tick');
    assert.equal(headers.periodic_task_name, 'tick');
  });

  it('refuses what is wrong, with the nearest that is right', async t => {
    const { run } = project(t);
    await run('add', 'tick', 'proj.tick', '--every', '3600');
    const refused = async (words: readonly string[], code: number, message: RegExp) => {
      const result = await run(...words);
      assert.match(result.stderr, message);
      assert.equal(result.code, code);
      assert.equal(result.stdout, '');
    };

    await refused(['add', 'x', 'proj.x'], 2, /Give one of '--every', '--crontab'/);
    await refused(['add', 'x', 'proj.x', '--crontab', '0 4 * *'], 2, /'--crontab'.*five fields/);
    await refused(['add', 'x', 'proj.x', '--crontab', '0 24 * * *'], 2, /'--crontab'.*24/);
    await refused(
      ['add', 'x', 'proj.x', '--every', '1', '--at', '2030-01-01'],
      2,
      /exclude each other/,
    );
    await refused(['add', 'tick', 'proj.x', '--every', '1'], 1, /an entry 'tick' already/);
    await refused(['add', 'x', 'p.x', '--every', '1', '-o', '{"queu": "a"}'], 1, /queu.*queue/);
    await refused(['edit', 'tick'], 2, /What should be different/);
    await refused(['pause', 'tikc'], 1, /no entry 'tikc'\. Did you mean "?'?tick/);
    await refused(['pasue', 'tick'], 2, /No such command 'pasue'\. Did you mean "?'?pause/);
    await refused(['pause'], 2, /Missing argument 'NAME'/);
    await refused(['ls', '--every', '5'], 2, /'--every' goes with add and edit, not with ls/);
    await refused(['edit', 'tick', '--every', '0'], 2, /'--every'/);
  });

  it('shows what beat has in its file, without touching it, and the zone of a schedule', async t => {
    const files = {
      'app.mjs': `import { Celery } from ${LIBRARY};
        export default new Celery('proj', { broker_url: 'memory://', include: ['./tasks.mjs'] });`,
      'tasks.mjs': `import { crontab } from ${LIBRARY};
        import app from './app.mjs';
        const add = app.task('tasks.add', (x, y) => x + y);
        app.signals.onAfterFinalize.connect(() => {
          app.addPeriodicTask(30, add.s(1, 2), { name: 'often' });
          const schedule = crontab({ minute: 0, hour: 8, timezone: 'Asia/Tokyo' });
          app.addPeriodicTask(schedule, add.s(1, 2), { name: 'tokyo' });
        });`,
      'celerybeat-schedule': JSON.stringify({
        ...{ __version__: 1, tz: 'UTC', utc_enabled: true },
        entries: { often: [1_700_000_000, 7] },
      }),
      'celerybeat-schedule.journal': '\n["often",1700000030,8]\n',
    };
    const cwd = temporaryProject(t, files);
    const { stdout, stderr } = await runCli(['-A', 'app.mjs', 'schedule', 'ls'], { cwd });
    assert.equal(stderr, '');
    const [header, often, tokyo] = stdout.split('\n');
    assert.match(header!, /NAME +TASK +SCHEDULE +TIMEZONE +RUNS +LAST RUN/);
    assert.match(often!, /often +tasks\.add +.* - +8 +2023-11-14T22:13:50Z/);
    assert.match(tokyo!, /tokyo .*Asia\/Tokyo +0 +-/);
    const shown = await runCli(['-A', 'app.mjs', 'schedule', 'show', 'tokyo'], { cwd });
    assert.match(shown.stdout, /timezone: +Asia\/Tokyo/);
    const unknown = await runCli(['-A', 'app.mjs', 'schedule', 'run', 'tokio'], { cwd });
    assert.match(unknown.stderr, /no entry 'tokio'\. Did you mean "tokyo"/);
    for (const [name, text] of Object.entries(files)) {
      assert.equal(readFileSync(join(cwd, name), 'utf8'), text);
    }
  });

  it('knows names of entries and tasks of the code that beat has not written yet', async t => {
    const cwd = temporaryProject(t, {
      'app.mjs': `import { Celery } from ${LIBRARY};
        const app = new Celery('proj', { broker_url: 'memory://', beat_scheduler: 'database',
          beat_store_url: 'sqlite:///schedule.db' });
        app.addPeriodicTask(30, app.task('tasks.add', () => 1), { name: 'often' });
        export default app;`,
    });
    const run = (...words: string[]) => runCli(['-A', 'app.mjs', 'schedule', ...words], { cwd });
    assert.match((await run('pause', 'oftne')).stderr, /Did you mean "often"/);
    assert.match((await run('pause', 'often')).stderr, /is of the code, and is written there/);
    const added = await run('add', 'bad', 'tasks.addd', '--every', '5');
    assert.equal(added.code, 0);
    assert.match(added.stderr, /no task "tasks\.addd"\. Did you mean "tasks\.add"/);
    const far = await run('add', 'far', 'reports.make', '--every', '5');
    assert.equal(far.stderr, '');
  });

  it('tells of a crontab that is wrong in a config file without a stack', async t => {
    const config = `import { crontab } from ${LIBRARY};
export default { beat_schedule: { e: { task: 't', schedule: crontab({ hour: 24 }) } } };`;
    const cwd = temporaryProject(t, { 'celeryconfig.mjs': config });
    const { stderr } = await runCli(['schedule', 'ls'], { cwd });
    assert.match(stderr, /InvalidSchedule: crontab, hour 24.* \(line 2\)/);
    assert.ok(!/^ +at /m.test(stderr), stderr);
  });

  it('shows the others when one entry cannot be read, and removes that one', async t => {
    const { run, cwd } = project(t);
    await run('add', 'good', 'proj.tick', '--every', '3600');
    await run('add', 'bad', 'proj.tick', '--every', '3600');
    const database = openSqlite(join(cwd, 'schedule.db'));
    database.exec(
      `UPDATE tscelery_schedule_entry SET definition = '{"task": "\u001b[31m"}' WHERE name = 'bad'`,
    );
    database.close();

    const listed = await run('ls', '--json');

    assert.deepEqual(
      rows(listed.stdout).map(({ name }) => name),
      ['good'],
    );
    assert.match(listed.stderr, /"bad"/);
    assert.ok(!listed.stderr.includes('\u001b'));
    assert.equal((await run('remove', 'bad')).code, 0);
    assert.equal((await run('ls')).stderr, '');
  });

  it('tells which beat sends', async t => {
    const { run, startBeat } = project(t);
    assert.deepEqual(await run('leader'), { code: 1, stdout: '', stderr: 'Nobody leads.\n' });
    const beat = startBeat();
    await beat.sees(/beat: leading/);

    const found = await run('leader');
    const asJson = await run('leader', '--json');

    assert.equal(found.code, 0);
    assert.match(found.stdout, new RegExp(`\\b${beat.child.pid}\\b`));
    assert.deepEqual(Object.keys(rows(asJson.stdout)[0]!), ['leader', 'election']);
  });

  it('changes what a beat sends that runs', async t => {
    const { run, startBeat } = project(t);
    const beat = startBeat();
    await beat.sees(/beat: leading/);

    assert.equal((await run('add', 'tick', 'proj.tick', '--every', '0.2')).code, 0);
    await beat.sees(/Sending due task tick \(proj\.tick\)/);
    assert.equal((await run('pause', 'tick')).code, 0);

    let runs = -1;
    await eventually(async () => {
      const [row] = rows((await run('show', 'tick', '--json')).stdout);
      const before = runs;
      runs = Number(row!.total_run_count);
      return runs > 0 && runs === before;
    });
  });
});
