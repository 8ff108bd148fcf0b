import { deferred } from './deferred.ts';

/** What one reader waits for, in order; and the error that ends it, after what came before. */
export class News<T> {
  #items: T[] = [];
  #end: { readonly error: unknown } | undefined;
  #wake = deferred();

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#wake.resolve();
  }

  /** Once is enough; later errors do not count. */
  end(error: unknown): void {
    this.#end ??= { error };
    this.#wake.resolve();
  }

  /** Everything since the last time; waits when there is nothing. @throws what it was ended with */
  async take(): Promise<T[]> {
    if (this.isEmpty && !this.#end) await this.#wake.promise;
    // a new promise each time: a long-lived one would keep something of everybody who waited for it
    this.#wake = deferred();
    const items = this.#items;
    if (items.length === 0 && this.#end) throw this.#end.error;
    this.#items = [];
    return items;
  }
}
