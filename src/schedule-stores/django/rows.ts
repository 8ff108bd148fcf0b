/** Rows of django-celery-beat as entries, whatever database they come from. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { ScheduleContext } from '../../schedules/contract.ts';
import { jsonDecode } from '../../wire/serializers/json.ts';
import type { EntryState, StoredEntry } from '../entry.ts';
import { entryFromData } from '../entry-data.ts';

/** A periodic task with the columns of its schedule; moments as texts in UTC, without a zone. */
export interface TaskRow {
  readonly name: string;
  readonly task: string;
  readonly args: string | null;
  readonly kwargs: string | null;
  readonly queue: string | null;
  readonly exchange: string | null;
  readonly routing_key: string | null;
  readonly headers: string | null;
  readonly priority: number | null;
  readonly expires: string | null;
  readonly expire_seconds: number | null;
  readonly one_off: number;
  readonly start_time: string | null;
  readonly enabled: number;
  readonly last_run_at: string | null;
  readonly total_run_count: number;
  readonly date_changed: string | null;
  readonly description: string | null;
  readonly every: number | null;
  readonly period: string | null;
  readonly minute: string | null;
  readonly hour: string | null;
  readonly day_of_week: string | null;
  readonly day_of_month: string | null;
  readonly month_of_year: string | null;
  readonly timezone: string | null;
  readonly event: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly clocked_time: string | null;
}

const PERIODS: Readonly<Record<string, number>> = {
  days: 86_400,
  hours: 3600,
  minutes: 60,
  seconds: 1,
  microseconds: 1e-6,
};

/** Seconds since the epoch of a text in UTC; undefined for what is none. */
export function secondsIn(text: string | null): number | undefined {
  if (!text) return undefined;
  const [, date, time = '00:00:00', fraction = ''] =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(\.\d{1,6})?)?(?:\+00:00|Z)?$/.exec(text) ?? [];
  const seconds = date === undefined ? Number.NaN : Date.parse(`${date}T${time}Z`) / 1000;
  return Number.isFinite(seconds) ? seconds + Number(fraction || 0) : undefined;
}

/** As Django writes it: with microseconds, unless there are none. */
export function textOf(seconds: number): string {
  const microseconds = Math.round(seconds * 1e6);
  const text = new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, 19);
  const fraction = ((microseconds % 1e6) + 1e6) % 1e6;
  const end = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0')}`;
  return text.replace('T', ' ') + end;
}

/** @throws ImproperlyConfigured naming the entry and what is wrong with it */
export function entryOf(row: TaskRow, context: ScheduleContext): StoredEntry {
  const { name } = row;
  const schedule = scheduleIn(row);
  const data = {
    task: row.task,
    schedule,
    args: jsonIn(row, 'args', '[]'),
    kwargs: jsonIn(row, 'kwargs', '{}'),
    options: optionsIn(row),
    enabled: isToBeSent(row, context.now()),
    description: row.description ?? '',
  };
  return { entry: entryFromData(name, data, context), state: stateIn(row, schedule) };
}

/** One that ran and was to run once, and one that has expired, are disabled by Python when it looks. */
function isToBeSent(row: TaskRow, now: number): boolean {
  const expires = secondsIn(row.expires);
  if (row.enabled === 0 || (expires !== undefined && expires <= now)) return false;
  return row.one_off === 0 || row.total_run_count === 0;
}

function scheduleIn(row: TaskRow): Record<string, unknown> {
  const { minute, hour, day_of_week, day_of_month, month_of_year, timezone } = row;
  if (row.every !== null) {
    const seconds = PERIODS[String(row.period)];
    if (seconds === undefined) throw wrong(row, `the period ${JSON.stringify(row.period)} is none`);
    return { __type__: 'interval', every: row.every * seconds };
  }
  if (minute !== null) {
    const fields = { minute, hour, day_of_week, day_of_month, month_of_year };
    return { __type__: 'crontab', ...fields, ...(timezone && { timezone }) };
  }
  if (row.event !== null) {
    const place = { latitude: Number(row.latitude), longitude: Number(row.longitude) };
    return { __type__: 'solar', event: row.event, ...place };
  }
  const at = secondsIn(row.clocked_time);
  if (at === undefined) throw wrong(row, 'it has no schedule');
  return { __type__: 'clocked', at: new Date(at * 1000).toISOString() };
}

function optionsIn(row: TaskRow): Record<string, unknown> {
  const { queue, exchange, routing_key, priority, expire_seconds } = row;
  const expires = secondsIn(row.expires);
  const headers = jsonIn(row, 'headers', '{}') as Record<string, unknown>;
  const given = {
    ...{ queue, exchange, routing_key, priority },
    expires: expires === undefined ? expire_seconds : new Date(expires * 1000).toISOString(),
    headers: Object.keys(headers).length > 0 ? headers : null,
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== null && value !== ''),
  );
}

/** One that never ran counts from its last change, or is due first when it starts. */
function stateIn(row: TaskRow, schedule: Record<string, unknown>): EntryState | undefined {
  const totalRunCount = Number(row.total_run_count) || 0;
  const ran = secondsIn(row.last_run_at);
  const start = secondsIn(row.start_time);
  const lastRunAt = ran ?? secondsIn(row.date_changed);
  if (start !== undefined && (lastRunAt ?? 0) < start) {
    const before = schedule.__type__ === 'interval' ? Number(schedule.every) : 1e-3;
    return { lastRunAt: start - before, totalRunCount };
  }
  return lastRunAt === undefined ? undefined : { lastRunAt, totalRunCount };
}

function jsonIn(row: TaskRow, column: 'args' | 'kwargs' | 'headers', none: string): unknown {
  try {
    return jsonDecode(row[column] || none, { typed: false });
  } catch (error) {
    throw wrong(row, `its ${column} are no JSON: ${(error as Error).message}`);
  }
}

function wrong({ name }: TaskRow, why: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `The entry ${JSON.stringify(name)} of django-celery-beat: ${why}.`,
  );
}
