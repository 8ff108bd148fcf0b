import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/text/nearest.ts';
import type { Pool } from './contract.ts';
import { InProcessPool } from './in-process.ts';
import type { PoolOptions } from './options.ts';
import { ChildrenPool } from './parent/pool.ts';
import { ForkLauncher } from './prefork/launcher.ts';
import { ThreadLauncher } from './threads/launcher.ts';

export type PoolKind = 'prefork' | 'threads' | 'async' | 'solo';

/** Celery's other names: those of libraries that run many tasks in one loop, and an old one. */
const ALIASES: Readonly<Record<string, PoolKind>> = {
  gevent: 'async',
  eventlet: 'async',
  processes: 'prefork',
};

const POOLS: Readonly<Record<PoolKind, (options: PoolOptions) => Pool>> = {
  prefork: options => new ChildrenPool('prefork', new ForkLauncher(options), options),
  threads: options => new ChildrenPool('threads', new ThreadLauncher(options), options),
  async: options => new InProcessPool('async', options),
  solo: options => new InProcessPool('solo', options),
};

/** Celery's class path of a pool, as a config file shared with Python may have it. */
const CLASS_PATH = /^celery\.concurrency\.(\w+):TaskPool$/;

/** @throws ImproperlyConfigured for a name that is none, with the nearest one */
export function poolKind(name: string): PoolKind {
  const word = CLASS_PATH.exec(name)?.[1] ?? name;
  if (Object.hasOwn(POOLS, word)) return word as PoolKind;
  const alias = Object.hasOwn(ALIASES, word) ? ALIASES[word] : undefined;
  if (alias !== undefined) return alias;
  const known = Object.keys(POOLS);
  throw new ImproperlyConfigured(
    `Unknown pool ${JSON.stringify(name)}; known pools: ${known.join(', ')}.${didYouMean(name, [...known, ...Object.keys(ALIASES)])}`,
  );
}

/** Whether its jobs run in the worker's own process and thread, and share its memory. */
export function runsInProcess(kind: PoolKind): boolean {
  return kind === 'async' || kind === 'solo';
}

/** @throws ImproperlyConfigured for a name or an option that cannot be used */
export function createPool(name: string, options: PoolOptions): Pool {
  return POOLS[poolKind(name)](options);
}
