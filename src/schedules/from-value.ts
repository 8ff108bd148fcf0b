/** What a program may give as a schedule. */
import { isMap } from '../base/kind-of.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { Schedule, ScheduleData } from './contract.ts';
import { InvalidSchedule } from './errors.ts';
import { scheduleFromData } from './from-data.ts';
import { interval } from './interval.ts';

/** Seconds, a schedule, or its JSON form. Celery: what `maybe_schedule` takes. */
export type ScheduleValue = number | Schedule | ScheduleData;

const METHODS = ['nextRun', 'lastRun', 'isDue', 'remainingEstimate', 'within'] as const;

/** By its methods: it may come from another copy of the library. */
export function isSchedule(value: unknown): value is Schedule {
  return isMap(value) && METHODS.every(name => typeof value[name] === 'function');
}

/**
 * The schedule of a value: a number is seconds between runs. Celery: `maybe_schedule`.
 *
 * @throws InvalidSchedule for what is none, with the field that is to blame
 */
export function toSchedule(value: unknown): Schedule {
  if (isSchedule(value)) return value;
  if (typeof value === 'number') return interval(value);
  if (isMap(value) && value.__type__ !== undefined) return scheduleFromData(value);
  throw new InvalidSchedule(
    `A schedule is a number of seconds, or what crontab() and its like return; got ${saferepr(value)}.${hintFor(value)}`,
  );
}

function hintFor(value: unknown): string {
  if (typeof value === 'string' && value.trim().split(/\s+/).length === 5) {
    return ` Did you mean crontab.fromString(${JSON.stringify(value)})?`;
  }
  const methods = isMap(value) ? METHODS.filter(name => typeof value[name] === 'function') : [];
  if (methods.length > 0) return ' A class with due times of its own extends BaseSchedule.';
  return '';
}
