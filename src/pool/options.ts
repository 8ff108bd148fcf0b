import { serialize } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';
import { ImproperlyConfigured } from '../base/errors.ts';
import type { Clock } from '../base/time/clock.ts';
import type { PoolEvents, RunnerFactory } from './contract.ts';

/** Where a child's stdout or stderr goes; a number is a file descriptor of the parent. */
export type ChildOutput = 'inherit' | 'ignore' | number;

export interface PoolOptions {
  /** Children, or jobs at once (`async`). `solo` always has one place. */
  readonly concurrency: number;
  /** Jobs a child runs at once; default 1. Of no effect in `async` and `solo`. */
  readonly slots?: number | undefined;
  /** Module with `createRunner` (RunnerFactory). */
  readonly runnerUrl: URL;
  /** What that module would give, for pools inside the worker's process. */
  readonly createRunner?: RunnerFactory | undefined;
  /** Given to `createRunner`; structured-clonable, since it goes to each child. */
  readonly runnerConfig: unknown;
  /** Seconds, for jobs that bring no limit of their own; 0 is none (default). */
  readonly softTimeLimit?: number | undefined;
  readonly timeLimit?: number | undefined;
  /** A child is replaced after this many jobs; default never. */
  readonly maxTasksPerChild?: number | undefined;
  /** KiB after which a child is replaced, of resident memory or a thread's heap; default never. */
  readonly maxMemoryPerChild?: number | undefined;
  /** Seconds a child may take to become ready; default 15. */
  readonly procAliveTimeout?: number | undefined;
  /** Seconds for which an event loop may stand still unreported; default 10, in the worker's process 1. */
  readonly blockedAfter?: number | undefined;
  /** Jobs a child may hold beyond those it runs when they are short; default 32, without children 8. */
  readonly prefetchPerChild?: number | undefined;
  /** Environment of the children; default that of the parent. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Node's own arguments of the children; default those of the parent. */
  readonly execArgv?: readonly string[] | undefined;
  /** Memory limits of each thread; by default those of the process. */
  readonly resourceLimits?: ResourceLimits | undefined;
  /** Each child process has a thread that tells its stack while it is blocked; default false. */
  readonly watchesStacks?: boolean | undefined;
  readonly stdout?: ChildOutput | undefined;
  readonly stderr?: ChildOutput | undefined;
  readonly events: PoolEvents;
  readonly clock?: Clock | undefined;
}

/** In one pool: each is a process or a thread, and one digit too many would take the machine down. */
export const MOST_CHILDREN = 1000;

/** @throws ImproperlyConfigured for more children than there may be */
export function checkChildren(name: string, count: number): void {
  if (count <= MOST_CHILDREN) return;
  throw new ImproperlyConfigured(
    `${name} must be at most ${MOST_CHILDREN} where each is a child of the pool, not ${count}. For tasks that wait, let each child run several (worker_child_slots), or use the pool "async".`,
  );
}

/** @throws ImproperlyConfigured naming the option and the value received */
export function checkOptions(options: PoolOptions): void {
  wholeNumber('concurrency', options.concurrency, 1);
  wholeNumber('slots', options.slots, 1);
  wholeNumber('maxTasksPerChild', options.maxTasksPerChild, 1);
  wholeNumber('maxMemoryPerChild', options.maxMemoryPerChild, 1);
  wholeNumber('prefetchPerChild', options.prefetchPerChild, 0);
  seconds('softTimeLimit', options.softTimeLimit);
  seconds('timeLimit', options.timeLimit);
  seconds('procAliveTimeout', options.procAliveTimeout);
  seconds('blockedAfter', options.blockedAfter);
  try {
    serialize(options.runnerConfig);
  } catch (error) {
    throw new ImproperlyConfigured(`Pool option runnerConfig cannot be sent to a child: ${error}.`);
  }
}

function wholeNumber(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw new ImproperlyConfigured(
    `Pool option ${name} must be a whole number of at least ${least}, not ${value}.`,
  );
}

function seconds(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value >= 0)) return;
  throw new ImproperlyConfigured(`Pool option ${name} must be seconds (0 or more), not ${value}.`);
}
