/** What RedBeat writes and reads: JSON of Python's with marked moments. */
import { isMap } from '../../base/kind-of.ts';
import { timeZone } from '../../base/time/time-zone.ts';
import { parsePythonJson } from '../../wire/serializers/json-parser.ts';
import type { EntryState } from '../entry.ts';
import { stateOf } from '../stored-text.ts';

const PARTS = ['year', 'month', 'day', 'hour', 'minute', 'second', 'microsecond'] as const;

/** A moment as RedBeat's encoder has it, in UTC. */
export function momentOf(seconds: number): Record<string, unknown> {
  const microseconds = Math.round(seconds * 1e6);
  const date = new Date(Math.floor(microseconds / 1000));
  return {
    __type__: 'datetime',
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    microsecond: ((microseconds % 1_000_000) + 1_000_000) % 1_000_000,
    timezone: 'UTC',
  };
}

/** Seconds since the epoch; undefined for what is no moment. `timezone` is a name, or an offset in seconds. */
export function secondsOf(moment: unknown): number | undefined {
  if (!isMap(moment) || moment.__type__ !== 'datetime') return undefined;
  const [year, month, day, hour, minute, second, microsecond] = PARTS.map(part =>
    Number(moment[part] ?? 0),
  ) as [number, number, number, number, number, number, number];
  const wall = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 + microsecond / 1e6;
  if (!Number.isFinite(wall)) return undefined;
  const zone = moment.timezone ?? 'UTC';
  if (typeof zone === 'number') return wall - zone;
  if (zone === 'UTC') return wall;
  try {
    return timeZone(String(zone)).instantOf(wall);
  } catch {
    return undefined;
  }
}

/** What is kept of the runs before an entry was resumed, as long as nobody has written its meta since. */
export function stateInBoth(meta: string | null, before: string | null): EntryState | undefined {
  const state = stateInMeta(meta);
  if (!state || before === null) return state;
  try {
    const kept: unknown = JSON.parse(before);
    if (!isMap(kept) || kept.resumed !== meta) return state;
    const earlier = stateInMeta(String(kept.meta));
    return earlier ? { ...earlier, resumedAt: state.lastRunAt } : state;
  } catch {
    return state;
  }
}

/** What is kept of runs; undefined for an entry that never ran, and for what cannot be read. */
export function stateInMeta(text: string | null): EntryState | undefined {
  try {
    const meta = text ? parsePythonJson(text) : undefined;
    if (!isMap(meta)) return undefined;
    return stateOf(secondsOf(meta.last_run_at), meta.total_run_count ?? 0);
  } catch {
    return undefined;
  }
}
