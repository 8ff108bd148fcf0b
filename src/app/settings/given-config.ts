/**
 * Configuring is asynchronous, and `app.configFromObject('celeryconfig')` reads as if it were
 * not. Who does not wait for it gets its error where the settings are needed first: from the
 * worker that starts, or the call that is made.
 */

/** A promise that knows whether somebody waits for it, who then gets its error. */
class Watched<T> extends Promise<T> {
  isWatched = false;

  static override get [Symbol.species]() {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: hears who waits
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isWatched = true;
    return super.then(onFulfilled, onRejected);
  }
}

interface Given {
  readonly promise: Watched<unknown>;
  /** Never rejects. */
  readonly outcome: Promise<{ readonly error?: unknown }>;
}

export class GivenConfigs {
  readonly #open = new Set<Given>();

  /** Whether something was given that is not there yet, or failed and nobody knows. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** The same promise, which need not be waited for. */
  add<T>(taking: Promise<T>): Promise<T> {
    const promise = new Watched<T>((resolve, reject) => taking.then(resolve, reject));
    const given: Given = {
      promise,
      outcome: Promise.prototype.then.call(
        promise,
        () => {
          this.#open.delete(given);
          return {};
        },
        (error: unknown) => {
          tellAtTheEnd(() => this.#open.has(given) && !promise.isWatched, error);
          return { error };
        },
      ) as Given['outcome'],
    };
    this.#open.add(given);
    return promise;
  }

  /** Wait for everything. @throws the first error that nobody else got */
  async settle(): Promise<void> {
    for (const given of this.#open) {
      const { error } = await given.outcome;
      if (error !== undefined && !given.promise.isWatched) throw error;
      this.#open.delete(given);
    }
  }
}

/** For a program that ends before it needs its settings. */
function tellAtTheEnd(isUntold: () => boolean, error: unknown): void {
  process.once('beforeExit', () => {
    if (isUntold()) process.emitWarning(String((error as Error).message), 'TsceleryWarning');
  });
}
