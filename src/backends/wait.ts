import type { Closing } from '../base/closing.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import { READY_STATES } from '../wire/results/states.ts';
import { arm, type Bounds } from './bounded.ts';
import type { ResultBackend } from './contract.ts';

export interface WaitOptions extends Bounds {
  /** Hears of every state seen while waiting, the final one included. */
  readonly onMessage?: ((meta: ResultMeta) => void) | undefined;
  /** Called every `interval` seconds; what it throws ends the wait. */
  readonly onInterval?: (() => void | Promise<void>) | undefined;
  /** Seconds, 0.5 by default as in Celery. */
  readonly interval?: number | undefined;
  /** Of the app whose backend it is: closing that ends the wait. */
  readonly closing?: Closing | undefined;
  readonly clock?: Clock | undefined;
}

const DEFAULT_INTERVAL = 0.5;

/**
 * The final document of a task. A document that is already stored costs one round trip and no
 * subscription. Whatever happens, no subscription and no timer is left behind.
 *
 * @throws TimeoutError after `timeout` seconds
 * @throws ConnectionClosed when the backend or its app is closed meanwhile
 * @throws BackendGetMetaError when the store cannot be read
 */
export function waitForResult(
  backend: ResultBackend,
  taskId: string,
  options: WaitOptions = {},
): Promise<ResultMeta> {
  return new Waiter(backend, taskId, options).run();
}

class Waiter {
  readonly #backend: ResultBackend;
  readonly #taskId: string;
  readonly #options: WaitOptions;
  readonly #outcome: Deferred<ResultMeta> = deferred<ResultMeta>();
  #heard = false;
  #over = false;

  constructor(backend: ResultBackend, taskId: string, options: WaitOptions) {
    this.#backend = backend;
    this.#taskId = taskId;
    this.#options = options;
  }

  async run(): Promise<ResultMeta> {
    this.#options.signal?.throwIfAborted();
    this.#options.closing?.throwIfClosed();
    const disarm = armWait(
      this.#options,
      this.#outcome.reject,
      () => `The task ${this.#taskId} was not ready`,
    );
    this.#look().catch(this.#outcome.reject);
    try {
      return await this.#outcome.promise;
    } finally {
      this.#over = true;
      disarm();
    }
  }

  /** Fetch, subscribe, fetch again: what is stored between the first two is found by the third. */
  async #look(): Promise<void> {
    const stored = await this.#backend.fetch(this.#taskId);
    if (stored && READY_STATES.has(stored.status)) return this.#see(stored);
    if (this.#over) return;

    const unsubscribe = await this.#backend.subscribe(
      this.#taskId,
      meta => this.#see(meta),
      this.#outcome.reject,
    );
    // Not awaited by the one who waits for the result: it would only cost a round trip.
    const end = () => void unsubscribe().catch(() => {});
    this.#outcome.promise.then(end, end);
    if (this.#over) return;

    const current = await this.#backend.fetch(this.#taskId);
    // Something heard meanwhile is at least as new.
    if (current && (!this.#heard || READY_STATES.has(current.status))) this.#see(current);
  }

  #see(meta: ResultMeta): void {
    if (this.#over) return;
    this.#heard = true;
    const final = READY_STATES.has(meta.status);
    if (final) this.#over = true;
    try {
      this.#options.onMessage?.(meta);
      if (final) this.#outcome.resolve(meta);
    } catch (error) {
      this.#outcome.reject(error);
    }
  }
}

/**
 * Calls `reject` at the first bound that is reached, and `onInterval` until then.
 *
 * @param whose begins the sentence of the TimeoutError about the time
 * @returns the function that ends both
 */
export function armWait(
  options: WaitOptions,
  reject: (reason: unknown) => void,
  whose: () => string,
): () => void {
  const { timeout, signal, closing, onInterval, clock = systemClock } = options;
  const bounds = { timeout, signal, clock, ...(closing && { closing }) };
  const disarm = arm(bounds, reject, whose);
  const beat =
    onInterval &&
    clock.every(options.interval ?? DEFAULT_INTERVAL, () => {
      Promise.resolve().then(onInterval).catch(reject);
    });
  return () => {
    disarm();
    beat?.cancel();
  };
}
