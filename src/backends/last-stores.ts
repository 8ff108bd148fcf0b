/** The results that a worker still stores when it stops: a store that is not there holds it up only for so long. */
import type { Clock, Timer } from '../base/time/clock.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import { BackendStoreError } from './errors.ts';

/**
 * Seconds without success, over all results, after which those that wait are given up; with the
 * retries of each, a store that is silent held up the worker for more than 200.
 */
const LAST_STORES = 45;
/** The same for those that come after that: the store has had its time. */
const GIVEN_UP = 2;

type Store = (meta: ResultMeta, replyTo?: string | null) => Promise<void>;

interface Waiting {
  readonly meta: ResultMeta;
  reject(error: BackendStoreError): void;
}

export class LastStores {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #isLast = false;
  #seconds = LAST_STORES;
  #timer: Timer | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  readonly store: Store = (meta, replyTo) =>
    new Promise((resolve, reject) => {
      const waiting = { meta, reject };
      this.#waiting.add(waiting);
      this.#watch();
      this.#store(meta, replyTo).then(
        () => {
          this.#forget(waiting);
          resolve();
        },
        error => {
          this.#waiting.delete(waiting);
          if (this.#waiting.size === 0) this.#stopWatching();
          reject(error);
        },
      );
    });

  /** From now on the store is not waited for as long as its retry policy would. */
  hurry(): void {
    this.#isLast = true;
    this.#watch();
  }

  /** The store is there, so the others get their time too. */
  #forget(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    this.#seconds = LAST_STORES;
    if (!this.#timer) return;
    this.#stopWatching();
    this.#watch();
  }

  #watch(): void {
    if (!this.#isLast || this.#timer || this.#waiting.size === 0) return;
    const seconds = this.#seconds;
    this.#timer = this.#clock.after(seconds, () => this.#giveUp(seconds));
  }

  #stopWatching(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #giveUp(seconds: number): void {
    this.#timer = undefined;
    this.#seconds = GIVEN_UP;
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { meta, reject } of all) {
      const { task_id: taskId, status: state } = meta;
      const text = `Error storing the result of ${taskId}: the worker stops, and the store did not take it within ${seconds} s.`;
      reject(new BackendStoreError(text, { taskId, state }));
    }
  }
}
