/** What cannot be reached is tried again for as long as it takes, after 2, 4, 6 … seconds, as in Celery. */

import type { Logger } from '../base/logger.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import { type RetryPolicy, retryInterval } from '../base/time/backoff.ts';

const POLICY: RetryPolicy = {
  intervalStart: 2,
  intervalStep: 2,
  intervalMax: 32,
  maxRetries: null,
};

/** Whether it may be different the next time, as with a server that is away. */
export function isRecoverable(error: unknown): boolean {
  const { recoverable, code } = (error ?? {}) as { recoverable?: boolean; code?: unknown };
  // closed by ourselves: what was not sent is left to the next beat
  return recoverable === true || code === 'CONNECTION_CLOSED';
}

/** Counts the attempts that failed in a row, and tells of each. */
export class Retrying {
  readonly #logger: Pick<Logger, 'error'>;
  #failures = 0;

  constructor(logger: Pick<Logger, 'error'>) {
    this.#logger = logger;
  }

  /** @returns seconds until the next attempt */
  failed(error: unknown): number {
    const seconds = retryInterval(POLICY, this.#failures);
    this.#failures += 1;
    this.#logger.error(
      `beat: Connection error: ${maskUrl(messageOf(error))}. Trying again in ${seconds.toFixed(1)} seconds...`,
    );
    return seconds;
  }

  succeeded(): void {
    this.#failures = 0;
  }
}

/** Without the end of a sentence, as one follows. */
export function messageOf(error: unknown): string {
  const { message } = error as Error;
  return (message || String(error)).replace(/\.$/, '');
}
