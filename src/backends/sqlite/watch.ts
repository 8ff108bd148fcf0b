/**
 * Notices rows that other connections and other processes write, while somebody waits.
 *
 * Asks SQLite whether the file changed at all, which costs some microseconds; only then reads
 * the rows that are new, and those known to be unfinished. Nothing runs when nobody waits.
 */
import { SUCCESS } from '../../wire/states.ts';
import type { Tables, TaskRow } from './tables.ts';

/** Milliseconds between two looks: half of it is the median delay of another process's result. */
const LOOK_EVERY_MS = 10;

export interface WatchedDatabase {
  readonly tables: Tables;
  /** Changes when another connection has committed. */
  version(): number;
}

export class RowWatch {
  readonly #database: WatchedDatabase;
  readonly #onRow: (row: TaskRow) => void;
  /** The last row seen of each awaited task; undefined while there is none. */
  readonly #awaited = new Map<string, TaskRow | undefined>();
  /** Awaited tasks with a row that may still change. */
  readonly #unfinished = new Set<string>();
  #lastId = 0;
  #version = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: WatchedDatabase, onRow: (row: TaskRow) => void) {
    this.#database = database;
    this.#onRow = onRow;
  }

  add(taskId: string): void {
    if (this.#awaited.has(taskId)) return;
    if (!this.#timer) {
      this.#version = this.#database.version();
      this.#lastId = this.#database.tables.lastId();
      this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    }
    this.saw(taskId, this.#database.tables.task(taskId));
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

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#awaited.clear();
    this.#unfinished.clear();
  }

  #look(): void {
    try {
      const version = this.#database.version();
      if (version === this.#version) return;
      const changed = new Set(this.#unfinished);
      const fresh = this.#database.tables.newerThan(this.#lastId);
      for (const { task_id: taskId } of fresh) if (this.#awaited.has(taskId)) changed.add(taskId);
      for (const taskId of changed) this.#compare(taskId);
      this.#lastId = fresh.at(-1)?.id ?? this.#lastId;
      this.#version = version;
    } catch {
      // locked by a writer in the old journal mode: the next look finds the same change
    }
  }

  #compare(taskId: string): void {
    const row = this.#database.tables.task(taskId);
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
