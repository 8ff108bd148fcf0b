/** examples/routing, as its comments say, on every broker. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RunningCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis } from '../support/servers.ts';
import { shareRabbitmq } from '../support/shared-rabbitmq.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/routing');
const FROM_SOURCE = { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') };

type Env = Readonly<Record<string, string>>;

const at = (broker: string, results: string): Env => ({
  ...FROM_SOURCE,
  CELERY_BROKER_URL: broker,
  CELERY_RESULT_BACKEND: results,
});

const BROKERS: Readonly<Record<string, (t: TestContext) => Promise<Env>>> = {
  Redis: async t => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    return at(redis.url, redis.url);
  },
  RabbitMQ: async t => {
    const [rabbit, redis] = await Promise.all([shareRabbitmq(), startRedis()]);
    t.after(() => Promise.all([rabbit.stop(), redis.stop()]));
    return at(rabbit.url, redis.url);
  },
  SQLite: async t => {
    const file = join(temporaryProject(t, {}), 'celery.sqlite');
    return at(`sqla+sqlite:///${file}`, `db+sqlite:///${file}`);
  },
};

async function startWorker(t: TestContext, env: Env, ...args: string[]): Promise<RunningCli> {
  const worker = startCli(['-A', 'app', 'worker', '-l', 'INFO', '-c', '1', ...args], {
    cwd: EXAMPLE,
    env,
  });
  t.after(async () => {
    worker.kill('SIGKILL');
    await worker.ended();
  });
  await worker.sees(/ ready\./, 60);
  return worker;
}

/** The client as it runs. */
function startClient(t: TestContext, env: Env) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), 'client.ts'],
    { cwd: EXAMPLE, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const client = { stdout: '', exited: once(child, 'exit') };
  child.stdout?.on('data', (text: Buffer) => {
    client.stdout += text;
  });
  return client;
}

/** What the tasks of a worker printed, without log prefix. */
const said = (worker: RunningCli) =>
  [...worker.stderr.matchAll(/(?:one|two|three)@example (?:stores|reloads).*/g)]
    .map(([line]) => line)
    .sort();

describe('the example routing', () => {
  for (const [broker, start] of Object.entries(BROKERS)) {
    test(`routes by glob, RegExp, function, topic, priority, node and to all on ${broker}`, async t => {
      const env = await start(t);
      const [one, two] = await Promise.all([
        startWorker(t, env, '-n', 'one@example', '-Q', 'feeds,archive,everyone'),
        startWorker(t, env, '-n', 'two@example', '-Q', 'sports,everyone'),
      ]);

      const client = startClient(t, env);
      await eventually(() => assert.match(client.stdout, /start the third worker/), {
        seconds: 60,
      });
      await startWorker(t, env, '-n', 'three@example', '-Q', 'media');
      assert.deepEqual(await client.exited, [0, null]);

      assert.equal(
        client.stdout,
        `glob: a.xml on feeds
function: big on feeds
mandatory: Unroutable
direct: two@example
priorities: start the third worker
low, normal and high ran as number 2, 1, 0
`,
      );
      await eventually(() => {
        assert.deepEqual(said(one), [
          'one@example reloads',
          'one@example stores chess',
          'one@example stores tennis',
          'one@example stores weather',
        ]);
        assert.deepEqual(said(two), [
          'two@example reloads',
          'two@example stores chess',
          'two@example stores tennis',
        ]);
      });
    });
  }
});
