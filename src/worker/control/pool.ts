/** Commands that change the pool. */
import { type Handler, numberOr, ok } from './handler.ts';

export const POOL_HANDLERS = {
  async pool_grow({ pool, prefetch }, { n }) {
    await pool.grow(numberOr(n, 1, 'n'));
    prefetch.adjust();
    return ok('pool will grow');
  },

  async pool_shrink({ pool, prefetch }, { n }) {
    await pool.shrink(numberOr(n, 1, 'n'));
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
