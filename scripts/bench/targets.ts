/** What tscelery promises, checked against the runs. */
import { ratio, summary } from './compare.ts';
import type { Run } from './report.ts';
import type { Spread } from './statistics.ts';
import { BASELINE } from './system.ts';

interface Target {
  readonly text: string;
  /** The median has to be at least, or (with `below`) less than this. */
  readonly limit: number;
  readonly below?: boolean;
  readonly digits: number;
  measured(runs: readonly Run[]): Spread | undefined;
}

export interface CheckedTarget extends Target {
  readonly spread: Spread;
  readonly met: boolean;
}

const PREFORK = 'tscelery prefork -c 2';
const SQLITE = 'tscelery SQLite prefork -c 2';

const drainRatio = (text: string, limit: number, system: string, other: string): Target => ({
  text,
  limit,
  digits: 1,
  measured: runs => ratio(runs, 'drain', system, other, 'rate'),
});

const lessThan = (text: string, limit: number, metric: string): Target => ({
  text,
  limit,
  below: true,
  digits: 0,
  measured: runs => summary(runs, 'footprint', PREFORK, metric),
});

const TARGETS: readonly Target[] = [
  drainRatio('drain, prefork: 10 × Python Celery', 10, PREFORK, BASELINE),
  drainRatio(
    'drain, prefork, prefetch ×100: 20 × Python Celery',
    20,
    `${PREFORK}, prefetch ×100`,
    BASELINE,
  ),
  drainRatio('drain, prefork: 3 × BullMQ sandboxed', 3, PREFORK, 'BullMQ sandboxed, 2 children'),
  drainRatio('drain, embedded SQLite: 4 × Python Celery on Redis', 4, SQLITE, BASELINE),
  drainRatio(
    'drain, embedded SQLite, prefetch ×100: 4 × Python Celery on Redis',
    4,
    `${SQLITE}, prefetch ×100`,
    BASELINE,
  ),
  lessThan('a worker with 2 children is ready in less than 1000 ms', 1000, 'ready'),
  lessThan('`tscelery --version` takes less than 100 ms', 100, 'version'),
];

/** Those for which there are runs. */
export function checkTargets(runs: readonly Run[]): CheckedTarget[] {
  return TARGETS.flatMap(target => {
    const spread = target.measured(runs);
    if (spread === undefined) return [];
    const met = target.below ? spread.median < target.limit : spread.median >= target.limit;
    return { ...target, spread, met };
  });
}
