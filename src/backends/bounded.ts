import type { Closing } from '../base/closing.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import { TimeoutError } from './errors.ts';

/** How long a caller is willing to wait. */
export interface Bounds {
  /** Seconds; default for ever. */
  readonly timeout?: number | null | undefined;
  /** Gives up, with the signal's reason, when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What `work` gives, or the first of these: the time is over, the signal aborts, it is closed.
 * Neither timer nor listener is left behind; what `work` does goes on without anybody waiting.
 *
 * @throws TimeoutError, the signal's reason, or the error it was closed with
 */
export async function bounded<T>(
  work: () => Promise<T>,
  { timeout, signal }: Bounds,
  closing: Closing,
): Promise<T> {
  signal?.throwIfAborted();
  closing.throwIfClosed();
  let disarm: (() => void) | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    disarm = arm({ timeout, signal, closing }, reject);
  });
  try {
    return await Promise.race([work(), givenUp]);
  } finally {
    disarm?.();
  }
}

/**
 * Calls `reject` at the first bound that is reached.
 *
 * @param whose begins the sentence of the TimeoutError about the time
 * @returns the function that prevents it
 */
export function arm(
  { timeout, signal, closing, clock = systemClock }: Bounds & { closing?: Closing; clock?: Clock },
  reject: (reason: unknown) => void,
  whose?: () => string,
): () => void {
  const limit =
    timeout === undefined || timeout === null || timeout === Number.POSITIVE_INFINITY
      ? undefined
      : clock.after(timeout, () => reject(timedOut(timeout, whose)));
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const forget = closing?.onClose(reject);
  return () => {
    limit?.cancel();
    signal?.removeEventListener('abort', onAbort);
    forget?.();
  };
}

/** Begins with the words of Celery. */
function timedOut(timeout: number, whose: (() => string) | undefined): TimeoutError {
  const more = whose === undefined ? '' : ` ${whose()} after ${timeout} s.`;
  return new TimeoutError(`The operation timed out.${more}`);
}
