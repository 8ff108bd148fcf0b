import type { Celery } from '../../app/app.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { poolKind, runsInProcess } from '../../pool/open.ts';
import { checkChildren } from '../../pool/options.ts';
import { type AutoscaleRange, decider, keepalive } from '../running/autoscaler.ts';

/** @throws ImproperlyConfigured for a pool that cannot grow, or not that far, and for what says how it grows */
export function refuseAutoscale({ conf }: Celery, { max, min }: AutoscaleRange): void {
  const pool = String(conf.get('worker_pool'));
  if (runsInProcess(poolKind(pool))) {
    throw new ImproperlyConfigured(
      `autoscale (max=${max}, min=${min}) needs a pool with children, and the pool ${JSON.stringify(pool)} has none. Use the pool "prefork" or "threads"; for "async" say with concurrency (-c) how many tasks run at once, which costs nothing while there are fewer.`,
    );
  }
  checkChildren('The max of autoscale', max);
  keepalive();
  decider(conf.get('worker_autoscaler'));
}
