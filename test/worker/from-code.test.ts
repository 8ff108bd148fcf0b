/** Workers that a program starts itself. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { WORKER_SETTINGS } from '../../src/app/workers/worker-options.ts';
import { WORKER_OPTIONS } from '../../src/cli/declarations/worker.ts';
import {
  type AutoscaleLoad,
  Celery,
  type CeleryConfig,
  getTaskLogger,
  type WorkerOptions,
  type WorkerStats,
} from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { resources } from '../support/resources.ts';
import { freePort, type RedisServer, startRedis } from '../support/servers.ts';

const FIXTURE = new URL('../fixtures/code-app.ts', import.meta.url);
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1'] as const;

let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

async function setup(t: TestContext, settings: CeleryConfig = {}) {
  const app = new Celery('code', {
    ...{ broker_url: redis.url, result_backend: redis.url, task_default_queue: randomUUID() },
    ...{ task_track_started: true, ...settings },
  });
  await app.configFromObject({});
  t.after(() => app.close());
  const add = app.task('add', (x: number, y: number) => x + y);
  const nap = app.task('nap', { bind: true }, async (self, seconds: number) => {
    await self.sleep(seconds);
    return 'slept';
  });
  const lines: string[] = [];
  const log: WorkerOptions['log'] = (level, message) => lines.push(`${level} ${message}`);
  const worker = (options: WorkerOptions = {}) => {
    const made = app.worker({ pool: 'async', loglevel: 'info', log, ...options });
    t.after(() => made.stop({ timeout: 0 }).catch(() => {}));
    return made;
  };
  return { app, add, nap, lines, worker };
}

const sockets = () => resources().filter(kind => kind !== 'ProcessWrap');

describe('a worker started from code', () => {
  it('consumes when start resolves, and leaves nothing behind when it is stopped', async t => {
    const { app, add, worker, lines } = await setup(t);
    const handlers = SIGNALS.map(signal => process.listenerCount(signal));
    const running = worker();
    await running.start();

    const result = await add.delay(1, 2);
    assert.equal(await result.get({ timeout: 10 }), 3);

    assert.deepEqual(
      SIGNALS.map(signal => process.listenerCount(signal)),
      handlers,
    );
    assert.ok(lines.includes(`info ${running.hostname} ready.`));
    await running.stop();
    await running.stop();
    await running.whenStopped();
    await app.close();
    await eventually(() => assert.deepEqual(sockets(), []));
  });

  it('warns when it has no tasks, and takes the level in any case', async t => {
    const app = new Celery('empty', { broker_url: redis.url, task_default_queue: randomUUID() });
    t.after(() => app.close());
    const lines: string[] = [];
    const log: WorkerOptions['log'] = (level, message) => lines.push(`${level} ${message}`);

    await using running = app.worker({ pool: 'async', loglevel: 'INFO', log });
    await running.start();

    const warnings = lines.filter(line => line.startsWith('warning The app has no tasks'));
    assert.equal(warnings.length, 1, lines.join('\n'));
    assert.ok(lines.includes(`info ${running.hostname} ready.`));
  });

  it('logs what its tasks log where it logs itself', async t => {
    const { app, lines, worker } = await setup(t);
    const others: string[] = [];
    const logger = getTaskLogger('shop');
    const speak = app.task('speak', { bind: true }, async self => {
      logger.info('from anywhere');
      await self.sleep(0);
      self.logger.warning('from self');
    });
    const log: WorkerOptions['log'] = (_, message) => others.push(message);
    await Promise.all([worker({ queues: ['other'], log }).start(), worker().start()]);

    await (await speak.delay()).get({ timeout: 10 });
    await (await speak.applyAsync([], { queue: 'other' })).get({ timeout: 10 });

    const said = (all: string[]) => all.filter(line => /from (anywhere|self)/.test(line));
    assert.deepEqual(said(lines), ['info from anywhere', 'warning from self']);
    assert.deepEqual(said(others), ['from anywhere', 'from self']);
  });

  it('waits for what runs, and leaves the app open', async t => {
    const { app, nap, worker } = await setup(t);
    const running = worker();
    const ended = running.run();
    await eventually(() => running.hostname !== undefined);
    const result = await nap.delay(0.3);
    await eventually(async () => (await result.state()) === 'STARTED');

    await running.stop();

    await ended;
    assert.equal(await result.get({ timeout: 0.5 }), 'slept');
    assert.equal(await app.AsyncResult(randomUUID()).state(), 'PENDING');
  });

  it('does not wait longer than told', async t => {
    const { nap, worker } = await setup(t);
    const running = worker();
    await running.start();
    const result = await nap.delay(60);
    await eventually(async () => (await result.state()) === 'STARTED');

    const from = performance.now();
    await running.stop({ timeout: 0.2 });

    assert.ok(performance.now() - from < 5000);
    await assert.rejects(result.get({ timeout: 5 }), { name: 'WorkerLostError' });
  });

  for (const [how, settings] of [
    ['broker_connection_max_retries are over', { broker_connection_max_retries: 2 }],
    ['broker_connection_retry is off', { broker_connection_retry: false }],
  ] as const) {
    it(`ends with an error when its broker goes away and ${how}`, async t => {
      const server = await startRedis();
      t.after(() => server.stop());
      const { worker } = await setup(t, { broker_url: server.url, ...settings });
      const running = worker();
      await running.start();

      await server.stop();

      await assert.rejects(running.whenStopped(), { name: 'OperationalError' });
      await running.stop();
    });
  }

  it('has settings and queues of its own, also beside another of the same app', async t => {
    const { app, add, worker } = await setup(t);
    const [mail, video] = [randomUUID(), randomUUID()];
    await using first = worker({ queues: [mail], concurrency: 1 });
    const second = worker({ queues: [video], concurrency: 7 });
    await Promise.all([first.start(), second.start()]);
    assert.notEqual(first.hostname, second.hostname);

    await second.stop();

    const [kept, left] = await Promise.all(
      [mail, video].map(queue => add.applyAsync([1, 2], { queue })),
    );
    assert.equal(await kept!.get({ timeout: 10 }), 3);
    assert.equal(await left!.state(), 'PENDING');
    assert.notEqual(app.conf.worker_concurrency, 7);
    assert.equal(
      app.queues.consumed.some(({ name }) => name === app.conf.task_default_queue),
      true,
    );
  });

  it('knows tasks that were declared after it', async t => {
    const { app, worker } = await setup(t);
    await worker().start();

    const late = app.task('late', () => 'late');

    assert.equal(await (await late.delay()).get({ timeout: 10 }), 'late');
  });

  it('rejects start with the reason, and holds nothing then', async t => {
    const port = await freePort();
    const broker_url = `redis://127.0.0.1:${port}/0`;
    const { worker } = await setup(t, { broker_url, broker_connection_retry_on_startup: false });
    const running = worker();

    await assert.rejects(running.start(), { name: 'OperationalError' });
    await assert.rejects(running.whenStopped(), { name: 'OperationalError' });
    await running.stop();
  });

  for (const [when, wait] of [
    ['before', undefined],
    ['while it is being made', 0],
    ['while it connects', 100],
  ] as const) {
    it(`may be stopped ${when} start`, async t => {
      const broker_url = wait ? `redis://127.0.0.1:${await freePort()}/0` : redis.url;
      const { worker } = await setup(t, { broker_url });
      const running = worker();
      if (wait === undefined) await running.stop();
      const starting = running.start();
      const reason = starting.catch(error => error.name);
      if (wait) await new Promise(resolve => setTimeout(resolve, wait));

      await running.stop();

      assert.equal(await reason, 'ConnectionClosed');
    });
  }

  it('tells an error that ends it later', async t => {
    const dir = await mkdtemp(join(tmpdir(), 'tscelery-code-'));
    t.after(() => rm(dir, { recursive: true, force: true }));
    const file = join(dir, 'broker.sqlite');
    const { worker, lines } = await setup(t, { broker_url: `sqla+sqlite:///${file}` });
    const running = worker();
    await running.start();

    await rm(dir, { recursive: true });

    await assert.rejects(running.whenStopped(), /./);
    assert.ok(lines.some(line => line.startsWith('critical Unrecoverable error')));
    await running.stop();
  });

  it('refuses options that do not exist', async t => {
    const { app } = await setup(t);

    assert.throws(() => app.worker({ concurency: 2 } as WorkerOptions), {
      name: 'TypeError',
      message: /There is no option "concurency" of a worker\. Did you mean "concurrency"/,
    });
  });

  it('has the options of the command line', () => {
    const daemon = ['watch', 'detach', 'pidfile', 'uid', 'gid', 'umask', 'executable'];
    // beat is a service of its own, which the command starts beside the worker
    const ofBeat = ['beat', 'scheduleFilename', 'scheduler'];
    const app = new Celery('x');
    const names = Object.keys(WORKER_OPTIONS).filter(
      name => !daemon.includes(name) && !ofBeat.includes(name),
    );

    for (const name of names) app.worker({ [name]: undefined } as WorkerOptions);

    assert.ok(Object.keys(WORKER_SETTINGS).every(name => names.includes(name)));
  });
});

describe('a worker from code with children', () => {
  it('says what it needs to know', async t => {
    const { worker } = await setup(t);

    await assert.rejects(worker({ pool: 'prefork' }).start(), {
      name: 'ImproperlyConfigured',
      message: /load the app themselves.*app\.worker\(\{ module/,
    });
  });

  it('runs tasks in them', async t => {
    process.env.TEST_SETTINGS = JSON.stringify({
      ...{ broker_url: redis.url, result_backend: redis.url, task_default_queue: randomUUID() },
    });
    t.after(() => delete process.env.TEST_SETTINGS);
    const { app, add } = (await import(FIXTURE.href)) as typeof import('../fixtures/code-app.ts');
    t.after(() => app.close());
    await using running = app.worker({ pool: 'prefork', concurrency: 1, module: FIXTURE });
    await running.start();

    const [sum, pid] = (await (await add.delay(1, 2)).get({ timeout: 20 })) as [number, number];

    assert.equal(sum, 3);
    assert.notEqual(pid, process.pid);
  });

  it('has as many of them as there is work for', async t => {
    const settings = {
      ...{ broker_url: redis.url, result_backend: redis.url, task_default_queue: randomUUID() },
    };
    process.env.TEST_SETTINGS = JSON.stringify(settings);
    t.after(() => delete process.env.TEST_SETTINGS);
    const { app, lines, worker } = await setup(t, settings);
    const add = app.task('c.add', (x: number, y: number) => x + y);
    const options = { pool: 'prefork', concurrency: 7, module: FIXTURE } as const;
    await worker({ ...options, autoscale: { max: 2 } }).start();
    const scale = async () => {
      const replies = await app.control.inspect({ limit: 1, timeout: 10 }).stats();
      return (Object.values(replies)[0] as WorkerStats).autoscaler;
    };
    assert.deepEqual(await scale(), { max: 2, min: 0, current: 1, qty: 0 });

    const sums = await Promise.all([1, 2, 3, 4].map(n => add.delay(n, n)));
    await Promise.all(sums.map(sum => sum.get({ timeout: 20 })));

    assert.ok(lines.includes('info Scaling up 1 processes.'), lines.join('\n'));
    assert.equal((await scale())!.current, 2);
  });

  it('has as many of them as a function says', async t => {
    const settings = { broker_url: redis.url, task_default_queue: randomUUID() };
    process.env.TEST_SETTINGS = JSON.stringify({ ...settings, result_backend: redis.url });
    t.after(() => delete process.env.TEST_SETTINGS);
    const loads: AutoscaleLoad[] = [];
    const { app, lines, worker } = await setup(t, {
      ...settings,
      worker_autoscaler(load: AutoscaleLoad) {
        loads.push(load);
        return 2;
      },
    });
    const add = app.task('c.add', (x: number, y: number) => x + y);
    await worker({ pool: 'prefork', module: FIXTURE, autoscale: { max: 5 } }).start();

    await (await add.delay(1, 2)).get({ timeout: 20 });

    assert.deepEqual(loads[0], { reserved: 1, children: 1, max: 5, min: 0 });
    assert.ok(lines.includes('info Scaling up 1 processes.'), lines.join('\n'));
  });

  it('cannot have more of them than none', async t => {
    const { worker } = await setup(t);

    await assert.rejects(worker({ autoscale: { max: 3, min: 1 } }).start(), {
      name: 'ImproperlyConfigured',
      message:
        /^autoscale \(max=3, min=1\) needs a pool with children, and the pool "async" has none/,
    });
  });

  it('runs tasks in threads of its own process', async t => {
    const dir = await mkdtemp(join(tmpdir(), 'tscelery-code-'));
    t.after(() => rm(dir, { recursive: true }));
    await writeFile(
      join(dir, 'app.mjs'),
      `import { threadId } from 'node:worker_threads';
      import { Celery } from ${JSON.stringify(program.library)};
      export const app = new Celery('t', { broker: '${redis.url}', backend: '${redis.url}' });
      app.conf.task_default_queue = '${randomUUID()}';
      export const add = app.task('t.add', (x, y) => [x + y, process.pid, threadId]);`,
    );
    await writeFile(
      join(dir, 'main.mjs'),
      `import { app, add } from './app.mjs';
      const module = new URL('./app.mjs', import.meta.url);
      const worker = app.worker({ pool: 'threads', concurrency: 1, module });
      await worker.start();
      const [sum, pid, thread] = await (await add.delay(1, 2)).get({ timeout: 20 });
      console.log(sum, pid === process.pid, thread > 0);
      await worker.stop();
      await app.close();`,
    );
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...program.nodeArgs, join(dir, 'main.mjs')],
      { env: { ...process.env, ...program.env } },
    );

    assert.equal(stdout, '3 true true\n');
  });

  it('whose module starts a worker is refused', async t => {
    const dir = await mkdtemp(join(tmpdir(), 'tscelery-code-'));
    t.after(() => rm(dir, { recursive: true }));
    const module = join(dir, 'app.mjs');
    const library = JSON.stringify(new URL('../../src/index.ts', import.meta.url).href);
    await writeFile(
      module,
      `import { Celery } from ${library};\nexport const app = new Celery('again');\nawait app.worker({ pool: 'async' }).start();\n`,
    );
    const { worker } = await setup(t);

    await assert.rejects(worker({ pool: 'prefork', concurrency: 1, module }).start(), {
      message: /keep the app and its tasks in a module of their own/,
    });
  });
});
