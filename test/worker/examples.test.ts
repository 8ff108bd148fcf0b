import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type RunningCli, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { pythonCelery } from '../support/python.ts';
import { startRedis } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLES = join(ROOT, 'examples');
const TSX = import.meta.resolve('tsx');
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

type Env = Readonly<Record<string, string>>;

/** `tscelery` means the sources, also in folders outside the repository. */
const FROM_SOURCE: Env = { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') };

async function startWorker(
  t: TestContext,
  args: readonly string[],
  { cwd, env }: { cwd: string; env?: Env },
): Promise<RunningCli> {
  const worker = startCli(
    [...args.slice(0, 2), 'worker', '-l', 'INFO', '-c', '2', ...args.slice(2)],
    {
      cwd,
      env: { ...FROM_SOURCE, ...env },
    },
  );
  t.after(async () => {
    worker.kill('SIGKILL');
    await worker.ended();
  });
  await worker.sees(/ ready\./);
  return worker;
}

/** Runs a client to its end and returns what it printed; fails with what it wrote to stderr. */
async function runClient(command: string, args: readonly string[], cwd: string, env: Env = {}) {
  const { stdout } = await promisify(execFile)(command, args, {
    cwd,
    env: { ...process.env, ...FROM_SOURCE, PYTHONDONTWRITEBYTECODE: '1', ...env },
    timeout: 60_000,
  });
  return stdout;
}

const runTs = (file: string, cwd: string, env?: Env) =>
  runClient(process.execPath, ['--import', TSX, file], cwd, env);

/** Environment that keeps messages and results of an example in one place. */
const at = (broker: string, results: string): Env => ({
  CELERY_BROKER_URL: broker,
  CELERY_RESULT_BACKEND: results,
});

describe('the example basics', () => {
  it('shows what its client says it shows', async t => {
    const cwd = join(EXAMPLES, 'basics');
    const file = join(temporaryProject(t, {}), 'celery.sqlite');
    const env = at(`sqla+sqlite:///${file}`, `db+sqlite:///${file}`);
    await startWorker(t, ['-A', 'app', '-Q', 'celery,feeds'], { cwd, env });

    const printed = await runTs('client.ts', cwd, env);

    assert.equal(
      printed,
      `add: 3
resize: a.png is 80 x 80 now
late: PENDING 11
too late: TaskRevokedError: expired
missing: NotFound: http://example.org/nothing
busy: { url: 'http://example.org/busy', tries: 3 }
import: { done: 30, complete: true } with progress
charge: undefined
refresh: { url: 'a.xml', queue: 'feeds', sentByTask: true }
refresh: { url: 'b.xml', queue: 'feeds', sentByTask: true }
here: 42
`,
    );
  });
});

describe('the example workflows', () => {
  const cwd = join(EXAMPLES, 'workflows');
  const shown = `workflow: pictures.download('http://example.org/cat.png') | %publish([resize(640), resize(320), resize(160)])
published: cat.png: 640 x 427, cat.png: 320 x 213, cat.png: 160 x 107
heights: 427, 213, 107
missing: RangeError: http://example.org/nothing is no picture
feeds: monday: 5 + 8 + 11 entries
chunks: 10, 10, 5
`;
  const places: Readonly<Record<string, (t: TestContext) => Promise<Env>>> = {
    'a file': async t => {
      const file = join(temporaryProject(t, {}), 'celery.sqlite');
      return at(`sqla+sqlite:///${file}`, `db+sqlite:///${file}`);
    },
    Redis: async t => {
      const redis = await startRedis();
      t.after(() => redis.stop());
      return at(redis.url, redis.url);
    },
  };
  for (const [place, envOf] of Object.entries(places)) {
    it(`shows what its client says it shows, on ${place}`, async t => {
      const env = await envOf(t);
      const worker = await startWorker(t, ['-A', 'app'], { cwd, env });

      assert.equal(await runTs('client.ts', cwd, env), shown);
      await worker.sees(/No picture from .*: http:\/\/example\.org\/nothing is no picture/);
    });
  }
});

describe('the example periodic', () => {
  it('sends what is due, and leaves out a run while the one before goes on', async t => {
    const cwd = join(EXAMPLES, 'periodic');
    const folder = temporaryProject(t, {});
    const file = join(folder, 'celery.sqlite');
    const env = at(`sqla+sqlite:///${file}`, `db+sqlite:///${file}`);
    const worker = await startWorker(t, ['-A', 'app'], { cwd, env });
    const words = ['-A', 'app', 'beat', '-l', 'INFO', '-s', join(folder, 'schedule')];
    const beat = startCli(words, { cwd, env: { ...FROM_SOURCE, ...env } });
    t.after(async () => {
      beat.kill('SIGKILL');
      await beat.ended();
    });

    await beat.sees(/Sending due task crawl \(periodic\.crawl\)/, 40);
    await worker.sees(/Task periodic\.ping\[.*\] succeeded in .*: 'pong'/);
    // takes 12 seconds, and is due every five
    await worker.sees(/Task periodic\.crawl\[.*\] succeeded in 1\d\.\d+s: 'all since 20\d\d-.*Z'/);
    assert.equal(worker.stderr.match(/Task periodic\.crawl\[.*\] received/g)?.length, 1);
    beat.kill('SIGTERM');
    assert.equal((await beat.ended()).code, 0);
  });
});

describe('the example mixed-fleet', () => {
  const cwd = join(EXAMPLES, 'mixed-fleet');

  it('runs its TypeScript half for callers that name the arguments', async t => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const env = at(redis.url, redis.url);
    await startWorker(t, ['-A', 'app', '-Q', 'celery,node'], { cwd, env });
    const cli = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCli(['-A', 'app', ...args], {
        cwd,
        env: { ...FROM_SOURCE, ...env },
      });
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };

    const kwargs = JSON.stringify({ subject: 'Hello', to: 'eve@example.org' });
    const mail = await cli('result', await cli('call', 'mail.send', '--kwargs', kwargs));
    const price = await cli('result', await cli('call', 'shop.price', '--args', '["tea"]'));

    assert.match(mail, /sent "Hello" to eve@example\.org/);
    assert.match(price, /300/);
    assert.match(price, /TypeScript/);
  });

  it('runs both halves for callers of both languages', async t => {
    if (!(await pythonCelery())) return t.skip('Python Celery is not installed here');
    const redis = await startRedis();
    t.after(() => redis.stop());
    const env = at(redis.url, redis.url);
    await Promise.all([
      startWorker(t, ['-A', 'app', '-Q', 'celery,node'], { cwd, env }),
      startPythonWorker(t, cwd, env),
    ]);

    const [fromTs, fromPython] = [
      await runTs('client.ts', cwd, env),
      await runClient(PYTHON, ['client.py'], cwd, env),
    ];

    assert.equal(
      fromTs,
      `price: tea 600
price: milk 800
price: sugar 1000
mail: sent "Your order" to bob@example.org
report: Sales: 6
failed: ValueError: nothing to report
`,
    );
    assert.equal(
      fromPython,
      `price: 900
report: Sales: 9
mail: sent "Hello" to eve@example.org
`,
    );
  });
});

