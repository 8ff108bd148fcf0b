/** Tells those who wait for something that it was closed. Closes once. */
export class Closing {
  readonly #listeners = new Set<(error: Error) => void>();
  #error: Error | undefined;

  /** Hear of it, unless the returned function is called before. */
  onClose(listener: (error: Error) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @throws the error that it was closed with */
  throwIfClosed(): void {
    if (this.#error) throw this.#error;
  }

  close(error: Error): void {
    this.#error ??= error;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener(error);
  }
}
