/**
 * Tables of our own for the chords, beside Python's, which has none for them: it knows how far a
 * chord has come by looking at the results. They are made when the first chord comes.
 *
 * `told` counts the rows of `tscelery_chord_part`, so that each part costs the same. Times are
 * seconds since the epoch.
 */
import type { SqliteDatabase, SqliteStatement } from '../../drivers/sqlite/driver.ts';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS tscelery_chord (
  group_id TEXT NOT NULL PRIMARY KEY,
  size INTEGER,
  grown INTEGER NOT NULL DEFAULT 0,
  told INTEGER NOT NULL DEFAULT 0,
  claimed_until REAL NOT NULL DEFAULT 0,
  closed INTEGER NOT NULL DEFAULT 0,
  touched REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS tscelery_chord_touched ON tscelery_chord (touched);
CREATE TABLE IF NOT EXISTS tscelery_chord_part (
  id INTEGER NOT NULL PRIMARY KEY,
  group_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  place INTEGER,
  status TEXT NOT NULL,
  result BLOB NOT NULL,
  UNIQUE (group_id, task_id)
);
`;

/** Chords that are deleted in one transaction. */
const OLDEST_CHORDS = 100;

export interface ChordRow {
  readonly size: number | null;
  readonly grown: number;
  readonly told: number;
  readonly claimed_until: number;
  readonly closed: number;
  readonly touched: number;
}

export interface ChordPartRow {
  readonly task_id: string;
  readonly place: number | null;
  readonly status: string;
  /** Pickle, as in Celery's table of results. */
  readonly result: Uint8Array;
}

export class ChordTables {
  readonly #touch: SqliteStatement;
  readonly #chord: SqliteStatement;
  readonly #setSize: SqliteStatement;
  readonly #grow: SqliteStatement;
  readonly #addPart: SqliteStatement;
  readonly #count: SqliteStatement;
  readonly #claim: SqliteStatement;
  readonly #parts: SqliteStatement;
  readonly #close: SqliteStatement;
  readonly #drop: SqliteStatement;
  readonly #dropParts: SqliteStatement;
  readonly #expireParts: SqliteStatement;
  readonly #expire: SqliteStatement;

  /** Undefined when nobody has made them. */
  static find(database: SqliteDatabase): ChordTables | undefined {
    const found = database
      .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tscelery_chord_part'")
      .get();
    return found ? new ChordTables(database) : undefined;
  }

  static make(database: SqliteDatabase): ChordTables {
    database.exec(SCHEMA);
    return new ChordTables(database);
  }

  private constructor(database: SqliteDatabase) {
    const chord = (sql: string) => database.prepare(`${sql} WHERE group_id = ?1`);
    this.#touch = database.prepare(
      `INSERT INTO tscelery_chord (group_id, touched) VALUES (?1, ?2)
       ON CONFLICT (group_id) DO UPDATE SET touched = excluded.touched`,
    );
    this.#chord = chord('SELECT * FROM tscelery_chord');
    this.#setSize = chord('UPDATE tscelery_chord SET size = ?2');
    this.#grow = chord('UPDATE tscelery_chord SET grown = grown + ?2');
    this.#addPart = database.prepare(
      `INSERT INTO tscelery_chord_part (group_id, task_id, place, status, result)
       VALUES (?, ?, ?, ?, ?) ON CONFLICT (group_id, task_id) DO NOTHING`,
    );
    this.#count = chord('UPDATE tscelery_chord SET told = told + 1');
    this.#claim = chord('UPDATE tscelery_chord SET claimed_until = ?2');
    this.#parts = database.prepare(
      `SELECT task_id, place, status, result FROM tscelery_chord_part WHERE group_id = ?
       ORDER BY place IS NULL, place, id`,
    );
    this.#close = chord('UPDATE tscelery_chord SET closed = 1, told = 0');
    this.#drop = chord('DELETE FROM tscelery_chord');
    this.#dropParts = chord('DELETE FROM tscelery_chord_part');
    const old = `WHERE group_id IN (
      SELECT group_id FROM tscelery_chord WHERE touched < ?1 AND closed >= ?2
      ORDER BY touched, group_id LIMIT ${OLDEST_CHORDS})`;
    this.#expireParts = database.prepare(`DELETE FROM tscelery_chord_part ${old}`);
    this.#expire = database.prepare(`DELETE FROM tscelery_chord ${old}`);
  }

  /** Makes the chord if there is none, and gives it its whole lifetime. */
  touch(groupId: string, now: number): ChordRow {
    this.#touch.run(groupId, now);
    return this.chord(groupId)!;
  }

  chord(groupId: string): ChordRow | undefined {
    return this.#chord.get(groupId) as ChordRow | undefined;
  }

  setSize(groupId: string, size: number): void {
    this.#setSize.run(groupId, size);
  }

  grow(groupId: string, count: number): void {
    this.#grow.run(groupId, count);
  }

  /** @returns false when a part of this task is there already */
  addPart(groupId: string, { task_id, place, status, result }: ChordPartRow): boolean {
    if (!this.#addPart.run(groupId, task_id, place, status, result).changes) return false;
    this.#count.run(groupId);
    return true;
  }

  claim(groupId: string, until: number): void {
    this.#claim.run(groupId, until);
  }

  /** In the order of the header. */
  parts(groupId: string): ChordPartRow[] {
    return this.#parts.all(groupId) as ChordPartRow[];
  }

  drop(groupId: string): void {
    this.#drop.run(groupId);
    this.#dropParts.run(groupId);
  }

  close(groupId: string): void {
    this.#close.run(groupId);
    this.#dropParts.run(groupId);
  }

  /**
   * Deletes the oldest chords that nobody has touched since `cutoff`, all kinds or closed ones only.
   *
   * @returns false when there may be more
   */
  expire(cutoff: number, which: 'all' | 'closed'): boolean {
    const least = which === 'closed' ? 1 : 0;
    this.#expireParts.run(cutoff, least);
    return Number(this.#expire.run(cutoff, least).changes) < OLDEST_CHORDS;
  }
}
