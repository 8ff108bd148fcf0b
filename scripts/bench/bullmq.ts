/** BullMQ 6, in process and with sandboxed processors (child processes). */
import type { Lab } from './lab.ts';
import type { Command } from './processes.ts';
import type { DrainSubject, QueueCounter, System } from './system.ts';

const WORKER = new URL('workloads/bullmq-worker.js', import.meta.url).pathname;
const PRODUCER = new URL('workloads/bullmq-producer.js', import.meta.url).pathname;
const KEYS = ['bull:bench:wait', 'bull:bench:active'];

interface WorkerOptions {
  readonly concurrency: number;
  readonly sandboxed?: boolean;
  /** Jobs that are done stay, with what they returned. */
  readonly results?: boolean;
}

function node(lab: Lab, args: readonly string[], env: Record<string, string> = {}): Command {
  return {
    file: process.execPath,
    args,
    env: { BENCH_REDIS_PORT: String(lab.redis.port), ...env },
  };
}

function worker(lab: Lab, { concurrency, sandboxed = false, results = false }: WorkerOptions) {
  return node(lab, [WORKER], {
    BENCH_CONCURRENCY: String(concurrency),
    BENCH_SANDBOXED: sandboxed ? '1' : '',
    BENCH_KEEP: results ? '1' : '',
  });
}

function producer(lab: Lab, ...args: string[]): Command {
  return node(lab, [PRODUCER, ...args]);
}

async function openCounter(lab: Lab): Promise<QueueCounter> {
  const redis = lab.redis.open();
  return {
    async remaining() {
      const pipeline = redis.pipeline();
      for (const key of KEYS) pipeline.llen(key);
      const replies = await pipeline.exec();
      return (replies ?? []).reduce((sum, [, count]) => sum + Number(count), 0);
    },
    close: () => redis.disconnect(),
  };
}

function drain(tasks: number, options: WorkerOptions): DrainSubject {
  return {
    tasks,
    fill: async (lab, count) => {
      await lab.run(producer(lab, 'fill', String(count)));
    },
    openCounter,
    worker: lab => worker(lab, options),
  };
}

function results(tasks: number, options: WorkerOptions): DrainSubject {
  return {
    ...drain(tasks, { ...options, results: true }),
    storedResults: lab => lab.redis.client.zcard('bull:bench:completed'),
  };
}

function inProcess(concurrency: number, tasks: number): System {
  return {
    name: `BullMQ in process, concurrency ${concurrency}`,
    drain: drain(tasks, { concurrency }),
    results: results(tasks, { concurrency }),
  };
}

const SANDBOX: WorkerOptions = { concurrency: 2, sandboxed: true };

export const BULLMQ_SYSTEMS: readonly System[] = [
  {
    ...inProcess(1, 30_000),
    enqueue: { producer: lab => producer(lab, 'enqueue') },
    latency: {
      worker: lab => worker(lab, { concurrency: 1, results: true }),
      producer: lab => producer(lab, 'latency'),
    },
    footprint: { worker: lab => worker(lab, { concurrency: 1 }) },
  },
  inProcess(10, 60_000),
  inProcess(100, 60_000),
  {
    name: 'BullMQ sandboxed, 2 children',
    drain: drain(30_000, SANDBOX),
    results: results(30_000, SANDBOX),
    latency: {
      worker: lab => worker(lab, { ...SANDBOX, results: true }),
      producer: lab => producer(lab, 'latency'),
    },
    footprint: {
      worker: lab => worker(lab, SANDBOX),
      // It starts a child when there is a job for it.
      warmUp: lab => producer(lab, 'fill', '100'),
    },
  },
];
