/** `tscelery beat` as its users start and stop it, and `worker -B`. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CliOptions, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const app = (schedule: string, more = '') => `
import { appendFileSync } from 'node:fs';
import { beatLazy, Celery, crontab } from ${JSON.stringify(program.library)};
export const app = new Celery('proj', { beat_schedule: ${schedule} });
export const note = app.task('proj.note', { bind: true }, (self, ...words) => {
  appendFileSync('ran.txt', JSON.stringify([self.request.id, self.request.headers.periodic_task_name, words]) + '\\n');
});
${more}
`;
const OFTEN = `{ often: { task: 'proj.note', schedule: 0.3, args: ['tick'] } }`;

function setup(t: TestContext, source: string) {
  const started: ReturnType<typeof startCli>[] = [];
  // before the folder goes
  t.after(async () => {
    for (const running of started) running.kill('SIGKILL');
    await Promise.all(started.map(running => running.ended()));
  });
  const cwd = temporaryProject(t, { 'tasks.js': source });
  const options: CliOptions = { cwd };
  const path = (name: string) => join(cwd, name);
  const beat = (...words: string[]) => ['-A', 'tasks', 'beat', ...words];
  /** Started, and killed when the test is over. */
  const start = (...words: string[]) => {
    const running = startCli(['-A', 'tasks', ...words], options);
    started.push(running);
    return running;
  };
  const ran = () =>
    existsSync(path('ran.txt'))
      ? readFileSync(path('ran.txt'), 'utf8')
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as [id: string, entry: string, words: unknown[]])
      : [];
  return { cwd, options, path, beat, start, ran };
}

