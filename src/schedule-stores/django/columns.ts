/** An entry as columns of django-celery-beat. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { jsonEncode } from '../../wire/serializers/json.ts';
import type { Entry } from '../entry.ts';
import { entryToData } from '../entry-data.ts';

export type Column = string | number | null;
export type Columns = Readonly<Record<string, Column>>;

/** A row of one of the tables of schedules: what tells it from others, which it is shared with. */
export interface ScheduleRow {
  readonly table: 'intervalschedule' | 'crontabschedule' | 'solarschedule' | 'clockedschedule';
  /** Of the periodic task, for its id. */
  readonly column: 'interval_id' | 'crontab_id' | 'solar_id' | 'clocked_id';
  readonly values: Columns;
}

const OPTIONS = ['queue', 'exchange', 'routing_key', 'priority', 'headers', 'expires'];
/** Django has no column for these. */
const OURS = ['catch_up', 'max_age', 'overlap', 'jitter'] as const;
/** Longest first: what is a whole number of days is written so. */
const PERIODS = [
  ['days', 86_400],
  ['hours', 3600],
  ['minutes', 60],
  ['seconds', 1],
] as const;

/** @throws ImproperlyConfigured naming what Django has no column for */
export function columnsOf(entry: Entry): Columns {
  const data = entryToData(entry);
  const { options } = data;
  const without = OURS.find(field => data[field] !== undefined);
  if (without !== undefined) throw refused(entry, `${without} has no column there`);
  const unknown = Object.keys(options).find(name => !OPTIONS.includes(name));
  if (unknown !== undefined) throw refused(entry, `the option ${unknown} has no column there`);
  const expires = options.expires ?? null;
  if (expires !== null && !Number.isSafeInteger(expires)) {
    throw refused(entry, 'expires is a whole number of seconds there');
  }
  const text = (name: string) => (options[name] === undefined ? null : String(options[name]));
  return {
    task: data.task,
    args: pythonJson(data.args),
    kwargs: pythonJson(data.kwargs),
    queue: text('queue'),
    exchange: text('exchange'),
    routing_key: text('routing_key'),
    headers: pythonJson(options.headers ?? {}),
    priority: (options.priority as number | undefined) ?? null,
    expire_seconds: expires as number | null,
    description: data.description ?? '',
  };
}

/** @param timezone of a crontab that has none of its own */
export function scheduleRowOf(entry: Entry, timezone: string): ScheduleRow {
  const schedule = entryToData(entry).schedule;
  switch (schedule.__type__) {
    case 'interval': {
      if (schedule.relative) throw refused(entry, 'an interval is never relative there');
      return { table: 'intervalschedule', column: 'interval_id', values: period(schedule.every) };
    }
    case 'crontab': {
      const { __type__: _, ...fields } = schedule;
      const values = { timezone, ...fields };
      return { table: 'crontabschedule', column: 'crontab_id', values };
    }
    case 'solar': {
      const { __type__: _, ...values } = schedule;
      return { table: 'solarschedule', column: 'solar_id', values };
    }
    case 'clocked': {
      const at = schedule.at.replace('T', ' ').replace(/(\.0+)?Z$/, '');
      return { table: 'clockedschedule', column: 'clocked_id', values: { clocked_time: at } };
    }
    default:
      throw refused(entry, 'there is no table for an expression of cron');
  }
}

function period(every: number): Columns {
  for (const [name, seconds] of PERIODS) {
    if (Number.isInteger(every / seconds)) return { every: every / seconds, period: name };
  }
  return { every: Math.round(every * 1e6), period: 'microseconds' };
}

const pythonJson = (value: unknown) => jsonEncode(value, { typed: false, spacing: 'python' });

function refused({ name }: Entry, why: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `The entry ${JSON.stringify(name)} cannot be kept in the tables of django-celery-beat: ${why}.`,
  );
}
