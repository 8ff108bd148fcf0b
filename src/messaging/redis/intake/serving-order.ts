/** In which order the lists of several queues are served. */
import type { RedisKeys } from '../keys.ts';
import type { QueueOrder } from '../options.ts';

/** The lists to look into, in order, and to which queue each belongs. */
export interface Lists {
  readonly keys: readonly string[];
  /** To which lists messages from there belong: the same but for inboxes. */
  readonly homes: readonly string[];
  readonly queues: readonly string[];
  /**
   * What ends a stored message of that list: the default exchange and the queue's name. Scripts
   * join it to the text, since none of them parses JSON.
   */
  readonly endings: readonly string[];
}

/** The same with the inboxes of some of the lists before all others: what is there came earlier. */
export function inboxesFirst(lists: Lists, inboxes: ReadonlyMap<string, string>): Lists {
  const places = lists.keys.flatMap((key, i) => (inboxes.has(key) ? [i] : []));
  if (places.length === 0) return lists;
  const also = (values: readonly string[]) => [...places.map(i => values[i]!), ...values];
  return {
    keys: [...places.map(i => inboxes.get(lists.keys[i]!)!), ...lists.keys],
    homes: also(lists.homes),
    queues: also(lists.queues),
    endings: also(lists.endings),
  };
}

export class ServingOrder {
  readonly #keys: RedisKeys;
  readonly #order: QueueOrder;
  #names: string[] = [];
  #lists: Lists | undefined;

  constructor(keys: RedisKeys, order: QueueOrder) {
    this.#keys = keys;
    this.#order = order;
  }

  get size(): number {
    return this.#names.length;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  add(name: string): void {
    if (this.has(name)) return;
    this.#set([...this.#names, name]);
  }

  remove(name: string): void {
    this.#set(this.#names.filter(other => other !== name));
  }

  /** These queues just gave something: in a round robin the others come first now, as in kombu. */
  served(names: ReadonlySet<string>): void {
    if (this.#order !== 'round_robin' || this.#names.length < 2) return;
    const others = this.#names.filter(name => !names.has(name));
    this.#set([...others, ...this.#names.filter(name => names.has(name))]);
  }

  /** Priority steps first, queues within a step, as kombu asks for them: `[a, b, a·3, b·3, …]`. */
  get lists(): Lists {
    if (this.#lists) return this.#lists;
    const perQueue = this.#names.map(name => ({ name, keys: this.#keys.ofQueue(name) }));
    const steps = perQueue[0]?.keys.length ?? 0;
    const all = Array.from({ length: steps }, (_, step) =>
      perQueue.map(({ name, keys }) => ({ name, key: keys[step]! })),
    ).flat();
    const lists = all.map(list => list.key);
    this.#lists = {
      keys: lists,
      homes: lists,
      queues: all.map(list => list.name),
      endings: all.map(list => `, "", ${JSON.stringify(list.name)}]`),
    };
    return this.#lists;
  }

  #set(names: string[]): void {
    this.#names = this.#order === 'sorted' ? names.sort() : names;
    this.#lists = undefined;
  }
}
