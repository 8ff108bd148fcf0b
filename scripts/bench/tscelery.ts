/** tscelery as it is built in this repository, or in a checkout of another commit. */
import { join } from 'node:path';
import type { Broker } from './brokers/broker.ts';
import { RABBITMQ, RABBITMQ_TASKS } from './brokers/rabbitmq.ts';
import { REDIS } from './brokers/redis.ts';
import { SQLITE } from './brokers/sqlite.ts';
import type { Lab } from './lab.ts';
import type { Command } from './processes.ts';
import type { BeatSubject, DrainSubject, FootprintSubject, System } from './system.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const BIN = 'bin/tscelery.js';
const APP = 'scripts/bench/workloads/tscelery-app.js';
const ARRIVALS = 'scripts/bench/workloads/arrivals.js';
const PRODUCER = 'scripts/bench/workloads/tscelery-producer.js';

interface WorkerOptions {
  readonly results?: boolean;
  readonly loglevel?: string;
  readonly flags?: readonly string[];
}

const PREFORK = ['-P', 'prefork', '-c', '2'];
const SOLO = ['-P', 'solo'];
const ASYNC = ['-P', 'async', '-c', '100'];
const MULTIPLIER = ['--prefetch-multiplier', '100'];

/** The commands of one built checkout. */
class Checkout {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  drain(broker: Broker, tasks: number, flags: readonly string[]): DrainSubject {
    return {
      tasks,
      fill: (lab, count) => broker.fill(lab, count, true),
      openCounter: broker.openCounter,
      worker: lab => this.#worker(lab, broker, { flags }),
    };
  }

  results(broker: Broker, tasks: number, flags: readonly string[]): DrainSubject {
    return {
      ...this.drain(broker, tasks, flags),
      fill: (lab, count) => broker.fill(lab, count, false),
      worker: lab => this.#worker(lab, broker, { flags, results: true }),
      ...(broker.countResults && { storedResults: broker.countResults }),
    };
  }

  /** Everything that is measured once per broker, with the default prefetch. */
  prefork(broker: Broker): Omit<System, 'name'> {
    return {
      enqueue: { producer: lab => this.#producer(lab, broker, 'enqueue', false) },
      latency: {
        worker: lab => this.#worker(lab, broker, { results: true }),
        producer: lab => this.#producer(lab, broker, 'latency', true),
      },
      workflows: {
        worker: lab => this.#worker(lab, broker, { results: true }),
        producer: lab => this.#producer(lab, broker, 'workflows', true),
      },
      ...(broker === REDIS && { beat: this.#beat() }),
      footprint: {
        ...this.footprint(broker, PREFORK),
        version: lab => this.#node(lab, broker, [this.#path(BIN), '--version'], false),
      },
    };
  }

  footprint(broker: Broker, flags: readonly string[]): FootprintSubject {
    return { worker: lab => this.#worker(lab, broker, { loglevel: 'INFO', flags }) };
  }

  #beat(): BeatSubject {
    return {
      bearsMany: true,
      beat: (lab, { entries, every }) => {
        const words = [
          '-A',
          this.#path(APP),
          '-q',
          'beat',
          '-l',
          'INFO',
          '-s',
          lab.file('schedule'),
        ];
        const command = this.#node(lab, REDIS, [this.#path(BIN), ...words], false);
        const env = { BENCH_ENTRIES: `${entries}`, BENCH_EVERY: `${every}` };
        return { ...command, env: { ...command.env, ...env } };
      },
      arrivals: (lab, seconds) =>
        this.#node(lab, REDIS, [this.#path(ARRIVALS), REDIS.url(lab), `${seconds}`, 'grid'], false),
    };
  }

  #worker(lab: Lab, broker: Broker, options: WorkerOptions = {}): Command {
    const { results = false, loglevel = 'WARNING', flags = PREFORK } = options;
    const words = ['-A', this.#path(APP), 'worker', '-l', loglevel, ...flags];
    return this.#node(lab, broker, [this.#path(BIN), ...words], results);
  }

  #producer(lab: Lab, broker: Broker, what: string, results: boolean): Command {
    return this.#node(lab, broker, [this.#path(PRODUCER), what], results);
  }

  #node(lab: Lab, broker: Broker, args: readonly string[], results: boolean): Command {
    return {
      file: process.execPath,
      args,
      env: { BENCH_BROKER: broker.url(lab), BENCH_BACKEND: results ? broker.backend(lab) : '' },
    };
  }

  #path(file: string): string {
    return join(this.#root, file);
  }
}

/** @param root folder of a checkout that has been built */
export function tsceleryIn(root: string): readonly System[] {
  const checkout = new Checkout(root);
  return [
    {
      name: 'tscelery prefork -c 2',
      drain: checkout.drain(REDIS, 100_000, PREFORK),
      results: checkout.results(REDIS, 60_000, PREFORK),
      rabbitmq: checkout.drain(RABBITMQ, RABBITMQ_TASKS, PREFORK),
      rpc: checkout.results(RABBITMQ, RABBITMQ_TASKS, PREFORK),
      ...checkout.prefork(REDIS),
    },
    {
      name: 'tscelery prefork -c 2, prefetch ×100',
      drain: checkout.drain(REDIS, 200_000, [...PREFORK, ...MULTIPLIER]),
      results: checkout.results(REDIS, 100_000, [...PREFORK, ...MULTIPLIER]),
      rabbitmq: checkout.drain(RABBITMQ, 100_000, [...PREFORK, ...MULTIPLIER]),
      rpc: checkout.results(RABBITMQ, RABBITMQ_TASKS, [...PREFORK, ...MULTIPLIER]),
    },
    {
      name: 'tscelery prefork -c 2, events',
      drain: checkout.drain(REDIS, 100_000, [...PREFORK, '-E']),
    },
    {
      name: 'tscelery solo',
      drain: checkout.drain(REDIS, 100_000, SOLO),
      results: checkout.results(REDIS, 60_000, SOLO),
      footprint: checkout.footprint(REDIS, SOLO),
    },
    {
      name: 'tscelery async -c 100',
      drain: checkout.drain(REDIS, 150_000, ASYNC),
      results: checkout.results(REDIS, 100_000, ASYNC),
    },
    {
      name: 'tscelery SQLite prefork -c 2',
      drain: checkout.drain(SQLITE, 40_000, PREFORK),
      ...checkout.prefork(SQLITE),
    },
    {
      name: 'tscelery SQLite prefork -c 2, prefetch ×100',
      drain: checkout.drain(SQLITE, 100_000, [...PREFORK, ...MULTIPLIER]),
    },
  ];
}

export const TSCELERY_SYSTEMS = tsceleryIn(ROOT);
