/** What tscelery promises, checked against the runs. */
import { BARE_AMQPLIB, BARE_NODE } from './bare.ts';
import { compare, ratio, summary } from './compare.ts';
import type { Run } from './report.ts';
import type { Spread } from './statistics.ts';
import { BASELINE } from './system.ts';

interface Target {
  readonly text: string;
  /** The median has to reach this, or (with `atMost`) not to exceed it. */
  readonly limit: number;
  readonly atMost?: boolean;
  readonly digits: number;
  measured(runs: readonly Run[]): Spread | undefined;
}

export interface CheckedTarget extends Target {
  readonly spread: Spread;
  readonly met: boolean;
}

const PREFORK = 'tscelery prefork -c 2';
const PREFORK_100 = `${PREFORK}, prefetch ×100`;
const SQLITE = 'tscelery SQLite prefork -c 2';

/** Drains: at least so many times the rate of another. */
const rate = (
  suite: string,
  text: string,
  limit: number,
  system: string,
  other: string,
): Target => ({
  text,
  limit,
  digits: 2,
  measured: runs => ratio(runs, suite, system, other, 'rate'),
});

/** So many times as many workflows a second as Python on Redis. */
const workflows = (text: string, limit: number, system: string, metric: string): Target => ({
  text,
  limit,
  digits: 2,
  measured: runs => ratio(runs, 'workflows', system, BASELINE, metric),
});

const beat = (text: string, limit: number, metric: string): Target => ({
  text,
  limit,
  atMost: true,
  digits: 2,
  measured: runs => summary(runs, 'beat', PREFORK, metric),
});

const BEAT_CPU: Target = {
  text: 'beat, 1 000 entries of a second: a fifth of the processor time of Python Celery for each run',
  limit: 0.2,
  atMost: true,
  digits: 2,
  measured: runs => ratio(runs, 'beat', PREFORK, BASELINE, 'each'),
};

const BEAT_RATE: Target = {
  text: 'beat, 10 000 entries of a second: all sent',
  limit: 9950,
  digits: 0,
  measured: runs => summary(runs, 'beat', PREFORK, 'manyRate'),
};

const footprint = (text: string, limit: number, metric: string): Target => ({
  text,
  limit,
  atMost: true,
  digits: 0,
  measured: runs => summary(runs, 'footprint', PREFORK, metric),
});

/** Of one program, in the way that suits it best. */
const ENQUEUE: Target = {
  text: 'enqueue, 1000 in flight: 10 × Python Celery',
  limit: 10,
  digits: 2,
  measured: runs => ratio(runs, 'enqueue', PREFORK, BASELINE, 'concurrent', 'oneByOne'),
};

const LATENCY: Target = {
  text: 'idle `delay().get()`, p50: at most 0.8 × Python Celery',
  limit: 0.8,
  atMost: true,
  digits: 2,
  measured: runs => ratio(runs, 'latency', PREFORK, BASELINE, 'result50'),
};

const CHILD_MEMORY: Target = {
  text: 'an idle child takes at most 25 MB more than a bare Node process',
  limit: 25,
  atMost: true,
  digits: 1,
  measured: runs =>
    compare(
      runs,
      'footprint',
      [PREFORK, 'childRss'],
      [BARE_NODE, 'parentRss'],
      (child, bare) => child - bare,
    ),
};

const TARGETS: readonly Target[] = [
  rate('drain', 'drain, prefork: 12 × Python Celery', 12, PREFORK, BASELINE),
  rate('drain', 'drain, prefork ×100: 25 × Python Celery', 25, PREFORK_100, BASELINE),
  rate('drain', 'drain with -E: 0.85 × without', 0.85, `${PREFORK}, events`, PREFORK),
  rate('drain', 'drain, prefork: 3 × BullMQ sandboxed', 3, PREFORK, 'BullMQ sandboxed, 2 children'),
  rate(
    'drain',
    'drain, async -c 100: 1.5 × BullMQ in process, concurrency 100',
    1.5,
    'tscelery async -c 100',
    'BullMQ in process, concurrency 100',
  ),
  rate('drain', 'drain, SQLite, prefork: 4 × Python Celery on Redis', 4, SQLITE, BASELINE),
  rate(
    'drain',
    'drain, SQLite, prefork ×100: 4 × Python Celery on Redis',
    4,
    `${SQLITE}, prefetch ×100`,
    BASELINE,
  ),
  rate('results', 'Redis results, prefork: 8 × Python Celery', 8, PREFORK, BASELINE),
  rate('results', 'Redis results, prefork ×100: 14 × Python Celery', 14, PREFORK_100, BASELINE),
  rate('rabbitmq', 'RabbitMQ, prefork: 3.5 × Python Celery', 3.5, PREFORK, BASELINE),
  rate(
    'rabbitmq',
    'RabbitMQ, prefork ×100: 0.85 × a bare amqplib consumer',
    0.85,
    PREFORK_100,
    BARE_AMQPLIB,
  ),
  rate('rpc', 'RabbitMQ with rpc results, prefork: 4 × Python Celery', 4, PREFORK, BASELINE),
  ENQUEUE,
  LATENCY,
  workflows('chord of 1 000: 10 × Python Celery', 10, PREFORK, 'chord'),
  workflows('chain of 100: 4 × Python Celery', 4, PREFORK, 'chain'),
  workflows('group of 10 000, joined: 10 × Python Celery', 10, PREFORK, 'group'),
  workflows('chord of 1 000 on SQLite: 3 × Python Celery on Redis', 3, SQLITE, 'chord'),
  BEAT_CPU,
  beat('beat, 1 000 entries of a second: lateness p99 under 20 ms', 20, 'late99'),
  BEAT_RATE,
  beat('beat, 100 000 entries of a minute: started within 2 s', 2, 'start'),
  beat('beat, 100 000 entries of a minute: at most 150 MB', 150, 'rss'),
  CHILD_MEMORY,
  footprint('a worker with 2 children is ready within 1000 ms', 1000, 'ready'),
  footprint('`tscelery --version` takes at most 100 ms', 100, 'version'),
];

/** Those for which there are runs. */
export function checkTargets(runs: readonly Run[]): CheckedTarget[] {
  return TARGETS.flatMap(target => {
    const spread = target.measured(runs);
    if (spread === undefined) return [];
    const met = target.atMost ? spread.median <= target.limit : spread.median >= target.limit;
    return { ...target, spread, met };
  });
}