describe('beat', { concurrency: 2 }, () => {
  it('shows what it is, sends what is due to a worker and ends on TERM with 0', async t => {
    const lazy = `app.addPeriodicTask(crontab({ minute: '0' }), note.s('hourly'), { name: 'hourly' });
app.signals.onAfterFinalize.connect(() => {
  app.addPeriodicTask(0.4, note, { args: [beatLazy(async () => 'lazy')], name: 'lazy' });
});`;
    const { start, ran, path } = setup(t, app(OFTEN, lazy));
    const beat = start('beat', '-l', 'debug', '--max-interval', '60', '-s', 'when.json');
    start('worker', '-P', 'solo');
    await beat.sees(/Sending due task often \(proj\.note\)/);
    await beat.sees(/proj\.note sent\. id->[0-9a-f-]{36}/);
    await eventually(() => assert.ok(ran().some(([, entry]) => entry === 'often')));
    await eventually(() => assert.ok(ran().some(([, , words]) => words[0] === 'lazy')));
    beat.kill('SIGTERM');
    const { code, stdout, stderr } = await beat.ended();
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^celery beat v\S+ \(tscelery\) is starting\.\n__ {4}- {4}\.\.\. __ {3}- {8}_\nLocalTime -> \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\nConfiguration ->\n {4}\. broker -> sqla\+sqlite:\/\/\/celery\.sqlite\n {4}\. loader -> tscelery\n {4}\. scheduler -> celery\.beat\.PersistentScheduler\n {4}\. db -> \S+\/when\.json\n {4}\. logfile -> \[stderr\]@%DEBUG\n {4}\. maxinterval -> 1\.00 minute \(60s\)\n$/,
    );
    assert.match(stderr, /beat: Starting\.\.\.\n/);
    assert.match(stderr, /<ScheduleEntry: often proj\.note\(\) <freq: now>>/);
    assert.match(stderr, /<ScheduleEntry: hourly proj\.note\(\) <crontab: 0 \* \* \* \* /);
    assert.match(stderr, /beat: Ticking with max interval->1\.00 minute\n/);
    assert.ok(existsSync(path('when.json')));
  });

  it('that is killed sends no due time again when it is started again', async t => {
    const { start, ran, path } = setup(t, app(OFTEN));
    const first = start('beat', '-l', 'info');
    await eventually(() => assert.ok((first.stderr.match(/Sending due task/g)?.length ?? 0) > 4));
    first.kill('SIGKILL');
    await first.ended();
    const second = start('beat', '-l', 'info');
    await second.sees(/Sending due task/, 40);
    start('worker', '-P', 'solo');
    await eventually(() => assert.ok(ran().length > 8));
    const ids = ran().map(([id]) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(existsSync(path('celerybeat-schedule')));
  });

  it('of two sends one, and the other when that ends', async t => {
    const { start, ran } = setup(t, app(OFTEN));
    const first = start('beat', '-l', 'info');
    await first.sees(/Sending due task/);
    const second = start('beat', '-l', 'info', '-s', 'second');
    await second.sees(/beat: another beat leads \(.+\); standing by/);
    first.kill('SIGINT');
    assert.equal((await first.ended()).code, 0, 'Ctrl+C is no failure');
    await second.sees(/Sending due task/);
    start('worker', '-P', 'solo');
    await eventually(() => assert.ok(ran().length > 10));
    const ids = ran().map(([id]) => id);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('runs in the background with a pidfile, which another one respects', async t => {
    const { options, beat, path } = setup(t, app(OFTEN));
    const words = beat('--detach', '-f', 'beat.log', '-l', 'info');
    const launched = await runCli(words, options);
    assert.deepEqual([launched.code, launched.stdout, launched.stderr], [0, '', '']);
    const pid = Number(readFileSync(path('celerybeat.pid'), 'utf8'));
    t.after(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended
      }
    });
    await eventually(() =>
      assert.match(readFileSync(path('beat.log'), 'utf8'), /Sending due task/),
    );
    const second = await runCli(beat('--pidfile', 'celerybeat.pid'), options);
    assert.equal(second.code, 73);
    assert.match(second.stdout, /^celery beat v.* is starting\.\n$/);
    assert.match(
      second.stderr,
      /Pidfile \(celerybeat\.pid\) already exists\.\nSeems we're already running\?/,
    );
    process.kill(pid, 'SIGTERM');
    await eventually(() => assert.equal(existsSync(path('celerybeat.pid')), false));
  });

  it('moves a schedule file aside that it cannot read', async t => {
    const { start, path } = setup(t, app(OFTEN));
    writeFileSync(path('celerybeat-schedule'), '{"entries": {"often": [17');
    const beat = start('beat', '-l', 'info');
    await beat.sees(/ERROR.*Removing corrupted schedule file 'celerybeat-schedule': /);
    await beat.sees(/Sending due task/);
    assert.match(readFileSync(path('celerybeat-schedule.corrupt'), 'utf8'), /"often": \[17/);
  });

  it("leaves the schedule file of Python's beat as it is", async t => {
    const { start, path } = setup(t, app(OFTEN));
    const theirs = Buffer.from('13579acd0000000000000000000000000000', 'hex');
    writeFileSync(path('celerybeat-schedule'), theirs);
    const beat = start('beat', '-l', 'info');
    await beat.sees(/is the schedule of a Python beat, which is left as it is/);
    await beat.sees(/Sending due task/);
    assert.deepEqual(readFileSync(path('celerybeat-schedule')), theirs);
    assert.ok(existsSync(path('celerybeat-schedule.json')));
  });

  it('says at the start what is wrong with an entry, a scheduler, a file or an option', async t => {
    const wrong = `{ nightly: { task: 'proj.note', shedule: 3 } }`;
    const { options, beat, path } = setup(t, app(wrong));
    const cases: [string, RegExp][] = [
      [app(wrong), /The entry "nightly": there is no "shedule"\. Did you mean "schedule"\?/],
      [
        app(`{ n: { task: 'proj.note', schedule: 3, catch_up: 'lst' } }`),
        /"n": catch_up must be .*Did you mean "last"\?/,
      ],
      [
        app(`{ n: { task: 'proj.note', schedule: 3, options: { queu: 'a' } } }`),
        /options of the entry "n": there is no option "queu"\. Did you mean "queue"\?/,
      ],
      [app(`{ n: { task: 'proj.note', schedule: -3 } }`), /The entry "n": schedule: /],
    ];
    for (const [source, message] of cases) {
      writeFileSync(path('tasks.js'), source);
      const { code, stderr } = await runCli(beat(), options);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    }
    writeFileSync(path('tasks.js'), app(OFTEN));
    const scheduler = await runCli(beat('-S', 'celery.beat:PersistantScheduler'), options);
    assert.equal(scheduler.code, 1);
    assert.match(scheduler.stderr, /Did you mean "celery\.beat:PersistentScheduler"\?/);
    const file = await runCli(beat('-s', 'no/such/folder/schedule'), options);
    assert.equal(file.code, 1);
    assert.match(file.stderr, /The schedule file ".*no\/such\/folder\/schedule" cannot be written/);
    assert.equal((await runCli(beat('--no-such'), options)).code, 2);
  });
});

describe('worker -B', () => {
  it('sends and runs periodic tasks, and its beat ends with it', async t => {
    const { start, ran } = setup(t, app(OFTEN));
    const worker = start('worker', '-P', 'solo', '-B', '-l', 'info', '-s', '%n.schedule');
    await worker.sees(/beat: Starting\.\.\./);
    await eventually(() => assert.ok(ran().length > 2));
    worker.kill('SIGTERM');
    const { code, stderr } = await worker.ended();
    assert.equal(code, 0);
    assert.match(stderr, /beat: Shutting down\.\.\./);
  });
});
