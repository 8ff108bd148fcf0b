/** A real worker process with the app of test/fixtures/worker-app.ts, and a client for it. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { builtApp } from './built-app.ts';
import { type RunningCli, startCli } from './cli.ts';
import { startRedis } from './servers.ts';

/** As it was written: stacks name its TypeScript. */
export const WORKER_APP_SOURCE = fileURLToPath(
  new URL('../fixtures/worker-app.ts', import.meta.url),
);
export const WORKER_APP = builtApp(WORKER_APP_SOURCE);

/** Settings of broker and backend, and what to do when the tests are over. */
export interface Surroundings {
  readonly name: string;
  readonly settings: CeleryConfig;
  /** A folder for files that tasks write. */
  readonly dir: string;
  stop(): Promise<void>;
}

export async function redisSurroundings(): Promise<Surroundings> {
  const [server, dir] = [await startRedis(), await temporary()];
  return {
    name: 'Redis',
    settings: { broker_url: server.url, result_backend: server.url },
    dir,
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true });
    },
  };
}

export async function sqliteSurroundings(): Promise<Surroundings> {
  const dir = await temporary();
  const file = join(dir, 'celery.sqlite');
  return {
    name: 'SQLite',
    settings: { broker_url: `sqla+sqlite:///${file}`, result_backend: `db+sqlite:///${file}` },
    dir,
    stop: () => rm(dir, { recursive: true }),
  };
}

function temporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tscelery-worker-'));
}

export interface WorkerBench {
  readonly queue: string;
  readonly worker: RunningCli;
  readonly app: Celery;
  /** Path of a new file for tasks to write to. */
  file(): string;
  /** Lines of such a file; none while it does not exist. */
  lines(file: string): Promise<string[]>;
  /** Another worker on the same queue. */
  another(args?: readonly string[]): Promise<RunningCli>;
}

export interface BenchOptions {
  /** Path of the app; what test/fixtures/worker-app.ts becomes by default. */
  readonly appFile?: string;
  readonly settings?: CeleryConfig;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a worker on a queue of its own, waits until it is ready and runs `body` with it;
 * everything is stopped afterwards.
 */
export async function withWorker(
  surroundings: Surroundings,
  options: BenchOptions,
  body: (bench: WorkerBench) => Promise<void>,
): Promise<void> {
  const queue = `q-${randomUUID().slice(0, 8)}`;
  const settings = {
    ...surroundings.settings,
    task_default_queue: queue,
    ...options.settings,
  };
  const app = new Celery('client', settings);
  const workers: RunningCli[] = [];
  const start = async (args: readonly string[] = []) => {
    const worker = startWorker(
      settings,
      ['-n', `w${workers.length + 1}@test`, ...args],
      options.appFile,
      options.env,
    );
    workers.push(worker);
    await worker.sees(/ ready\./);
    return worker;
  };
  try {
    const worker = await start(options.args);
    await body({
      queue,
      worker,
      app,
      file: () => join(surroundings.dir, randomUUID()),
      lines,
      another: start,
    });
  } finally {
    await app.close();
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.map(worker => worker.ended()));
  }
}

/**
 * One worker for all tests of the suite that this is called in: each start costs a second of a
 * processor. For tests that neither end it nor change what others see of it.
 *
 * @returns what gives it to a test
 */
export function sharedWorker(
  surroundings: () => Surroundings,
  options: BenchOptions,
): () => WorkerBench {
  let bench: WorkerBench;
  let finish = () => {};
  let finished = Promise.resolve();
  before(async () => {
    await new Promise<void>((ready, failed) => {
      finished = withWorker(surroundings(), options, async started => {
        bench = started;
        const over = new Promise<void>(resolve => {
          finish = resolve;
        });
        ready();
        await over;
      });
      finished.catch(failed);
    });
  });
  after(async () => {
    finish();
    await finished;
  });
  return () => bench;
}

/** A worker process that is starting. */
export function startWorker(
  settings: CeleryConfig,
  args: readonly string[] = [],
  appFile = WORKER_APP,
  env: Readonly<Record<string, string>> = {},
): RunningCli {
  return startCli(['-A', `${appFile}:app`, 'worker', '-l', 'INFO', '-c', '2', ...args], {
    env: { TEST_SETTINGS: JSON.stringify(settings), ...env },
  });
}

export async function lines(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter(line => line !== '');
}
