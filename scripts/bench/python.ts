/** Python Celery as Debian packages it. */
import { countRedis, countRedisResults, fillRedis } from './celery-queue.ts';
import type { Lab } from './lab.ts';
import type { Command } from './processes.ts';
import { BASELINE, type DrainSubject, type System } from './system.ts';

/** The system's own interpreter: python3-celery is a package of the system. */
export const PYTHON = '/usr/bin/python3';
const TASKS = 10_000;
const WORKLOADS = new URL('workloads/', import.meta.url).pathname;

interface WorkerOptions {
  readonly results?: boolean;
  readonly loglevel?: string;
  readonly flags?: readonly string[];
}

function python(lab: Lab, args: readonly string[], results: boolean): Command {
  return {
    file: PYTHON,
    args,
    env: {
      PYTHONPATH: WORKLOADS,
      PYTHONDONTWRITEBYTECODE: '1',
      BENCH_BROKER: lab.redisUrl,
      BENCH_BACKEND: results ? lab.redisUrl : '',
    },
  };
}

function worker(lab: Lab, options: WorkerOptions = {}): Command {
  const { results = false, loglevel = 'WARNING', flags = [] } = options;
  const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat'];
  const args = ['worker', '-c', '2', '-l', loglevel, ...quiet, ...flags];
  return python(lab, ['-m', 'celery', '-A', 'celery_app', ...args], results);
}

function producer(lab: Lab, what: string, results: boolean): Command {
  return python(lab, [`${WORKLOADS}celery_producer.py`, what], results);
}

function drain(flags: readonly string[] = []): DrainSubject {
  return {
    tasks: TASKS,
    fill: (lab, tasks) => fillRedis(lab, tasks, true),
    openCounter: countRedis,
    worker: lab => worker(lab, { flags }),
  };
}

function results(flags: readonly string[] = []): DrainSubject {
  return {
    ...drain(flags),
    fill: (lab, tasks) => fillRedis(lab, tasks, false),
    worker: lab => worker(lab, { flags, results: true }),
    storedResults: countRedisResults,
  };
}

const MULTIPLIER = ['--prefetch-multiplier', '100'];

export const PYTHON_SYSTEMS: readonly System[] = [
  {
    name: BASELINE,
    drain: drain(),
    results: results(),
    enqueue: { producer: lab => producer(lab, 'enqueue', false) },
    latency: {
      worker: lab => worker(lab, { results: true }),
      producer: lab => producer(lab, 'latency', true),
    },
    footprint: {
      worker: lab => worker(lab, { loglevel: 'INFO' }),
      version: lab => python(lab, ['-m', 'celery', '--version'], false),
    },
  },
  {
    name: `${BASELINE}, prefetch ×100`,
    drain: drain(MULTIPLIER),
    results: results(MULTIPLIER),
  },
];
