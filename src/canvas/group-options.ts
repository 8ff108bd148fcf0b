/** Options that differ from one member of a group to the next. */
import { tasksOf, withOptions, withTasks } from './shapes.ts';
import type { SignatureData } from './signature.ts';

/** Countdowns, in seconds. */
export interface Skew {
  /** Of the first member. Default 1. */
  readonly start?: number;
  /** None is larger. Default: no such bound. */
  readonly stop?: number;
  /** What each waits longer than the one before. Default 1. */
  readonly step?: number;
}

export function skewed(group: SignatureData, { start = 1, stop, step = 1 }: Skew): SignatureData {
  // as in Celery the last one that fits is repeated, not the bound
  const most = stop === undefined ? Number.POSITIVE_INFINITY : Math.floor((stop - start) / step);
  const tasks = tasksOf(group).map((task, i) =>
    withOptions(task, { countdown: start + step * Math.min(i, most) }),
  );
  return withTasks(group, tasks);
}
