/** What was typed as an entry of a schedule. */
import type { BeatEntry } from '../../app/options/beat-schedule.ts';
import type { PeriodicEntry } from '../../app/schedules/schedules.ts';
import type { Schedule } from '../../schedules/contract.ts';
import { crontab } from '../../schedules/crontab.ts';
import { scheduleFromData } from '../../schedules/from-data.ts';
import type { SCHEDULE_OPTIONS } from '../declarations/schedule.ts';
import { UsageError } from '../parsing/command-error.ts';
import type { Values } from '../parsing/option.ts';

export type ScheduleValues = Values<typeof SCHEDULE_OPTIONS>;

const KINDS = ['every', 'crontab', 'cron', 'solar', 'at'] as const;
type Kind = (typeof KINDS)[number];
const QUOTED = KINDS.map(kind => `'--${kind}'`);

export const usage = (message: string) => new UsageError(message, { command: 'schedule' });

/** @throws UsageError for what cannot be a schedule, or is none */
export function newEntry(task: string, values: ScheduleValues): BeatEntry {
  const schedule = scheduleOf(values);
  if (!schedule) throw usage(`When? Give one of ${QUOTED.join(', ')}.`);
  if (values.task !== undefined) throw usage("'--task' goes with edit.");
  return { ...given(values), task, schedule };
}

/** The same entry with what was typed in the place of what was there. */
export function changedEntry(entry: PeriodicEntry, values: ScheduleValues): BeatEntry {
  const changes = given(values);
  const schedule = scheduleOf(values);
  if (!schedule && Object.keys(changes).length === 0) {
    throw usage('What should be different? There is no option of add and edit.');
  }
  const { task, args, kwargs, options, catchUp, maxAge, overlap, jitter, description } = entry;
  return {
    ...{ task, args, kwargs, catchUp, maxAge, overlap, jitter, description },
    options: options as NonNullable<BeatEntry['options']>,
    schedule: entry.schedule,
    ...changes,
    ...(schedule && { schedule }),
  };
}

function given(values: ScheduleValues): Partial<BeatEntry> {
  const {
    paused,
    json: _,
    every,
    relative,
    crontab: __,
    cron,
    solar,
    at,
    timezone,
    ...others
  } = values;
  return { ...others, ...(paused && { enabled: false }) } as Partial<BeatEntry>;
}

function scheduleOf(values: ScheduleValues): Schedule | undefined {
  const kinds = KINDS.filter(kind => values[kind] !== undefined);
  const [kind] = kinds;
  if (kinds.length > 1) throw usage(`'--${kinds[0]}' and '--${kinds[1]}' exclude each other.`);
  if (values.relative && kind !== 'every') throw usage("'--relative' goes with '--every'.");
  if (values.timezone !== undefined && kind !== 'crontab' && kind !== 'cron') {
    throw usage("'--timezone' goes with '--crontab' and '--cron'.");
  }
  if (kind === undefined) return undefined;
  try {
    return MADE[kind](values);
  } catch (error) {
    if (!(error as { code?: string }).code) throw error;
    throw usage(`Invalid value for '--${kind}': ${(error as Error).message}`);
  }
}

const MADE: Readonly<Record<Kind, (values: ScheduleValues) => Schedule>> = {
  every: ({ every, relative = false }) =>
    scheduleFromData({ __type__: 'interval', every, ...(relative && { relative }) }),
  crontab: ({ crontab: line, timezone }) =>
    crontab.fromString(line!, timezone === undefined ? {} : { timezone }),
  cron: ({ cron, timezone }) =>
    scheduleFromData({ __type__: 'cron', expression: cron, ...(timezone && { timezone }) }),
  solar: ({ solar }) => {
    const [event, latitude, longitude, ...more] = solar!.split(',').map(word => word.trim());
    const place = [latitude, longitude].map(word => (word === '' ? Number.NaN : Number(word)));
    if (place.some(Number.isNaN) || more.length > 0) {
      throw usage(
        `Invalid value for '--solar': '${solar}' is not EVENT,LATITUDE,LONGITUDE, as sunrise,48.85,2.35.`,
      );
    }
    return scheduleFromData({
      __type__: 'solar',
      event,
      latitude: place[0],
      longitude: place[1],
    });
  },
  at: ({ at }) => scheduleFromData({ __type__: 'clocked', at }),
};
