import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Celery } from '../../src/index.ts';
import { type RunningCli, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

let redis: Surroundings;

before(async () => {
  redis = await redisSurroundings();
});
after(() => redis.stop());

const args = ['-E', '-c', '1', '--heartbeat-interval', '0.3'];

/** Runs `body` with `tscelery events …` next to a worker. */
async function watching(
  options: readonly string[],
  body: (events: RunningCli, add: () => Promise<string>, app: Celery) => Promise<void>,
): Promise<void> {
  await withWorker(redis, { args }, async ({ app }) => {
    const events = startCli(['-b', String(redis.settings.broker_url), 'events', ...options]);
    try {
      await events.sees(/heartbeat/);
      const add = async () => (await app.sendTask('w.add' as never, [2, 3] as never)).id;
      await body(events, add, app);
    } finally {
      events.kill('SIGINT');
      assert.equal((await events.ended()).code, 0);
    }
  });
}

describe('tscelery events', () => {
  it('prints events as Celery does, one a line', async () => {
    await watching(['--dump'], async (events, add) => {
      const id = await add();
      await events.sees(/task succeeded/);
      // not the one that the command itself has asked for
      await events.sees(/heartbeat: active=/);

      const moment = String.raw`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?\]`;
      const call = `w.add\\(${id}\\) args=\\[2, 3\\] kwargs=\\{\\}`;
      const line = (words: string) => new RegExp(`^w1@test ${moment} ${words}`, 'm');
      assert.match(events.stdout, /^-> evdump: starting capture\.\.\.\n/);
      assert.match(events.stdout, line('heartbeat: active=0, clock=\\d+, freq=0.3, loadavg=\\['));
      assert.match(events.stdout, line(`task received: ${call} clock=\\d+, eta=None, `));
      assert.match(events.stdout, line(`task started: ${call} clock=\\d+, `));
      assert.match(events.stdout, line(`task succeeded: ${call} clock=.*, result=5, runtime=`));
    });
  });

  it('names the id of a task of which it has heard nothing else', async () => {
    await watching(['--dump'], async (events, _add, app) => {
      const { id } = await app.sendTask('w.nobodys' as never, [] as never);
      await events.sees(/task failed/);

      const line = new RegExp(`task failed: clock=\\d+, exception=.*w\\.nobodys.*, uuid=${id}`);
      assert.match(events.stdout, line);
    });
  });

  it('prints them as JSON', async () => {
    await watching(['--json'], async (events, add) => {
      const id = await add();
      await events.sees(/task-succeeded.*\n/);

      const lines = events.stdout
        .slice(0, events.stdout.lastIndexOf('\n'))
        .split('\n')
        .map(line => JSON.parse(line));
      const about = lines.filter(({ uuid }) => uuid === id).map(({ type }) => type);
      assert.deepEqual(about, ['task-received', 'task-started', 'task-succeeded']);
    });
  });

  it('goes on when the broker was away', async () => {
    const own = await redisSurroundings();
    await own.stop();
    const events = startCli(['-b', String(own.settings.broker_url), 'events', '--dump']);
    await events.sees(/-> Cannot connect to redis:.*\nTrying again in 2\.00 seconds/);

    events.kill('SIGTERM');

    assert.equal((await events.ended()).code, 0);
  });

  it('has a camera take snapshots', async () => {
    const file = join(redis.dir, 'camera.mjs');
    await writeFile(
      file,
      `export class Camera {
        onShutter(state) {
          const [task] = state.tasksByTime();
          console.log(state.aliveWorkers().length, task?.name, task?.state);
        }
      }`,
    );
    await withWorker(redis, { args }, async ({ app }) => {
      const events = startCli([
        ...['-b', String(redis.settings.broker_url), 'events'],
        ...['--camera', `${file}:Camera`, '--frequency', '0.1'],
      ]);
      await events.sees(/^-> evcam: Taking snapshots with .*:Camera \(every 0\.1 secs\.\)$/m);
      await eventually(() => /^1 undefined/m.test(events.stdout));
      await app.sendTask('w.add' as never, [2, 3] as never);
      await events.sees(/^1 w\.add SUCCESS$/m);

      events.kill('SIGINT');

      assert.equal((await events.ended()).code, 0);
    });
  });

  it('has a camera take snapshots in the background, with a log and a pidfile', async t => {
    const path = (name: string) => join(redis.dir, name);
    await writeFile(
      path('background.mjs'),
      `export class Camera {
        onShutter(state) {
          console.log('alive', state.aliveWorkers().map(({ hostname }) => hostname).join());
        }
      }`,
    );
    const pid = () => Number(readFileSync(path('events.pid'), 'utf8'));
    const words = [
      ...['-b', String(redis.settings.broker_url), 'events', '--detach', '--frequency', '0.1'],
      ...['--camera', `${path('background.mjs')}:Camera`],
      ...['--pidfile', path('events.pid'), '-f', path('%n.log'), '-l', 'info'],
    ];
    t.after(() => {
      if (existsSync(path('events.pid'))) process.kill(pid(), 'SIGKILL');
    });

    const launched = await runCli(words);
    assert.deepEqual([launched.code, launched.stdout, launched.stderr], [0, '', '']);
    const log = () => readFileSync(path('celery.log'), 'utf8');
    assert.match(log(), /-> evcam: Taking snapshots with /);
    await withWorker(redis, { args }, async () => {
      await eventually(() => assert.match(log(), /WARNING.*\] alive w1@test$/m), { seconds: 20 });
    });
    const second = await runCli(words);
    assert.equal(second.code, 73);
    assert.match(second.stderr, /Pidfile .* already exists/);

    const running = pid();
    process.kill(running, 'SIGTERM');
    await eventually(() => assert.throws(() => process.kill(running, 0), { code: 'ESRCH' }), {
      seconds: 20,
    });
    assert.equal(existsSync(path('events.pid')), false);
  });

  it('says at the terminal why a camera in the background cannot start', async () => {
    const missing = ['events', '--detach', '--camera', './nothing.js:X'];
    const { code, stderr } = await runCli(['-b', 'memory://', ...missing], { cwd: redis.dir });

    assert.notEqual(code, 0);
    assert.match(stderr, /nothing\.js/);
  });

  for (const [options, message] of [
    [['--dump', '--detach'], /--detach goes with --camera/],
    [['--json', '-f', 'events.log'], /--logfile goes with --camera/],
    [['--dump', '--uid', 'nobody-of-that-name'], /nobody-of-that-name/],
    [[], /full-screen monitor is not in tscelery yet; use --dump, --json or --camera/],
    [['--dump', '--json'], /exclude each other/],
    [['--camera', './nothing.js:X'], /nothing\.js/],
  ] as const) {
    it(`says what is wrong with: events ${options.join(' ')}`, async () => {
      const { code, stderr } = await runCli(['-b', 'memory://', 'events', ...options]);

      assert.notEqual(code, 0);
      assert.match(stderr, message);
    });
  }
});
