/** What a whole measurement left: every run, on which machine; as a file. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Lab } from './lab.ts';
import { PYTHON } from './python.ts';
import { rabbitmqVersion } from './servers/rabbitmq.ts';
import type { Metrics } from './suites/suite.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
export const RESULTS_DIR = join(ROOT, 'bench-results');

export interface Run {
  readonly suite: string;
  readonly system: string;
  readonly round: number;
  readonly metrics: Metrics;
  /** Share of the machine that other processes took meanwhile, 0 to 1. */
  readonly others: number;
  /** Too much of it: the run counts only when there is no better one. */
  readonly noisy: boolean;
}

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly redis: string;
  /** Undefined when it is not installed. */
  readonly rabbitmq: string | undefined;
  readonly python: string;
  readonly celery: string;
  readonly bullmq: string;
  readonly tscelery: string;
  /** Load averages of 1, 5 and 15 minutes when the measurement began. */
  readonly load: readonly number[];
}

export interface Report {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly command: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly runs: readonly Run[];
  /** Suites for which something is not installed. */
  readonly leftOut: readonly string[];
  /** What failed when it was measured. */
  readonly failures: readonly string[];
}

export async function describeMachine(lab: Lab): Promise<Machine> {
  const [processor] = cpus();
  const versions = 'import platform, celery; print(platform.python_version(), celery.__version__)';
  const [python = '', celery = ''] = (await output(PYTHON, ['-c', versions])).split(' ');
  const commit = await output('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD']);
  const own = await versionIn('package.json');
  return {
    processor: processor?.model ?? 'unknown',
    processors: lab.processors,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release().split('-')[0] ?? '',
    node: process.versions.node,
    redis: await lab.redis.version(),
    rabbitmq: rabbitmqVersion(),
    python,
    celery,
    bullmq: await versionIn('scripts/bench/node_modules/bullmq/package.json'),
    tscelery: commit === '' ? own : `${own} (${commit})`,
    load: loadavg(),
  };
}

/** @returns the path of the file */
export async function writeReport(report: Report): Promise<string> {
  await mkdir(RESULTS_DIR, { recursive: true });
  const name = `${report.startedAt.slice(0, 19).replaceAll(':', '-')}.json`;
  const path = join(RESULTS_DIR, name);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

/** The newest report, or undefined when there is none. */
export async function lastReport(): Promise<Report | undefined> {
  const names = await readdir(RESULTS_DIR).catch(() => []);
  const last = names
    .filter(name => name.endsWith('.json'))
    .sort()
    .at(-1);
  if (last === undefined) return undefined;
  return JSON.parse(await readFile(join(RESULTS_DIR, last), 'utf8')) as Report;
}

async function versionIn(path: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, path), 'utf8')) as { version: string };
  return version;
}

/** Empty when the program cannot tell. */
async function output(file: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(file, args)).stdout.trim();
  } catch {
    return '';
  }
}
