/** Arguments of an entry that are found out when it is sent, and not when it is declared. */

const BRAND: unique symbol = Symbol.for('tscelery.beatLazy');

/** Made by `beatLazy`. Celery: `BeatLazyFunc`. */
export class BeatLazy {
  readonly [BRAND] = true;
  readonly #compute: () => unknown;

  constructor(compute: () => unknown) {
    this.#compute = compute;
  }

  /** The value, or a promise of it. */
  value(): unknown {
    return this.#compute();
  }
}

/**
 * An argument of a periodic task that beat computes whenever it sends it; the function may be async.
 * An entry with one cannot be kept in a store that several programs share. Celery: `BeatLazyFunc`.
 *
 * @throws TypeError for what is no function
 */
export function beatLazy<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): BeatLazy {
  if (typeof fn !== 'function') {
    throw new TypeError('beatLazy takes a function, and the arguments that it is called with.');
  }
  return new BeatLazy(() => fn(...args));
}

/** Also one of another copy of the library. */
export function isLazy(value: unknown): value is BeatLazy {
  return typeof value === 'object' && value !== null && BRAND in value;
}
