/**
 * How fast a full queue is emptied. The rate counts from 5 % to 100 %, so the start of the
 * worker does not matter.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.ts';
import { cpuOfTree, memoryOfTree, type Snapshot, takeSnapshot } from '../measure.ts';
import type { Command, Running } from '../processes.ts';
import type { DrainSubject, QueueCounter } from '../system.ts';
import { until } from '../until.ts';
import type { Measured, RunOptions, Suite } from './suite.ts';

const POLL_MS = 5;
const COUNTED_FROM = 0.05;
/** Seconds without progress after which a run has failed. */
const PATIENCE = 30;
const CPU_UNIT = 10_000;
/** Node 20 takes no --cpu-prof in NODE_OPTIONS, which is the way to reach children. */
const PROFILING = new URL('../workloads/profiling.js', import.meta.url).href;

/** The suite of the subjects that systems have under this name. */
function drainSuite(
  name: 'drain' | 'results' | 'rabbitmq' | 'rpc',
  title: string,
  broker: 'Redis' | 'RabbitMQ',
): Suite {
  return {
    name,
    title,
    columns: [
      { metric: 'rate', label: 'tasks/s', isRate: true, ratioTo: 'rate' },
      { metric: 'workerCpu', label: 'worker CPU s / 10 000', digits: 2 },
      { metric: 'brokerCpu', label: `${broker} CPU s / 10 000`, digits: 2 },
      { metric: 'rss', label: 'worker RSS MB' },
    ],
    onRabbitmq: broker === 'RabbitMQ',
    takesPart: system => system[name] !== undefined,
    run: (lab, system, options) => {
      const { pid } = broker === 'Redis' ? lab.redis : lab.rabbitmq;
      return drain(lab, system[name]!, pid, options);
    },
  };
}

export const DRAIN_SUITES: readonly Suite[] = [
  drainSuite('drain', 'Drain: tasks per second from a full queue, no-op, results ignored', 'Redis'),
  drainSuite('results', 'Results: the same, every result stored in Redis', 'Redis'),
  drainSuite('rabbitmq', 'Drain on RabbitMQ: no-op, results ignored', 'RabbitMQ'),
  drainSuite('rpc', 'Results on RabbitMQ: every result a message (`rpc://`)', 'RabbitMQ'),
];

async function drain(
  lab: Lab,
  subject: DrainSubject,
  brokerPid: number,
  options: RunOptions,
): Promise<Measured> {
  const tasks = options.tasks ?? (options.quick ? subject.tasks / 10 : subject.tasks);
  await subject.fill(lab, tasks);
  const counter = await subject.openCounter(lab);
  let worker: Running | undefined;
  try {
    worker = await lab.start(profiled(subject.worker(lab), options));
    const from = await reached(counter, worker, Math.floor(tasks * (1 - COUNTED_FROM)), tasks);
    const to = await reached(counter, worker, 0, tasks);
    const { rss } = memoryOfTree(worker.pid);
    await checkResults(lab, subject, tasks, worker);
    const per = CPU_UNIT / (from.remaining - to.remaining);
    const metrics = {
      rate: (from.remaining - to.remaining) / (to.snapshot.at - from.snapshot.at),
      workerCpu: cpuOfTree(from.snapshot, to.snapshot, worker.pid) * per,
      brokerCpu: cpuOfTree(from.snapshot, to.snapshot, brokerPid) * per,
      rss,
    };
    return { metrics, others: lab.shareOfOthers(from.snapshot, to.snapshot) };
  } finally {
    counter.close();
    if (worker) await lab.stop(worker);
  }
}

/** Node's processes, children too, write a CPU profile when they end. */
function profiled(command: Command, { profileDir }: RunOptions): Command {
  if (profileDir === undefined) return command;
  const env = { NODE_OPTIONS: `--import=${PROFILING}`, BENCH_PROFILE_DIR: profileDir };
  return { ...command, env: { ...command.env, ...env } };
}

interface Mark {
  readonly snapshot: Snapshot;
  readonly remaining: number;
}

/** Resolves when no more than `target` tasks are left. */
async function reached(
  counter: QueueCounter,
  worker: Running,
  target: number,
  tasks: number,
): Promise<Mark> {
  let least = tasks;
  let deadline = Date.now() + PATIENCE * 1000;
  for (;;) {
    const remaining = await counter.remaining();
    if (remaining <= target) return { snapshot: takeSnapshot(), remaining };
    if (worker.hasEnded) throw worker.failure('ended before the queue was empty');
    if (remaining < least) {
      least = remaining;
      deadline = Date.now() + PATIENCE * 1000;
    } else if (Date.now() > deadline) {
      throw worker.failure(`made no progress for ${PATIENCE} s with ${remaining} tasks left`);
    }
    await sleep(POLL_MS);
  }
}

/** An empty queue proves nothing yet: where results are stored, all of them have to be there. */
async function checkResults(
  lab: Lab,
  subject: DrainSubject,
  tasks: number,
  worker: Running,
): Promise<void> {
  if (!subject.storedResults) return;
  let stored = 0;
  try {
    const check = async () => {
      stored = await subject.storedResults!(lab);
      return stored === tasks;
    };
    await until('complete results', check, { everyMs: 250 });
  } catch {
    throw worker.failure(`stored ${stored} results of ${tasks} tasks`);
  }
}
