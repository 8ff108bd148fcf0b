import type { Clock } from '../../base/time/clock.ts';
import type { TaskHeaders } from '../../wire/messages/task-headers.ts';

/** Ids kept at most, and seconds each is kept, as in Celery; the environment may say otherwise. */
const MOST = Number(process.env.CELERY_WORKER_REVOKES_MAX || 50_000);
/** Characters of an id, or of a stamp, that is kept: whoever can publish can revoke anything. */
export const LONGEST_REVOKED = 1024;
export const KEPT_SECONDS = Number(process.env.CELERY_WORKER_REVOKE_EXPIRES || 10_800);

/**
 * What is known of revoked tasks, with ages in seconds, since a file or a node has other clocks.
 */
export interface RevokedRecord {
  readonly ids: Readonly<Record<string, number>>;
  /** By header and value, as `stampKey` writes them. */
  readonly stamps: Readonly<Record<string, number>>;
}

type Stamped = Pick<TaskHeaders, 'id' | 'stampedHeaders' | 'stamps'>;

/** Tasks that are not to run, by id or by the stamps that they carry. Bounded in number and time. */
export class RevokedTasks {
  readonly #ids: AgingSet;
  readonly #stamps: AgingSet;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#ids = new AgingSet(clock);
    this.#stamps = new AgingSet(clock);
  }

  get size(): number {
    return this.#ids.size;
  }

  add(id: string): void {
    this.#ids.add(id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Revoke all tasks that carry this stamp. Celery: `revoke_by_stamped_headers` */
  addStamp(header: string, value: unknown): void {
    this.#stamps.add(stampKey(header, value));
  }

  covers(task: Stamped): boolean {
    return this.#ids.has(task.id) || (this.#stamps.size > 0 && this.#coversStamps(task));
  }

  #coversStamps(task: Stamped): boolean {
    return stampsOf(task).some(([header, value]) => this.#stamps.has(stampKey(header, value)));
  }

  ids(): string[] {
    return this.#ids.keys();
  }

  record(): RevokedRecord {
    return { ids: this.#ids.ages(), stamps: this.#stamps.ages() };
  }

  /** Know what another node, or this one before, has known; what is known longer stays as it is. */
  merge({ ids, stamps }: RevokedRecord): void {
    const now = this.#clock.monotonic();
    this.#ids.merge(ids, now);
    this.#stamps.merge(stamps, now);
  }
}

/** Each stamp of a task with each of its values. */
export function stampsOf({ stampedHeaders, stamps }: Omit<Stamped, 'id'>): [string, unknown][] {
  return (stampedHeaders ?? []).flatMap(header => {
    const value = stamps[header];
    const values = Array.isArray(value) ? value : [value];
    return values.map((each): [string, unknown] => [header, each]);
  });
}

/** One stamp of one value, as text. */
export function stampKey(header: string, value: unknown): string {
  return JSON.stringify([header, value]);
}

/** The oldest go first: when there are too many, and when their time is over. */
class AgingSet {
  readonly #clock: Clock;
  /** A map keeps the order of insertion. */
  readonly #since = new Map<string, number>();
  /**
   * Goes on where it was: one that begins anew walks over the holes that all entries before the
   * first have left.
   */
  #line = this.#since.entries();
  /** The first entry, when the line has come to it. */
  #first: [key: string, since: number] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#since.size;
  }

  add(key: string): void {
    this.#delete(key);
    this.#since.set(key, this.#clock.monotonic());
    this.#purge();
  }

  has(key: string): boolean {
    const since = this.#since.get(key);
    return since !== undefined && this.#clock.monotonic() - since < KEPT_SECONDS;
  }

  keys(): string[] {
    this.#purge();
    return [...this.#since.keys()];
  }

  ages(): Record<string, number> {
    this.#purge();
    const now = this.#clock.monotonic();
    return Object.fromEntries([...this.#since].map(([key, since]) => [key, now - since]));
  }

  merge(ages: Readonly<Record<string, number>>, now: number): void {
    const theirs = Object.entries(ages)
      .filter(([key]) => key.length <= LONGEST_REVOKED && !this.#since.has(key))
      .map(([key, age]): [string, number] => [key, now - age]);
    const all = [...theirs, ...this.#since].sort((a, b) => a[1] - b[1]);
    this.#since.clear();
    this.#first = undefined;
    this.#line = this.#since.entries();
    for (const [key, since] of all) this.#since.set(key, since);
    this.#purge();
  }

  #purge(): void {
    const oldest = this.#clock.monotonic() - KEPT_SECONDS;
    for (let first = this.#oldest(); first !== undefined; first = this.#oldest()) {
      if (this.#since.size <= MOST && first[1] > oldest) return;
      this.#delete(first[0]);
    }
  }

  #oldest(): [key: string, since: number] | undefined {
    if (this.#first === undefined) {
      let next = this.#line.next();
      if (next.done) {
        // an iterator that has ended once does not go on
        this.#line = this.#since.entries();
        next = this.#line.next();
      }
      this.#first = next.done ? undefined : next.value;
    }
    return this.#first;
  }

  #delete(key: string): void {
    this.#since.delete(key);
    if (this.#first?.[0] === key) this.#first = undefined;
  }
}
