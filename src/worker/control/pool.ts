import { setImmediate } from 'node:timers/promises';
import { counted } from '../../base/text/counted.ts';
import { MOST_CHILDREN } from '../../pool/options.ts';
import type { WorkerParts } from '../assembly.ts';
import { type Handler, numberOr, ok, refused } from './handler.ts';

export const POOL_HANDLERS = {
  pool_grow: (worker, { n }) => resize(worker, 'grow', places(n, 1, 'n')),

  pool_shrink: (worker, { n }) => resize(worker, 'shrink', places(n, 1, 'n')),

  autoscale({ autoscaler, logger }, { max, min }) {
    if (autoscaler === undefined) return refused("ValueError('Autoscale not enabled')");
    const { max: oldMax, min: oldMin } = autoscaler.info();
    const given = { max: places(max, oldMax, 'max'), min: places(min, oldMin, 'min') };
    const now = autoscaler.update(given);
    const text = `autoscale now max=${now.max} min=${now.min}`;
    logger.info(text);
    return ok(text);
  },

  /** Children load their modules anew in any case, so that nothing need be named or reloaded. */
  pool_restart({ app, logger, pool }) {
    if (!app.conf.get('worker_pool_restarts')) {
      return refused("ValueError('Pool restarts not enabled')");
    }
    logger.info('Pool restart requested by remote.');
    pool.restart().catch((error: Error) => {
      logger.error(`The pool could not be restarted: ${error.message}`);
    });
    return ok('reload started');
  },
} satisfies Record<string, Handler>;

/** @throws TypeError for what is no number, RangeError for one that is too large */
function places(given: unknown, fallback: number, name: string): number {
  const n = numberOr(given, fallback, name);
  if (n <= MOST_CHILDREN || n === fallback) return n;
  throw new RangeError(`${name} must be at most ${MOST_CHILDREN}, got ${n}`);
}

/** What cannot be is refused at once; children take longer to start than anybody waits for a reply. */
async function resize(
  { autoscaler, logger, pool, prefetch }: WorkerParts,
  how: 'grow' | 'shrink',
  n: number,
): Promise<unknown> {
  if (autoscaler !== undefined) {
    return refused(`pool_${how} is not supported with autoscale. Adjust autoscale range instead.`);
  }
  let isAnswered = false;
  const done = pool[how](n).then(() => prefetch.adjust());
  done.catch((error: Error) => {
    if (isAnswered) logger.error(`The pool could not ${how}: ${error.message}`);
  });
  await Promise.race([done, setImmediate()]);
  isAnswered = true;
  logger.info(`The pool will ${how}: it has ${counted(pool.size, 'place')} now.`);
  return ok(`pool will ${how}`);
}
