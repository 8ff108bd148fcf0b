import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import type { Pool } from './contract.ts';
import type { PoolOptions } from './options.ts';
import { PreforkPool } from './prefork/pool.ts';
import { SoloPool } from './solo.ts';

const POOLS: Readonly<Record<string, (options: PoolOptions) => Pool>> = {
  prefork: options => new PreforkPool(options),
  solo: options => new SoloPool(options),
  // as in Celery, where it is the old name of the default
  processes: options => new PreforkPool(options),
};

/** Names of Celery's that are planned but not there yet. */
const LATER = ['threads', 'async', 'gevent', 'eventlet'];

/** @throws ImproperlyConfigured for a name or an option that cannot be used */
export function createPool(kind: string, options: PoolOptions): Pool {
  const open = Object.hasOwn(POOLS, kind) ? POOLS[kind] : undefined;
  if (open !== undefined) return open(options);
  if (LATER.includes(kind)) {
    throw new ImproperlyConfigured(
      `The pool ${JSON.stringify(kind)} is not available yet; use "prefork" (with slots for many async tasks per child) or "solo".`,
    );
  }
  throw new ImproperlyConfigured(
    `Unknown pool ${JSON.stringify(kind)}; known pools: prefork, solo.${didYouMean(kind, Object.keys(POOLS))}`,
  );
}