async function startPythonWorker(t: TestContext, cwd: string, env: Env): Promise<void> {
  const args = ['-m', 'celery', '-A', 'fleet', 'worker', '-l', 'INFO', '-c', '1'];
  const worker: ChildProcess = spawn(PYTHON, [...args, '-Q', 'celery,python', '--without-mingle'], {
    cwd,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [worker.stdout!, worker.stderr!]) {
    stream.setEncoding('utf8').on('data', text => {
      log += text;
    });
  }
  t.after(async () => {
    const ended = once(worker, 'close');
    worker.kill('SIGTERM');
    await ended;
  });
  await eventually(() => assert.match(log, / ready\./), { seconds: 30 });
}

describe('the example in the README', () => {
  it('runs', async t => {
    const files = readmeFiles();
    const cwd = temporaryProject(t, files);
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(ROOT, join(cwd, 'node_modules/tscelery'));
    const worker = await startWorker(t, ['-A', 'tasks'], { cwd });

    const printed = await runTs('order.ts', cwd);

    assert.deepEqual(Object.keys(files), ['tasks.ts', 'order.ts']);
    assert.equal(printed, '7.5\nBox 7 is packed\n');
    assert.match(worker.stdout, /transport: +sqla\+sqlite:\/\/\/celery\.sqlite \(embedded/);
  });
});

/** The TypeScript blocks of the README that begin with the name of a file. */
function readmeFiles(): Record<string, string> {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const blocks = readme.matchAll(/```ts\n(\/\/ ([\w-]+\.ts)\n[\s\S]*?)```/g);
  return Object.fromEntries([...blocks].map(([, text, name]) => [name!, text!]));
}
