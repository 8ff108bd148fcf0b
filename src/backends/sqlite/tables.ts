/**
 * The two result tables, as SQLAlchemy creates them for Python Celery, and their statements.
 * Tables that are already there are used as they are: a column that one lacks is left out.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import type { SqliteDatabase, SqliteStatement } from '../../drivers/sqlite/driver.ts';

export interface TableNames {
  readonly task: string;
  readonly group: string;
}

export interface TaskRow {
  readonly task_id: string;
  readonly status: string | null;
  /** Pickle: the column is a PickleType of SQLAlchemy's. */
  readonly result: Uint8Array | null;
  /** `YYYY-MM-DD HH:MM:SS.ffffff`, UTC. */
  readonly date_done: string | null;
  readonly traceback: string | null;
  readonly name: string | null;
  /** JSON. */
  readonly args: Uint8Array | null;
  readonly kwargs: Uint8Array | null;
  readonly worker: string | null;
  readonly retries: number | null;
  readonly queue: string | null;
}

export interface GroupRow {
  readonly result: Uint8Array | null;
  readonly date_done: string | null;
}

const DEFAULT_NAMES: TableNames = { task: 'celery_taskmeta', group: 'celery_tasksetmeta' };

/** What every version of Celery has; `result_extended` came later. */
const PLAIN_COLUMNS = ['task_id', 'status', 'result', 'date_done', 'traceback'] as const;
const EXTENDED_COLUMNS = ['name', 'args', 'kwargs', 'worker', 'retries', 'queue'] as const;

