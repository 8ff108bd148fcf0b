/**
 * A map that keeps what was used lately: at least `most / 2` entries, never more than `most`.
 * For caches by names that come from outside, which may be ever new ones.
 *
 * Two generations instead of a line in the order of use: a hit costs one look-up and moves
 * nothing, and the old ones go all at once.
 */
export class RecentMap<K, V extends NonNullable<unknown>> {
  readonly #half: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  /** Does not count as use, so that looking for it keeps nothing. */
  has(key: K): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  set(key: K, value: V): void {
    this.#young.set(key, value);
    this.#old.delete(key);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): boolean {
    return this.#young.delete(key) || this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  *keys(): IterableIterator<K> {
    yield* this.#old.keys();
    yield* this.#young.keys();
  }

  *values(): IterableIterator<V> {
    yield* this.#old.values();
    yield* this.#young.values();
  }
}
