/** Installs what the measurements need and builds what they measure. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PYTHON } from './python.ts';
import { rabbitmqVersion } from './servers/rabbitmq.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const BENCH = join(ROOT, 'scripts/bench');

/**
 * @returns whether there is RabbitMQ, which is only looked for when it is wanted
 * @throws Error saying what else is missing and could not be installed
 */
export async function prepare({ rabbitmq }: { rabbitmq: boolean }): Promise<boolean> {
  await installServers();
  const hasRabbitmq = rabbitmq && (await installRabbitmq());
  if (!existsSync(join(BENCH, 'node_modules/bullmq'))) {
    await run('npm', ['install', '--prefix', BENCH]);
  }
  await run('npm', ['run', '--silent', 'build', '--prefix', ROOT]);
  return hasRabbitmq;
}

/** Redis and Python Celery, as Debian's packages. */
async function installServers(): Promise<void> {
  const missing = [
    ...((await runs('redis-server', ['--version'])) ? [] : ['redis-server']),
    ...((await runs(PYTHON, ['-c', 'import celery'])) ? [] : ['python3-celery']),
    ...((await runs(PYTHON, ['-c', 'import redis'])) ? [] : ['python3-redis']),
  ];
  if (missing.length === 0) return;
  if (!(await canInstall())) {
    throw new Error(`please install ${missing.join(', ')} (names of Debian packages)`);
  }
  await install(missing);
}

async function installRabbitmq(): Promise<boolean> {
  if (rabbitmqVersion() === undefined && (await canInstall())) {
    await install(['rabbitmq-server']).catch(error => process.stderr.write(`${error.message}\n`));
  }
  return rabbitmqVersion() !== undefined;
}

async function canInstall(): Promise<boolean> {
  return process.getuid?.() === 0 && (await runs('apt-get', ['--version']));
}

async function install(packages: readonly string[]): Promise<void> {
  // Debian would start a server of its own right away; we need only the program.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-qq'], env);
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], env);
}

async function runs(file: string, args: readonly string[]): Promise<boolean> {
  return promisify(execFile)(file, args).then(
    () => true,
    () => false,
  );
}

async function run(file: string, args: readonly string[], env = {}): Promise<void> {
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    // Standard output is for the tables.
    stdio: ['ignore', process.stderr, process.stderr],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} failed with exit code ${code}`);
}
