import type { RedisDelivery } from './delivery.ts';

/**
 * The deliveries of one consumer that are out and not settled. Each knows its place, so
 * that coming and going costs no hashing of tags and leaves nothing behind.
 */
export class Unsettled {
  readonly #items: RedisDelivery[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(delivery: RedisDelivery): void {
    delivery.place = this.#items.push(delivery) - 1;
  }

  delete(delivery: RedisDelivery): boolean {
    const { place } = delivery;
    if (place < 0) return false;
    delivery.place = -1;
    const last = this.#items.pop()!;
    if (last !== delivery) {
      this.#items[place] = last;
      last.place = place;
    }
    return true;
  }

  /** Oldest first, although coming and going mixes them. */
  inOrder(): RedisDelivery[] {
    return [...this.#items].sort((a, b) => a.number - b.number);
  }

  tags(): string[] {
    return this.#items.map(({ tag }) => tag);
  }

  clear(): void {
    for (const delivery of this.#items) delivery.place = -1;
    this.#items.length = 0;
  }
}
