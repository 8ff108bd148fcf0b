/**
 * Waiting for many results over one path: they are read together and heard together, and what has
 * come is no longer listened for. It costs what the store's batches of one event-loop turn cost.
 */
import { deferred } from '../base/deferred.ts';
import { News } from '../base/news.ts';
import { systemClock, type Timer } from '../base/time/clock.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import { READY_STATES } from '../wire/results/states.ts';
import type { ResultBackend } from './contract.ts';
import { armWait, type WaitOptions } from './wait.ts';

export interface ManyOptions extends WaitOptions {
  /**
   * Ids that are listened for too while others are awaited, and read before them. Asked once. Listened
   * for only when the wait takes long: most ends of what came before tell nothing.
   */
  readonly alsoWatch?: (() => readonly string[]) | undefined;
  /** Documents that are not final come, too. */
  readonly everyState?: boolean | undefined;
}

/** Seconds. */
const LONG_WAIT = 1;
/** Asked for in one turn; more would hold up whatever else the process does. */
const MOST_AT_ONCE = 500;

/**
 * Documents now, in the order of the ids.
 *
 * @throws BackendGetMetaError when the store cannot be read
 */
export async function fetchMany(
  backend: ResultBackend,
  ids: readonly string[],
): Promise<(ResultMeta | undefined)[]> {
  const found: (ResultMeta | undefined)[] = [];
  await inParts(
    ids,
    async id => backend.fetch(id),
    part => found.push(...part),
  );
  return found;
}

/** Forget them all. */
export async function forgetMany(backend: ResultBackend, ids: readonly string[]): Promise<void> {
  await inParts(ids, id => backend.forget(id));
}

/**
 * The final document of each task, in the order in which they come; what is stored already comes in
 * the order of the ids. Of `alsoWatch` come those that end before the last of `ids`. Whatever
 * happens, also when the reader leaves early, no subscription and no timer is left behind.
 *
 * @throws what `waitForResult` throws
 */
export function finalDocuments(
  backend: ResultBackend,
  ids: readonly string[],
  options: ManyOptions = {},
): AsyncGenerator<ResultMeta, void, undefined> {
  return new ManyWaiter(backend, ids, options).run();
}

class ManyWaiter {
  readonly #backend: ResultBackend;
  readonly #options: ManyOptions;
  readonly #total: number;
  /** Of `ids`, those that are not final yet. */
  readonly #open: Set<string>;
  readonly #watched = new Set<string>();
  readonly #ends = new Map<string, () => Promise<void>>();
  readonly #heard = new Set<string>();
  readonly #news = new News<ResultMeta>();
  #longWait: Timer | undefined;
  #over = false;

  constructor(backend: ResultBackend, ids: readonly string[], options: ManyOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#open = new Set(ids);
    this.#total = this.#open.size;
  }

  async *run(): AsyncGenerator<ResultMeta, void, undefined> {
    this.#options.signal?.throwIfAborted();
    this.#options.closing?.throwIfClosed();
    const disarm = armWait(this.#options, this.#fail, () => this.#missing());
    this.#look().catch(this.#fail);
    try {
      while (this.#open.size > 0 || !this.#news.isEmpty) yield* await this.#news.take();
    } finally {
      this.#over = true;
      this.#longWait?.cancel();
      disarm();
      for (const id of [...this.#ends.keys()]) this.#end(id);
    }
  }

  readonly #fail = (error: unknown) => this.#news.end(error);

  /** As for one: what is stored between the first look and the subscription is found by the second. */
  async #look(): Promise<void> {
    await this.#read([...this.#open], () => false);
    if (this.#over || this.#open.size === 0) return;
    for (const id of this.#options.alsoWatch?.() ?? []) {
      if (!this.#open.has(id)) this.#watched.add(id);
    }
    const others = [...this.#watched];
    if (others.length > 0) {
      const listen = () => void this.#listen(others).catch(this.#fail);
      this.#longWait = systemClock.after(LONG_WAIT, listen);
      await this.#read(others, () => false);
    }
    await this.#listen([...this.#open]);
  }

  async #listen(ids: readonly string[]): Promise<void> {
    await inParts(ids, id => this.#subscribe(id));
    if (this.#over) return;
    await this.#read(
      ids.filter(id => this.#awaits(id)),
      id => !this.#heard.has(id),
    );
  }

  /** Documents that are final, and others of the tasks that `wants` admits. */
  async #read(ids: readonly string[], wants: (id: string) => boolean): Promise<void> {
    const fetch = async (id: string) => (this.#over ? undefined : this.#backend.fetch(id));
    await inParts(ids, fetch, part => {
      for (const meta of part) {
        if (meta && (READY_STATES.has(meta.status) || wants(meta.task_id))) this.#see(meta);
      }
    });
  }

  #awaits(id: string): boolean {
    return this.#open.has(id) || this.#watched.has(id);
  }

  async #subscribe(id: string): Promise<void> {
    if (this.#over || !this.#awaits(id)) return;
    const end = await this.#backend.subscribe(id, this.#see, this.#fail);
    this.#ends.set(id, end);
    // it may have come meanwhile
    if (this.#over || !this.#awaits(id)) this.#end(id);
  }

  readonly #see = (meta: ResultMeta): void => {
    const id = meta.task_id;
    if (this.#over || !this.#awaits(id)) return;
    const isFinal = READY_STATES.has(meta.status);
    if (!isFinal) this.#heard.add(id);
    try {
      if (this.#open.has(id)) this.#options.onMessage?.(meta);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (isFinal) this.#settle(id);
    if (isFinal || this.#options.everyState) this.#news.add(meta);
  };

  #settle(id: string): void {
    this.#open.delete(id);
    this.#watched.delete(id);
    this.#heard.delete(id);
    this.#end(id);
  }

  /** Not awaited by whoever waits for results: it would only cost a round trip. */
  #end(id: string): void {
    const end = this.#ends.get(id);
    this.#ends.delete(id);
    void end?.().catch(() => {});
  }

  #missing(): string {
    const [first] = this.#open;
    if (this.#total === 1) return `The task ${first} was not ready`;
    return `Of ${this.#total} tasks ${this.#open.size} were not ready, ${first} among them,`;
  }
}

/** In turns of their own, so that the process goes on with other things in between. */
async function inParts<T>(
  ids: readonly string[],
  work: (id: string) => Promise<T>,
  done?: (part: T[]) => void,
): Promise<void> {
  for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
    if (at > 0) await turn();
    const part = await Promise.all(ids.slice(at, at + MOST_AT_ONCE).map(work));
    done?.(part);
  }
}

function turn(): Promise<void> {
  const { promise, resolve } = deferred();
  setImmediate(resolve);
  return promise;
}
