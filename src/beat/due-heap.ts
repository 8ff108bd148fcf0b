/** What is due when, first things first: a binary heap in two arrays, as there may be many entries. */

export class DueHeap<T> {
  #dues: number[] = [];
  #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the first one is due; Infinity when there is none. */
  get nextDue(): number {
    return this.#dues[0] ?? Number.POSITIVE_INFINITY;
  }

  push(due: number, item: T): void {
    let at = this.#items.length;
    this.#dues.push(due);
    this.#items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#dues[parent]! <= due) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, due, item);
  }

  /** The first one; undefined when nothing is due at `now`. */
  pop(now: number): T | undefined {
    if (this.nextDue > now) return undefined;
    const first = this.#items[0]!;
    const due = this.#dues.pop()!;
    const item = this.#items.pop()!;
    if (this.#items.length > 0) this.#sink(due, item);
    return first;
  }

  clear(): void {
    this.#dues = [];
    this.#items = [];
  }

  #sink(due: number, item: T): void {
    const { length } = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#dues[child + 1]! < this.#dues[child]!) child += 1;
      if (this.#dues[child]! >= due) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, due, item);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#dues[from]!, this.#items[from]!);
  }

  #put(at: number, due: number, item: T): void {
    this.#dues[at] = due;
    this.#items[at] = item;
  }
}
