const COMPACT_FROM = 1024;

/**
 * First in, first out, at constant cost: `Array.prototype.shift` moves everything behind it.
 * What was taken is let go, also when the queue is never empty.
 */
export class Fifo<T> implements Iterable<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= COMPACT_FROM && this.#head * 2 > this.#items.length) this.#compact();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  extract(isMeant: (item: T) => boolean): T[] {
    const extracted: T[] = [];
    const kept: T[] = [];
    for (const item of this) (isMeant(item) ? extracted : kept).push(item);
    if (extracted.length === 0) return extracted;
    this.#items = kept;
    this.#head = 0;
    return extracted;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
