/** The two tables of a schedule in SQLite, and their statements. */
import type { SqliteDatabase } from '../../drivers/sqlite/driver.ts';
import type { EntryState } from '../entry.ts';

const TABLES = `
CREATE TABLE IF NOT EXISTS tscelery_schedule (
  schedule TEXT PRIMARY KEY, version INTEGER NOT NULL, token INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tscelery_schedule_entry (
  schedule TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, enabled INTEGER NOT NULL,
  origin TEXT NOT NULL, last_run_at REAL, total_run_count INTEGER NOT NULL DEFAULT 0, resumed_at REAL,
  PRIMARY KEY (schedule, name)
);`;

/** Also of a file of an earlier version. */
export function createTables(database: SqliteDatabase): void {
  database.exec(TABLES);
  const columns = database.prepare('PRAGMA table_info(tscelery_schedule_entry)').all();
  if ((columns as { name: string }[]).some(({ name }) => name === 'resumed_at')) return;
  try {
    database.exec('ALTER TABLE tscelery_schedule_entry ADD COLUMN resumed_at REAL');
  } catch (error) {
    // another process was faster
    if (!/duplicate column/.test((error as Error).message)) throw error;
  }
}

export interface EntryRow {
  readonly name: string;
  /** JSON. */
  readonly definition: string;
  readonly enabled: number;
  readonly origin: string;
  readonly last_run_at: number | null;
  readonly total_run_count: number;
  readonly resumed_at: number | null;
}

const COLUMNS = 'name, definition, enabled, origin, last_run_at, total_run_count, resumed_at';
const OF_ONE = 'WHERE schedule = ? AND name = ?';

export class ScheduleTables {
  readonly #database: SqliteDatabase;
  readonly #key: string;

  constructor(database: SqliteDatabase, key: string) {
    this.#database = database;
    this.#key = key;
  }

  /** 0 before the first change. */
  version(): number {
    const row = this.#get('SELECT version FROM tscelery_schedule WHERE schedule = ?');
    return (row as { version: number } | undefined)?.version ?? 0;
  }

  nextVersion(): number {
    this.#run(
      `INSERT INTO tscelery_schedule (schedule, version, token) VALUES (?, 1, 0)
       ON CONFLICT (schedule) DO UPDATE SET version = version + 1`,
    );
    return this.version();
  }

  /** False for a token that is older than one that was here. */
  admits(token: number): boolean {
    return (
      this.#run(
        `INSERT INTO tscelery_schedule (schedule, version, token) VALUES (?, 0, ?)
         ON CONFLICT (schedule) DO UPDATE SET token = excluded.token WHERE token <= excluded.token`,
        token,
      ) > 0
    );
  }

  all(): EntryRow[] {
    return this.#database
      .prepare(`SELECT ${COLUMNS} FROM tscelery_schedule_entry WHERE schedule = ? ORDER BY name`)
      .all(this.#key) as EntryRow[];
  }

  one(name: string): EntryRow | undefined {
    return this.#get(`SELECT ${COLUMNS} FROM tscelery_schedule_entry ${OF_ONE}`, name) as
      | EntryRow
      | undefined;
  }

  /** What it remembers of runs stays. */
  put(row: Pick<EntryRow, 'name' | 'definition' | 'enabled' | 'origin'>): void {
    this.#run(
      `INSERT INTO tscelery_schedule_entry (schedule, name, definition, enabled, origin)
       VALUES (?, ?, ?, ?, ?) ON CONFLICT (schedule, name) DO UPDATE
       SET definition = excluded.definition, enabled = excluded.enabled, origin = excluded.origin`,
      row.name,
      row.definition,
      row.enabled,
      row.origin,
    );
  }

  forgetRuns(name: string): void {
    this.#run(
      `UPDATE tscelery_schedule_entry SET last_run_at = NULL, total_run_count = 0, resumed_at = NULL ${OF_ONE}`,
      name,
    );
  }

  remove(name: string): boolean {
    return this.#run(`DELETE FROM tscelery_schedule_entry ${OF_ONE}`, name) > 0;
  }

  /** One that was paused goes on from `now`. */
  setEnabled(name: string, enabled: boolean, now: number): boolean {
    if (enabled) this.resume(name, now);
    const sql = `UPDATE tscelery_schedule_entry SET enabled = ${enabled ? 1 : 0} ${OF_ONE}`;
    return this.#run(sql, name) > 0;
  }

  resume(name: string, now: number): void {
    this.#database
      .prepare(`UPDATE tscelery_schedule_entry SET resumed_at = ? ${OF_ONE} AND enabled = 0`)
      .run(now, this.#key, name);
  }

  /** Of an entry that somebody removed there is nothing to remember. */
  saveRun(name: string, { lastRunAt, totalRunCount, resumedAt }: EntryState): void {
    const columns = 'last_run_at = ?, total_run_count = ?, resumed_at = ?';
    this.#database
      .prepare(`UPDATE tscelery_schedule_entry SET ${columns} ${OF_ONE}`)
      .run(lastRunAt, totalRunCount, resumedAt ?? null, this.#key, name);
  }

  #get(sql: string, ...values: (string | number)[]): unknown {
    return this.#database.prepare(sql).get(this.#key, ...values);
  }

  #run(sql: string, ...values: (string | number)[]): number {
    return Number(this.#database.prepare(sql).run(this.#key, ...values).changes);
  }
}
