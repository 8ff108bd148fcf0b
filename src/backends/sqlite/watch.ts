/**
 * Notices rows that other connections and other processes write, while somebody waits.
 *
 * When the file has changed it reads the rows that are new, and those known to be unfinished.
 * Nothing runs when nobody waits.
 */
import { ChangeWatcher } from '../../drivers/sqlite/change-watcher.ts';
import { SUCCESS } from '../../wire/results/states.ts';
import type { Tables, TaskRow } from './tables.ts';

export interface WatchedDatabase {
  /** The file that grows with every commit; undefined when nobody else can write. */
  readonly log: string | undefined;
  tables(): Tables;
  /** Changes when another connection has committed. */
  version(): number;
}

export class RowWatch {
  readonly #database: WatchedDatabase;
  readonly #onRow: (row: TaskRow) => void;
  /** The last row seen of each awaited task, to tell what is new; undefined while there is none. */
  readonly #awaited = new Map<string, TaskRow | undefined>();
  readonly #unfinished = new Set<string>();
  #lastId = 0;
  /** A change was noticed but could not be read, so that the next look has to. */
  #isBehind = false;
  #watcher: ChangeWatcher | undefined;

  constructor(database: WatchedDatabase, onRow: (row: TaskRow) => void) {
    this.#database = database;
    this.#onRow = onRow;
  }

  add(taskId: string): void {
    if (this.#awaited.has(taskId)) return;
    const tables = this.#database.tables();
    if (this.#awaited.size === 0) {
      this.#lastId = tables.lastId();
      this.#watcher = this.#startWatching();
    }
    this.saw(taskId, tables.task(taskId));
  }

  remove(taskId: string): void {
    this.#awaited.delete(taskId);
    this.#unfinished.delete(taskId);
    if (this.#awaited.size === 0) this.stop();
  }

  /** What the table holds for a task is known already: do not tell it again. */
  saw(taskId: string, row: TaskRow | undefined): void {
    this.#awaited.set(taskId, row);
    if (row && row.status !== SUCCESS) this.#unfinished.add(taskId);
    else this.#unfinished.delete(taskId);
  }

  has(taskId: string): boolean {
    return this.#awaited.has(taskId);
  }

  /** The file was replaced and the tables are others now: nothing that was read counts any more. */
  reset(): void {
    this.#lastId = 0;
    this.#unfinished.clear();
    for (const taskId of this.#awaited.keys()) this.#awaited.set(taskId, undefined);
    this.#isBehind = true;
  }

  stop(): void {
    this.#watcher?.stop();
    this.#watcher = undefined;
    this.#awaited.clear();
    this.#unfinished.clear();
  }

  #startWatching(): ChangeWatcher | undefined {
    const { log } = this.#database;
    if (log === undefined) return undefined;
    return new ChangeWatcher({
      file: log,
      version: () => this.#version(),
      isWaiting: () => this.#awaited.size > 0,
      onChange: () => this.#look(),
    });
  }

  /** NaN differs from itself: the watcher calls again. */
  #version(): number {
    try {
      return this.#isBehind ? Number.NaN : this.#database.version();
    } catch {
      return Number.NaN;
    }
  }

  #look(): void {
    try {
      const changed = new Set(this.#unfinished);
      const fresh = this.#database.tables().newerThan(this.#lastId);
      for (const { task_id: taskId } of fresh) if (this.#awaited.has(taskId)) changed.add(taskId);
      for (const taskId of changed) this.#compare(taskId);
      this.#lastId = fresh.at(-1)?.id ?? this.#lastId;
      this.#isBehind = false;
    } catch {
      // locked by a writer in the old journal mode: the next look finds the same change
      this.#isBehind = true;
    }
  }

  #compare(taskId: string): void {
    // hearing of another row may have ended this wait
    if (!this.#awaited.has(taskId)) return;
    const row = this.#database.tables().task(taskId);
    const before = this.#awaited.get(taskId);
    this.saw(taskId, row);
    if (row && !(before && isSame(before, row))) this.#onRow(row);
  }
}

function isSame(one: TaskRow, other: TaskRow): boolean {
  return (
    one.status === other.status &&
    one.date_done === other.date_done &&
    one.traceback === other.traceback &&
    one.retries === other.retries &&
    Buffer.compare(one.result ?? new Uint8Array(), other.result ?? new Uint8Array()) === 0
  );
}
