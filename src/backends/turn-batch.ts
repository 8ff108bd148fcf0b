/**
 * Collects what is asked for in one turn of the event loop, and while the batch before is on
 * its way, and hands it over together. One batch at a time, so order is kept across retries.
 */
export class TurnBatch<Item> {
  readonly #run: (items: Item[]) => Promise<void>;
  readonly #maxWeight: number;
  readonly #weigh: (item: Item) => number;
  #waiting: Item[] = [];
  #running: Promise<void> | undefined;

  /** `run` settles its items itself and never rejects; a batch ends before it outweighs `maxWeight`. */
  constructor(
    run: (items: Item[]) => Promise<void>,
    maxWeight: number,
    weigh: (item: Item) => number = () => 1,
  ) {
    this.#run = run;
    this.#maxWeight = maxWeight;
    this.#weigh = weigh;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    this.#running ??= this.#drain();
  }

  /** Resolves when everything added so far is settled. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#run(this.#take());
    this.#running = undefined;
  }

  #take(): Item[] {
    let weight = 0;
    let count = 0;
    for (const item of this.#waiting) {
      weight += this.#weigh(item);
      if (count > 0 && weight > this.#maxWeight) break;
      count++;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }
}
