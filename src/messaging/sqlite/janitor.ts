import { patience, self } from './liveness.ts';
import type { Holder, SqliteStore } from './store.ts';

const TICK = 1;
const BEAT_EVERY_TICKS = 3;
const TIDY_EVERY_TICKS = 30;
/** After a pause of this process (sleep, a blocked loop) others may have slept as well. */
const LATE = 3;

export interface Household {
  readonly store: SqliteStore;
  readonly members: Iterable<{
    readonly holder: number;
    readonly expiring: readonly { readonly name: string; readonly seconds: number }[];
  }>;
  readonly listeners: Iterable<{ restored(count: number, consumer: string): void }>;
  enqueue(work: (store: SqliteStore) => void): Promise<void>;
  write<T>(work: (store: SqliteStore) => T): Promise<T>;
}

/**
 * Shows the others that our consumers live, takes messages back from those of dead processes,
 * and removes what nobody needs any more.
 */
export class Janitor {
  readonly #session: Household;
  readonly #timer: NodeJS.Timeout;
  /** When each consumer of another process was seen to do something, by our own clock: theirs may be wrong. */
  readonly #seen = new Map<number, { beat: number; at: number }>();
  #ticks = 0;
  #lastTick = performance.now() / 1000;

  constructor(session: Household) {
    this.#session = session;
    this.#timer = setInterval(() => this.#tick(), TICK * 1000);
    setImmediate(() => this.#tick());
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now() / 1000;
    if (now - this.#lastTick > LATE) this.#seen.clear();
    this.#lastTick = now;
    const tick = this.#ticks++;
    // A failure is the session's to report; the next tick tries again.
    const ignore = () => {};
    if (tick % BEAT_EVERY_TICKS === 0) this.#beat().catch(ignore);
    if (tick % TIDY_EVERY_TICKS === 0) this.#tidy().catch(ignore);
    this.#restore(now).catch(ignore);
  }

  #beat(): Promise<void> {
    const { members } = this.#session;
    return this.#session.enqueue(store => {
      for (const { holder, expiring } of members) {
        store.beat(holder, self);
        for (const { name, seconds } of expiring) store.touchQueue(name, seconds, wallClock());
      }
    });
  }

  #tidy(): Promise<void> {
    return this.#session.enqueue(store => {
      store.dropTaken();
      store.findLost();
      store.broadcasts.deleteOld(wallClock());
      store.deleteExpiredQueues(wallClock());
    });
  }

  async #restore(now: number): Promise<void> {
    const own = new Set([...this.#session.members].map(member => member.holder));
    const others = this.#session.store.holders().filter(({ id }) => !own.has(id));
    for (const other of others) {
      if (!this.#isDead(other, now)) continue;
      const count = await this.#session.write(store => store.removeHolder(other.id, true));
      this.#seen.delete(other.id);
      if (count === 0) continue;
      for (const listener of this.#session.listeners) {
        listener.restored(count, `${other.pid}@${other.host.split(' ')[0]}`);
      }
    }
  }

  #isDead(holder: Holder, now: number): boolean {
    const seen = this.#seen.get(holder.id);
    if (seen?.beat !== holder.beat) this.#seen.set(holder.id, { beat: holder.beat, at: now });
    const silence = seen?.beat === holder.beat ? now - seen.at : 0;
    const limit = patience(holder);
    return limit === 0 || silence > limit;
  }
}

const wallClock = () => Date.now() / 1000;
