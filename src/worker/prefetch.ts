/** How many messages a worker may hold, as it changes with the work at hand. */
import { TAKE_NOTHING } from '../messaging/contract.ts';

export interface PrefetchOptions {
  /** `worker_prefetch_multiplier`; 0 is no limit. */
  readonly multiplier: number;
  /** `worker_eta_task_limit`: most messages held at all. */
  readonly etaLimit: number | null;
  /** `worker_disable_prefetch`: never more than can start at once. */
  readonly onlyFree: boolean;
}

/** What the count depends on. */
export interface Load {
  /** Places of the pool. */
  readonly size: number;
  /** Places that nothing runs in. */
  readonly free: number;
  /** Running tasks whose messages are still held: those with late acks. */
  readonly lateRunning: number;
  /** Messages that wait for their time; they must not starve the pool. */
  readonly scheduled: number;
  /** Many tasks run that are so short that their messages are longer on the way from the broker. */
  readonly isShort: boolean;
}

/**
 * Messages that may be on their way beyond the count while tasks are short: as many as come in
 * the time that a question to the broker takes, so not a matter of how many places there are.
 */
const MOST_ON_THE_WAY = 50;

/** The count for `Consumer.setPrefetch`: 0 is no limit, `TAKE_NOTHING` none. */
export function prefetchCount(
  { multiplier, etaLimit, onlyFree }: PrefetchOptions,
  { size, free, lateRunning, scheduled, isShort }: Load,
): number {
  const wanted = onlyFree
    ? free + lateRunning + scheduled || TAKE_NOTHING
    : multiplier === 0
      ? 0
      : size * multiplier + (isShort ? onTheWay(size, multiplier) : 0) + scheduled;
  if (etaLimit === null || etaLimit === 0) return wanted;
  return wanted === 0 ? etaLimit : Math.min(wanted, etaLimit);
}

/** A multiplier of 1 is somebody's wish that each worker has as little as possible. */
function onTheWay(size: number, multiplier: number): number {
  return multiplier > 1 ? Math.min(6 * size * multiplier, MOST_ON_THE_WAY) : 0;
}
