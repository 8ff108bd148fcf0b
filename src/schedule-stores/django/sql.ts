/** The statements of the tables of django-celery-beat, for SQLite. */
import type { SqliteDatabase } from '../../drivers/sqlite/driver.ts';
import type { EntryRun } from '../contract.ts';
import type { Columns, ScheduleRow } from './columns.ts';
import { type TaskRow, textOf } from './rows.ts';

const PREFIX = 'django_celery_beat_';
const TASKS = `${PREFIX}periodictask`;
const CHANGES = `${PREFIX}periodictasks`;

const SELECT = `
SELECT t.name, t.task, t.args, t.kwargs, t.queue, t.exchange, t.routing_key, t.headers, t.priority,
  t.expires, t.expire_seconds, t.one_off, t.start_time, t.enabled, t.last_run_at, t.total_run_count,
  t.date_changed, t.description, i.every, i.period, c.minute, c.hour, c.day_of_week, c.day_of_month,
  c.month_of_year, c.timezone, s.event, s.latitude, s.longitude, k.clocked_time
FROM ${TASKS} t
LEFT JOIN ${PREFIX}intervalschedule i ON i.id = t.interval_id
LEFT JOIN ${PREFIX}crontabschedule c ON c.id = t.crontab_id
LEFT JOIN ${PREFIX}solarschedule s ON s.id = t.solar_id
LEFT JOIN ${PREFIX}clockedschedule k ON k.id = t.clocked_id
ORDER BY t.name`;

export class DjangoTables {
  readonly #database: SqliteDatabase;
  readonly #now: number;

  constructor(database: SqliteDatabase, now: number) {
    this.#database = database;
    this.#now = now;
  }

  all(): TaskRow[] {
    return this.#database.prepare(SELECT).all() as TaskRow[];
  }

  /** When anything was changed last, as a text; empty before that. */
  lastUpdate(): string {
    const row = this.#database.prepare(`SELECT last_update FROM ${CHANGES}`).get();
    return (row as { last_update: string } | undefined)?.last_update ?? '';
  }

  /** What beats of Python, and other ones of ours, look at. @returns it */
  tellOfChange(): string {
    const now = textOf(this.#now);
    this.#database
      .prepare(
        `INSERT INTO ${CHANGES} (ident, last_update) VALUES (1, ?)
         ON CONFLICT (ident) DO UPDATE SET last_update = excluded.last_update`,
      )
      .run(now);
    return now;
  }

  /** Columns that are not ours stay as they are. */
  put(name: string, columns: Columns, { schedule, enabled }: PutOptions): void {
    const ids = { interval_id: null, crontab_id: null, solar_id: null, clocked_id: null };
    const now = textOf(this.#now);
    const written: Columns = {
      ...columns,
      ...ids,
      [schedule.column]: this.#scheduleId(schedule),
      // Django allows no other for a moment
      ...(schedule.column === 'clocked_id' && { one_off: 1 }),
      date_changed: now,
      ...(enabled !== undefined && { enabled: enabled ? 1 : 0 }),
    };
    const names = Object.keys(written);
    const values = Object.values(written);
    const updated = this.#database
      .prepare(`UPDATE ${TASKS} SET ${names.map(each => `${each} = ?`).join(', ')} WHERE name = ?`)
      .run(...values, name);
    if (Number(updated.changes) > 0) return;
    const whole = { name, enabled: 1, one_off: 0, total_run_count: 0, ...written };
    this.#insert(TASKS, whole);
  }

  forgetRuns(name: string): void {
    this.#database
      .prepare(`UPDATE ${TASKS} SET last_run_at = NULL, total_run_count = 0 WHERE name = ?`)
      .run(name);
  }

  remove(name: string): boolean {
    const { changes } = this.#database.prepare(`DELETE FROM ${TASKS} WHERE name = ?`).run(name);
    return Number(changes) > 0;
  }

  /** As Django does with one that was disabled: it counts from its last change then. */
  resume(name: string): void {
    this.#database
      .prepare(
        `UPDATE ${TASKS} SET last_run_at = NULL, date_changed = ? WHERE name = ? AND enabled = 0`,
      )
      .run(textOf(this.#now), name);
  }

  setEnabled(name: string, enabled: boolean): boolean {
    if (enabled) this.resume(name);
    const { changes } = this.#database
      .prepare(`UPDATE ${TASKS} SET enabled = ? WHERE name = ?`)
      .run(enabled ? 1 : 0, name);
    return Number(changes) > 0;
  }

  /** What a later leader wrote stays. @returns whether an entry that was to run once has run */
  saveRun({ name, state }: EntryRun): boolean {
    const lastRunAt = textOf(state.lastRunAt);
    this.#database
      .prepare(
        `UPDATE ${TASKS} SET last_run_at = ?, total_run_count = ?
         WHERE name = ? AND (last_run_at IS NULL OR last_run_at <= ?)`,
      )
      .run(lastRunAt, state.totalRunCount, name, lastRunAt);
    if (state.totalRunCount === 0) return false;
    const { changes } = this.#database
      .prepare(
        `UPDATE ${TASKS} SET enabled = 0, total_run_count = 0
         WHERE name = ? AND one_off = 1 AND enabled = 1`,
      )
      .run(name);
    return Number(changes) > 0;
  }

  #scheduleId({ table, values }: ScheduleRow): number {
    const names = Object.keys(values);
    const conditions = names.map(each => `${each} = ?`).join(' AND ');
    const found = this.#database
      .prepare(`SELECT id FROM ${PREFIX}${table} WHERE ${conditions} ORDER BY id`)
      .get(...Object.values(values)) as { id: number } | undefined;
    return found?.id ?? this.#insert(PREFIX + table, values);
  }

  #insert(table: string, columns: Columns): number {
    const names = Object.keys(columns);
    const places = names.map(() => '?').join(', ');
    const { lastInsertRowid } = this.#database
      .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`)
      .run(...Object.values(columns));
    return Number(lastInsertRowid);
  }
}

interface PutOptions {
  readonly schedule: ScheduleRow;
  /** Undefined leaves one that is there as it is. */
  readonly enabled: boolean | undefined;
}
