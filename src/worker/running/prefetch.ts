/** How many messages a worker may hold, as it changes with the work at hand. */
import { TAKE_NOTHING } from '../../messaging/contract.ts';

export interface PrefetchOptions {
  /** `worker_prefetch_multiplier`; 0 is no limit. */
  readonly multiplier: number;
  /** `worker_eta_task_limit`: most messages held at all. */
  readonly etaLimit: number | null;
  /** `worker_disable_prefetch`: never more than can start at once. */
  readonly onlyFree: boolean;
}

export interface Load {
  /** Places of the pool, with autoscaling as many as it may get. */
  readonly size: number;
  /** Those of them that nothing runs in. */
  readonly free: number;
  /** Running tasks whose messages are still held (late acks), so that the broker counts them. */
  readonly lateRunning: number;
  /** Messages that wait for their time; they must not starve the pool. */
  readonly scheduled: number;
  /** Messages for each place that may be on their way beyond the count, while tasks are very short. */
  readonly onTheWay: number;
}

/** Of all places together. */
const MOST_ON_THE_WAY = 200;

/** The count for `Consumer.setPrefetch`: 0 is no limit, `TAKE_NOTHING` none. */
export function prefetchCount(options: PrefetchOptions, load: Load): number {
  const wanted = wantedCount(options, load);
  const { etaLimit } = options;
  if (etaLimit === null || etaLimit === 0) return wanted;
  return wanted === 0 ? etaLimit : Math.min(wanted, etaLimit);
}

function wantedCount(options: PrefetchOptions, load: Load): number {
  const { size, free, lateRunning, scheduled, onTheWay } = load;
  if (options.onlyFree) return free + lateRunning + scheduled || TAKE_NOTHING;
  if (options.multiplier === 0) return 0;
  const more = letsMoreCome(options) ? Math.min(size * onTheWay, MOST_ON_THE_WAY) : 0;
  return size * options.multiplier + more + scheduled;
}

/** Requests that may wait for a place when nothing more is to be on its way. */
export function mostWaiting(options: PrefetchOptions, size: number): number {
  return letsMoreCome(options) ? size * options.multiplier : Number.POSITIVE_INFINITY;
}

/** A multiplier of 1 is somebody's wish that each worker has as little as possible. */
function letsMoreCome({ multiplier, onlyFree }: PrefetchOptions): boolean {
  return multiplier > 1 && !onlyFree;
}
