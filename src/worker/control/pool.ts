/** Commands that change the pool. */
import { type Handler, numberOr, ok } from './handler.ts';

/** Of one command: each place may be a process, and one digit too many would take the machine down. */
const MOST_PLACES = 1000;

export const POOL_HANDLERS = {
  async pool_grow({ pool, prefetch }, { n }) {
    await pool.grow(places(n));
    prefetch.adjust();
    return ok('pool will grow');
  },

  async pool_shrink({ pool, prefetch }, { n }) {
    await pool.shrink(places(n));
    prefetch.adjust();
    return ok('pool will shrink');
  },

  /** Children load their modules anew in any case, so that nothing need be named or reloaded. */
  pool_restart({ app, logger, pool }) {
    if (!app.conf.get('worker_pool_restarts')) throw new Error('Pool restarts not enabled');
    pool.restart().catch((error: Error) => {
      logger.error(`The pool could not be restarted: ${error.message}`);
    });
    return ok('reload started');
  },
} satisfies Record<string, Handler>;

/** @throws TypeError for what is no number, RangeError for one that is too large */
function places(given: unknown): number {
  const n = numberOr(given, 1, 'n');
  if (n <= MOST_PLACES) return n;
  throw new RangeError(`n must be at most ${MOST_PLACES}, got ${n}`);
}
