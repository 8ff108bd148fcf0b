/** What a worker that stops tells its broker, which need not listen. */
import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import { within } from '../../base/time/within.ts';

/** Seconds for a broker that still owes an answer, and is not likely to give another. */
const UNANSWERED_SECONDS = 0.5;

export class Farewell {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #unanswered = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /**
   * Waits for the broker's answer, at most so many seconds; less when it has not answered what
   * was said before. The first thing that it did not answer goes to the log; the answer may still come.
   *
   * @param what completes "The broker may not know …"
   * @throws what `words` rejects with in time
   */
  async say(what: string, words: Promise<unknown>, seconds: number): Promise<void> {
    const isFirst = this.#unanswered === 0;
    const limit = isFirst ? seconds : Math.min(seconds, UNANSWERED_SECONDS);
    this.#unanswered += 1;
    const answered = words.finally(() => {
      this.#unanswered -= 1;
    });
    if (await within(limit, answered, this.#clock)) return;
    this.#logger.log(
      isFirst ? 'warning' : 'debug',
      `The broker did not answer within ${limit} s and may not know ${what}. What is not acknowledged comes back to its queue by itself.`,
    );
  }
}
