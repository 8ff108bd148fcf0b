import { sleep } from './backoff.ts';
import type { Clock } from './clock.ts';

/**
 * Whether `work` has ended within so many seconds. If not, it goes on with nobody waiting, and what
 * it rejects with then is nobody's affair. Rejects as `work` does before that.
 */
export async function within(
  seconds: number,
  work: Promise<unknown>,
  clock?: Clock,
): Promise<boolean> {
  const enough = new AbortController();
  const tooLong = sleep(seconds, clock, enough.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([work.then(() => true), tooLong]);
  } finally {
    enough.abort();
  }
}
