/** tscelery as it is built in this repository. */
import {
  countRedis,
  countRedisResults,
  countSqlite,
  fillRedis,
  fillSqlite,
  sqliteBackend,
  sqliteBroker,
} from './celery-queue.ts';
import type { Lab } from './lab.ts';
import type { Command } from './processes.ts';
import type { DrainSubject, System } from './system.ts';

const BIN = new URL('../../bin/tscelery.js', import.meta.url).pathname;
const APP = new URL('workloads/tscelery-app.js', import.meta.url).pathname;
const PRODUCER = new URL('workloads/tscelery-producer.js', import.meta.url).pathname;

type Store = 'redis' | 'sqlite';

interface WorkerOptions {
  readonly results?: boolean;
  readonly loglevel?: string;
  readonly flags?: readonly string[];
}

const PREFORK = ['-P', 'prefork', '-c', '2'];
const SOLO = ['-P', 'solo'];
const MULTIPLIER = ['--prefetch-multiplier', '100'];

function node(lab: Lab, store: Store, args: readonly string[], results: boolean): Command {
  const broker = store === 'redis' ? lab.redisUrl : sqliteBroker(lab);
  const backend = store === 'redis' ? lab.redisUrl : sqliteBackend(lab);
  return {
    file: process.execPath,
    args,
    env: { BENCH_BROKER: broker, BENCH_BACKEND: results ? backend : '' },
  };
}

function worker(lab: Lab, store: Store, options: WorkerOptions = {}): Command {
  const { results = false, loglevel = 'WARNING', flags = PREFORK } = options;
  return node(lab, store, [BIN, '-A', APP, 'worker', '-l', loglevel, ...flags], results);
}

function producer(lab: Lab, store: Store, what: string, results: boolean): Command {
  return node(lab, store, [PRODUCER, what], results);
}

function drain(store: Store, tasks: number, flags: readonly string[]): DrainSubject {
  const fill = store === 'redis' ? fillRedis : fillSqlite;
  return {
    tasks,
    fill: (lab, count) => fill(lab, count, true),
    openCounter: store === 'redis' ? countRedis : countSqlite,
    worker: lab => worker(lab, store, { flags }),
  };
}

function results(tasks: number, flags: readonly string[]): DrainSubject {
  return {
    ...drain('redis', tasks, flags),
    fill: (lab, count) => fillRedis(lab, count, false),
    worker: lab => worker(lab, 'redis', { flags, results: true }),
    storedResults: countRedisResults,
  };
}

/** Everything that is measured once per broker, with the default prefetch. */
function prefork(store: Store): Omit<System, 'name'> {
  return {
    enqueue: { producer: lab => producer(lab, store, 'enqueue', false) },
    latency: {
      worker: lab => worker(lab, store, { results: true }),
      producer: lab => producer(lab, store, 'latency', true),
    },
    footprint: {
      worker: lab => worker(lab, store, { loglevel: 'INFO' }),
      version: lab => node(lab, store, [BIN, '--version'], false),
    },
  };
}

export const TSCELERY_SYSTEMS: readonly System[] = [
  {
    name: 'tscelery prefork -c 2',
    drain: drain('redis', 100_000, PREFORK),
    results: results(60_000, PREFORK),
    ...prefork('redis'),
  },
  {
    name: 'tscelery prefork -c 2, prefetch ×100',
    drain: drain('redis', 200_000, [...PREFORK, ...MULTIPLIER]),
    results: results(100_000, [...PREFORK, ...MULTIPLIER]),
  },
  {
    name: 'tscelery solo',
    drain: drain('redis', 100_000, SOLO),
    results: results(60_000, SOLO),
    footprint: { worker: lab => worker(lab, 'redis', { loglevel: 'INFO', flags: SOLO }) },
  },
  {
    name: 'tscelery SQLite prefork -c 2',
    drain: drain('sqlite', 40_000, PREFORK),
    ...prefork('sqlite'),
  },
  {
    name: 'tscelery SQLite prefork -c 2, prefetch ×100',
    drain: drain('sqlite', 100_000, [...PREFORK, ...MULTIPLIER]),
  },
];
