/** tscelery as it is built in this repository. */
import type { Broker } from './brokers/broker.ts';
import { RABBITMQ, RABBITMQ_TASKS } from './brokers/rabbitmq.ts';
import { REDIS } from './brokers/redis.ts';
import { SQLITE } from './brokers/sqlite.ts';
import type { Lab } from './lab.ts';
import type { Command } from './processes.ts';
import type { DrainSubject, System } from './system.ts';

const BIN = new URL('../../bin/tscelery.js', import.meta.url).pathname;
const APP = new URL('workloads/tscelery-app.js', import.meta.url).pathname;
const PRODUCER = new URL('workloads/tscelery-producer.js', import.meta.url).pathname;

interface WorkerOptions {
  readonly results?: boolean;
  readonly loglevel?: string;
  readonly flags?: readonly string[];
}

const PREFORK = ['-P', 'prefork', '-c', '2'];
const SOLO = ['-P', 'solo'];
const ASYNC = ['-P', 'async', '-c', '100'];
const MULTIPLIER = ['--prefetch-multiplier', '100'];

function node(lab: Lab, broker: Broker, args: readonly string[], results: boolean): Command {
  return {
    file: process.execPath,
    args,
    env: { BENCH_BROKER: broker.url(lab), BENCH_BACKEND: results ? broker.backend(lab) : '' },
  };
}

function worker(lab: Lab, broker: Broker, options: WorkerOptions = {}): Command {
  const { results = false, loglevel = 'WARNING', flags = PREFORK } = options;
  return node(lab, broker, [BIN, '-A', APP, 'worker', '-l', loglevel, ...flags], results);
}

function producer(lab: Lab, broker: Broker, what: string, results: boolean): Command {
  return node(lab, broker, [PRODUCER, what], results);
}

function drain(broker: Broker, tasks: number, flags: readonly string[]): DrainSubject {
  return {
    tasks,
    fill: (lab, count) => broker.fill(lab, count, true),
    openCounter: broker.openCounter,
    worker: lab => worker(lab, broker, { flags }),
  };
}

function results(broker: Broker, tasks: number, flags: readonly string[]): DrainSubject {
  return {
    ...drain(broker, tasks, flags),
    fill: (lab, count) => broker.fill(lab, count, false),
    worker: lab => worker(lab, broker, { flags, results: true }),
    ...(broker.countResults && { storedResults: broker.countResults }),
  };
}

/** Everything that is measured once per broker, with the default prefetch. */
function prefork(broker: Broker): Omit<System, 'name'> {
  return {
    enqueue: { producer: lab => producer(lab, broker, 'enqueue', false) },
    latency: {
      worker: lab => worker(lab, broker, { results: true }),
      producer: lab => producer(lab, broker, 'latency', true),
    },
    footprint: {
      worker: lab => worker(lab, broker, { loglevel: 'INFO' }),
      version: lab => node(lab, broker, [BIN, '--version'], false),
    },
  };
}

export const TSCELERY_SYSTEMS: readonly System[] = [
  {
    name: 'tscelery prefork -c 2',
    drain: drain(REDIS, 100_000, PREFORK),
    results: results(REDIS, 60_000, PREFORK),
    rabbitmq: drain(RABBITMQ, RABBITMQ_TASKS, PREFORK),
    rpc: results(RABBITMQ, RABBITMQ_TASKS, PREFORK),
    ...prefork(REDIS),
  },
  {
    name: 'tscelery prefork -c 2, prefetch ×100',
    drain: drain(REDIS, 200_000, [...PREFORK, ...MULTIPLIER]),
    results: results(REDIS, 100_000, [...PREFORK, ...MULTIPLIER]),
    rabbitmq: drain(RABBITMQ, 100_000, [...PREFORK, ...MULTIPLIER]),
    rpc: results(RABBITMQ, RABBITMQ_TASKS, [...PREFORK, ...MULTIPLIER]),
  },
  {
    name: 'tscelery solo',
    drain: drain(REDIS, 100_000, SOLO),
    results: results(REDIS, 60_000, SOLO),
    footprint: { worker: lab => worker(lab, REDIS, { loglevel: 'INFO', flags: SOLO }) },
  },
  {
    name: 'tscelery async -c 100',
    drain: drain(REDIS, 150_000, ASYNC),
    results: results(REDIS, 100_000, ASYNC),
  },
  {
    name: 'tscelery SQLite prefork -c 2',
    drain: drain(SQLITE, 40_000, PREFORK),
    ...prefork(SQLITE),
  },
  {
    name: 'tscelery SQLite prefork -c 2, prefetch ×100',
    drain: drain(SQLITE, 100_000, [...PREFORK, ...MULTIPLIER]),
  },
];