/** @throws ImproperlyConfigured when `database_table_names` is not `{task?, group?}` of texts */
export function tableNames(setting: unknown): TableNames {
  if (setting === undefined || setting === null) return DEFAULT_NAMES;
  const names: Record<string, string> = { ...DEFAULT_NAMES };
  for (const [kind, name] of Object.entries(setting)) {
    if (!Object.hasOwn(names, kind)) {
      throw new ImproperlyConfigured(
        `database_table_names has no ${JSON.stringify(kind)}.${didYouMean(kind, Object.keys(names))}`,
      );
    }
    if (typeof name !== 'string' || name === '') {
      throw new ImproperlyConfigured(
        `database_table_names.${kind} must be the name of a table, not ${JSON.stringify(name)}.`,
      );
    }
    names[kind] = name;
  }
  return { task: names.task!, group: names.group! };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name as SQLAlchemy writes it, quoted only where it must be, so that the schema is the same text. */
function asDeclared(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoted(name);
}

/** Creates what is missing. The text, tabs and all, is SQLAlchemy's, so that nobody can tell who was first. */
export function createTables(database: SqliteDatabase, names: TableNames): void {
  database.exec(`CREATE TABLE IF NOT EXISTS ${asDeclared(names.task)} (
\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
\ttask_id VARCHAR(155), 
\tstatus VARCHAR(50), 
\tresult BLOB, 
\tdate_done DATETIME, 
\ttraceback TEXT, 
\tname VARCHAR(155), 
\targs BLOB, 
\tkwargs BLOB, 
\tworker VARCHAR(155), 
\tretries INTEGER, 
\tqueue VARCHAR(155), 
\tUNIQUE (task_id)
)`);
  database.exec(`CREATE TABLE IF NOT EXISTS ${asDeclared(names.group)} (
\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
\ttaskset_id VARCHAR(155), 
\tresult BLOB, 
\tdate_done DATETIME, 
\tUNIQUE (taskset_id)
)`);
}

export class Tables {
  readonly #columns: readonly (keyof TaskRow)[];
  readonly #upsertTask: SqliteStatement;
  readonly #task: SqliteStatement;
  readonly #deleteTask: SqliteStatement;
  readonly #upsertGroup: SqliteStatement;
  readonly #group: SqliteStatement;
  readonly #deleteGroup: SqliteStatement;
  readonly #lastId: SqliteStatement;
  readonly #newer: SqliteStatement;
  readonly #expire: readonly SqliteStatement[];
  readonly #expireOldest: readonly SqliteStatement[];

  constructor(database: SqliteDatabase, names: TableNames) {
    const [task, group] = [quoted(names.task), quoted(names.group)];
    this.#columns = [...PLAIN_COLUMNS, ...extendedColumnsOf(database, task)];
    const columns = this.#columns.join(', ');
    const updates = this.#columns.slice(1).map(column => `${column} = excluded.${column}`);
    this.#upsertTask = database.prepare(
      `INSERT INTO ${task} (${columns}) VALUES (${this.#columns.map(() => '?').join(', ')})
       ON CONFLICT (task_id) DO UPDATE SET ${updates.join(', ')} WHERE status IS NOT 'SUCCESS'`,
    );
    this.#task = database.prepare(`SELECT ${columns} FROM ${task} WHERE task_id = ?`);
    this.#deleteTask = database.prepare(`DELETE FROM ${task} WHERE task_id = ?`);
    this.#upsertGroup = database.prepare(
      `INSERT INTO ${group} (taskset_id, result, date_done) VALUES (?, ?, ?)
       ON CONFLICT (taskset_id) DO UPDATE SET result = excluded.result, date_done = excluded.date_done`,
    );
    this.#group = database.prepare(`SELECT result, date_done FROM ${group} WHERE taskset_id = ?`);
    this.#deleteGroup = database.prepare(`DELETE FROM ${group} WHERE taskset_id = ?`);
    this.#lastId = database.prepare(`SELECT coalesce(max(id), 0) AS id FROM ${task}`);
    this.#newer = database.prepare(`SELECT id, task_id FROM ${task} WHERE id > ? ORDER BY id`);
    const statements = (oldestOnly: boolean) =>
      [task, group].map(table => database.prepare(expireSql(table, oldestOnly)));
    this.#expire = statements(false);
    this.#expireOldest = statements(true);
  }

  /** @returns false when a SUCCESS is stored already */
  putTask(row: TaskRow): boolean {
    return this.#upsertTask.run(...this.#columns.map(column => row[column])).changes > 0;
  }

  task(taskId: string): TaskRow | undefined {
    return this.#task.get(taskId) as TaskRow | undefined;
  }

  deleteTask(taskId: string): void {
    this.#deleteTask.run(taskId);
  }

  putGroup(groupId: string, result: Uint8Array, dateDone: string): void {
    this.#upsertGroup.run(groupId, result, dateDone);
  }

  group(groupId: string): GroupRow | undefined {
    return this.#group.get(groupId) as GroupRow | undefined;
  }

  deleteGroup(groupId: string): void {
    this.#deleteGroup.run(groupId);
  }

  /**
   * Rows are numbered in the order in which they are inserted; because of AUTOINCREMENT no number
   * is used twice.
   */
  lastId(): number {
    return Number((this.#lastId.get() as { id: number }).id);
  }

  newerThan(id: number): { id: number; task_id: string }[] {
    return this.#newer.all(id) as { id: number; task_id: string }[];
  }

  /** Deletes what was done before `cutoff`, in all rows or among the oldest. @returns how many */
  expire(cutoff: string, where: 'everywhere' | 'oldest'): number {
    let deleted = 0;
    for (const statement of where === 'oldest' ? this.#expireOldest : this.#expire) {
      deleted += Number(statement.run(cutoff).changes);
    }
    return deleted;
  }
}

/** Rows looked at by one opportunistic purge; old Celery's tables have no index on date_done. */
export const OLDEST_ROWS = 1000;

/**
 * A row that is not final has no date; it goes when a younger row is old enough to go, which
 * is when nobody has heard of that task for the whole lifetime of results.
 */
function expireSql(table: string, oldestOnly: boolean): string {
  const rows = oldestOnly
    ? `(SELECT id, date_done FROM ${table} ORDER BY id LIMIT ${OLDEST_ROWS})`
    : table;
  return `DELETE FROM ${table} WHERE id IN (
    SELECT id FROM ${rows} AS r, (SELECT max(id) AS last FROM ${rows} WHERE date_done < ?1) AS x
    WHERE r.date_done < ?1 OR (r.date_done IS NULL AND r.id < x.last))`;
}

function extendedColumnsOf(database: SqliteDatabase, task: string): (keyof TaskRow)[] {
  const found = database.prepare(`PRAGMA table_info(${task})`).all() as { name: string }[];
  const names = new Set(found.map(({ name }) => name));
  return EXTENDED_COLUMNS.filter(column => names.has(column));
}
