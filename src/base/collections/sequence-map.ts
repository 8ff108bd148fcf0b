/** Numbers beside the table at which it is made larger. */
const CROWDED = 64;

/**
 * Values by numbers that count up, most of which come and go quickly. A `Map` in which
 * entries come and go without end leaves its outgrown tables behind as a chain that V8's
 * quick collections take for alive, with everything that was in them.
 */
export class SequenceMap<V> {
  #keys: number[];
  #values: (V | undefined)[];
  /** Those whose place in the table is taken by a number that has stayed for long. */
  readonly #others = new Map<number, V>();
  #size = 0;

  /** @param capacity how many are expected at once; rounded up to a power of two */
  constructor(capacity = 256) {
    const length = 2 ** Math.ceil(Math.log2(capacity));
    this.#keys = new Array<number>(length).fill(-1);
    this.#values = new Array<V | undefined>(length).fill(undefined);
  }

  get size(): number {
    return this.#size;
  }

  has(key: number): boolean {
    return this.#keys[this.#place(key)] === key || this.#others.has(key);
  }

  get(key: number): V | undefined {
    const place = this.#place(key);
    return this.#keys[place] === key ? this.#values[place] : this.#others.get(key);
  }

  /** @param key a whole number from 0 on */
  set(key: number, value: V): void {
    if (!this.has(key)) this.#size++;
    const place = this.#place(key);
    if (this.#keys[place] === -1 || this.#keys[place] === key) {
      this.#keys[place] = key;
      this.#values[place] = value;
      return;
    }
    this.#others.set(key, value);
    if (this.#others.size > CROWDED && this.#size * 2 > this.#keys.length) this.#grow();
  }

  delete(key: number): boolean {
    const place = this.#place(key);
    if (this.#keys[place] === key) {
      this.#keys[place] = -1;
      this.#values[place] = undefined;
    } else if (!this.#others.delete(key)) {
      return false;
    }
    this.#size--;
    return true;
  }

  clear(): void {
    this.#keys.fill(-1);
    this.#values.fill(undefined);
    this.#others.clear();
    this.#size = 0;
  }

  /** In the order of the numbers. */
  entries(): [number, V][] {
    const entries: [number, V][] = [...this.#others];
    for (let i = 0; i < this.#keys.length; i++) {
      if (this.#keys[i] !== -1) entries.push([this.#keys[i]!, this.#values[i]!]);
    }
    return entries.sort(([a], [b]) => a - b);
  }

  values(): V[] {
    return this.entries().map(([, value]) => value);
  }

  #place(key: number): number {
    return key & (this.#keys.length - 1);
  }

  #grow(): void {
    const entries = this.entries();
    const length = this.#keys.length * 2;
    this.#keys = new Array<number>(length).fill(-1);
    this.#values = new Array<V | undefined>(length).fill(undefined);
    this.#others.clear();
    this.#size = 0;
    for (const [key, value] of entries) this.set(key, value);
  }
}
