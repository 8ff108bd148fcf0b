import { PoolFailure } from '../errors.ts';

/** As in Celery: more than this many children lost… */
const MOST_RESTARTS = 100;
/** …within so many seconds, and no job done in between, is no weather but climate. */
const RESTART_PERIOD = 1;
/** Seconds before a child is started again when the one before never got ready. */
const FIRST_PAUSE = 0.25;
const LONGEST_PAUSE = 5;

export class Restarts {
  #losses: number[] = [];
  #failedStarts = 0;

  /** A child was lost that had been ready. @throws PoolFailure when they die too fast */
  lost(now: number): void {
    this.#losses = this.#losses.filter(at => now - at < RESTART_PERIOD);
    this.#losses.push(now);
    if (this.#losses.length > MOST_RESTARTS) {
      throw new PoolFailure(
        `More than ${MOST_RESTARTS} pool processes died within ${RESTART_PERIOD} s without doing a job`,
      );
    }
  }

  jobDone(): void {
    if (this.#losses.length > 0) this.#losses = [];
  }

  childReady(): void {
    this.#failedStarts = 0;
  }

  /** Seconds to wait before the next start. @throws PoolFailure when it is time to give up */
  failedToStart(reason: string, size: number): number {
    const failures = ++this.#failedStarts;
    const most = Math.max(10, 3 * size);
    if (failures > most) {
      throw new PoolFailure(`Could not start worker processes (${failures} tries): ${reason}`);
    }
    // the first ones of a round fail together
    return Math.min(FIRST_PAUSE * 2 ** Math.max(0, failures - size), LONGEST_PAUSE);
  }
}
