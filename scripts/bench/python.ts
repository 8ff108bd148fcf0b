/** Python Celery as Debian packages it. */
import type { Broker } from './brokers/broker.ts';
import { RABBITMQ, RABBITMQ_TASKS } from './brokers/rabbitmq.ts';
import { REDIS } from './brokers/redis.ts';
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

function python(lab: Lab, broker: Broker, args: readonly string[], results: boolean): Command {
  return {
    file: PYTHON,
    args,
    env: {
      PYTHONPATH: WORKLOADS,
      PYTHONDONTWRITEBYTECODE: '1',
      BENCH_BROKER: broker.url(lab),
      BENCH_BACKEND: results ? broker.backend(lab) : '',
    },
  };
}

function worker(lab: Lab, broker: Broker, options: WorkerOptions = {}): Command {
  const { results = false, loglevel = 'WARNING', flags = [] } = options;
  const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat'];
  const args = ['worker', '-c', '2', '-l', loglevel, ...quiet, ...flags];
  return python(lab, broker, ['-m', 'celery', '-A', 'celery_app', ...args], results);
}

function producer(lab: Lab, what: string, results: boolean): Command {
  return python(lab, REDIS, [`${WORKLOADS}celery_producer.py`, what], results);
}

function drain(broker: Broker, flags: readonly string[] = []): DrainSubject {
  return {
    tasks: broker === RABBITMQ ? RABBITMQ_TASKS : TASKS,
    fill: (lab, tasks) => broker.fill(lab, tasks, true),
    openCounter: broker.openCounter,
    worker: lab => worker(lab, broker, { flags }),
  };
}

function results(broker: Broker, flags: readonly string[] = []): DrainSubject {
  return {
    ...drain(broker, flags),
    fill: (lab, tasks) => broker.fill(lab, tasks, false),
    worker: lab => worker(lab, broker, { flags, results: true }),
    ...(broker.countResults && { storedResults: broker.countResults }),
  };
}

const MULTIPLIER = ['--prefetch-multiplier', '100'];

export const PYTHON_SYSTEMS: readonly System[] = [
  {
    name: BASELINE,
    drain: drain(REDIS),
    results: results(REDIS),
    rabbitmq: drain(RABBITMQ),
    rpc: results(RABBITMQ),
    enqueue: { producer: lab => producer(lab, 'enqueue', false) },
    latency: {
      worker: lab => worker(lab, REDIS, { results: true }),
      producer: lab => producer(lab, 'latency', true),
    },
    workflows: {
      worker: lab => worker(lab, REDIS, { results: true }),
      producer: lab => producer(lab, 'workflows', true),
    },
    beat: {
      // it breaks at three thousand entries of a second
      bearsMany: false,
      beat: (lab, { entries, every }) => {
        const words = ['-m', 'celery', '-q', '-A', 'celery_app', 'beat', '-l', 'INFO'];
        const command = python(lab, REDIS, [...words, '-s', lab.file('schedule')], false);
        const env = { BENCH_ENTRIES: `${entries}`, BENCH_EVERY: `${every}` };
        return { ...command, env: { ...command.env, ...env } };
      },
      arrivals: (lab, seconds) => ({
        file: process.execPath,
        args: [`${WORKLOADS}arrivals.js`, REDIS.url(lab), `${seconds}`, 'drift'],
      }),
    },
    footprint: {
      worker: lab => worker(lab, REDIS, { loglevel: 'INFO' }),
      version: lab => python(lab, REDIS, ['-m', 'celery', '--version'], false),
    },
  },
  {
    name: `${BASELINE}, prefetch ×100`,
    drain: drain(REDIS, MULTIPLIER),
    results: results(REDIS, MULTIPLIER),
    rabbitmq: drain(RABBITMQ, MULTIPLIER),
    rpc: results(RABBITMQ, MULTIPLIER),
  },
];
