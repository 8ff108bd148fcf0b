/** Schedules in the form of a crontab, with Celery's grammar and Celery's rules. */
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { BaseSchedule, dateOf } from './base-schedule.ts';
import { nextOfFixedTimes, nextOfShownTimes } from './changing-clocks.ts';
import type { Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import {
  type CrontabFieldName,
  type CrontabValue,
  fieldNumbers,
  fieldRepr,
  fieldText,
} from './crontab-field.ts';
import { type CrontabNumbers, CrontabTimes } from './crontab-times.ts';
import { InvalidSchedule, ParseException } from './errors.ts';
import { ownZone } from './own-zone.ts';

/** In the order of a line of a crontab, and of what Celery prints. */
const LINE = ['minute', 'hour', 'dayOfMonth', 'monthOfYear', 'dayOfWeek'] as const;

/** When a crontab is due; a field that is left out is `*`. */
export interface CrontabOptions {
  /** 0 to 59. */
  readonly minute?: CrontabValue;
  /** 0 to 23. */
  readonly hour?: CrontabValue;
  /** 0 (Sunday) to 6 (Saturday), or names: `mon-fri`. 7 is no day. Celery: `day_of_week`. */
  readonly dayOfWeek?: CrontabValue;
  /** 1 to 31. Celery: `day_of_month`. */
  readonly dayOfMonth?: CrontabValue;
  /** 1 to 12, or names: `jan,jul`. Celery: `month_of_year`. */
  readonly monthOfYear?: CrontabValue;
  /** An IANA zone (`Europe/Berlin`); default is that of the app (`timezone`). Celery has none here. */
  readonly timezone?: string;
}

/** What is found out once, whatever zones and clocks it is used with. */
interface Parsed {
  readonly given: Readonly<Record<CrontabFieldName, CrontabValue>>;
  readonly fields: CrontabNumbers;
  readonly timezone: string | undefined;
  readonly dueAfter: (wall: number) => number | undefined;
}

/** Celery: `celery.schedules.crontab`. Made by `crontab()`. */
export class CrontabSchedule extends BaseSchedule {
  readonly #parsed: Parsed;

  /** @throws InvalidSchedule naming the field; ParseException for text that is not of the grammar */
  constructor(
    options: CrontabOptions | CrontabSchedule = {},
    context: Partial<ScheduleContext> = {},
  ) {
    const parsed = options instanceof CrontabSchedule ? options.#parsed : parse(options);
    super(ownZone('crontab', parsed.timezone, context));
    this.#parsed = parsed;
  }

  override nextRun(after: Date): Date | null {
    const next = this.#parsed.fields.hour.isWildcard ? nextOfShownTimes : nextOfFixedTimes;
    const due = next(this.zone, after.getTime() / 1000, this.#parsed.dueAfter);
    return due === undefined ? null : dateOf(due);
  }

  override within(context: Partial<ScheduleContext>): Schedule {
    return new CrontabSchedule(this, { ...this.context, ...context });
  }

  override equals(other: Schedule): boolean {
    if (!(other instanceof CrontabSchedule)) return super.equals(other);
    const [ours, theirs] = [this.#parsed, other.#parsed];
    const same = (name: CrontabFieldName) =>
      String(ours.fields[name].values) === String(theirs.fields[name].values);
    return (
      LINE.every(same) &&
      ours.timezone === theirs.timezone &&
      ours.fields.hour.isWildcard === theirs.fields.hour.isWildcard
    );
  }

  override toString(): string {
    const fields = LINE.map(name => fieldRepr(this.#parsed.given[name]));
    return `<crontab: ${fields.join(' ')} (m/h/dM/MY/d)>`;
  }

  override toJSON(): ScheduleData {
    const { given, timezone } = this.#parsed;
    const text = eachField(name => fieldText(given[name]));
    return {
      __type__: 'crontab',
      minute: text.minute,
      hour: text.hour,
      day_of_week: text.dayOfWeek,
      day_of_month: text.dayOfMonth,
      month_of_year: text.monthOfYear,
      ...(timezone === undefined ? {} : { timezone }),
    };
  }
}

/**
 * Due at the minutes that all fields admit, as in Celery: a day has to be one of `dayOfMonth` and of
 * `monthOfYear` and of `dayOfWeek`, where cron takes those of either. Each field is a number, several
 * numbers, or text: `*`, `5`, `1,15`, `mon-fri`, `22-2` (goes round), and a step after a star or a
 * range, as in `8-18/2`.
 *
 * When the clocks of the zone change:
 * - an hour that is given (`hour: 2`, `'0,12'`, `'8-18'`) is due once a day. If the clocks skip the
 *   time, it is due at the moment at which they go on; if they show it twice, the first time.
 * - with an hour that has a `*`, or all 24, it is due whenever the clocks show such a time: in both
 *   hours of the same name, and not at all in the one that is skipped.
 *
 * @throws InvalidSchedule for a number out of range, an unknown name or zone, and for a date that
 * never comes (31 February); ParseException (one of these) for text that is not of the grammar
 */
export function crontab(options: CrontabOptions = {}): CrontabSchedule {
  return new CrontabSchedule(options);
}

/**
 * The schedule of a line of a crontab: minute, hour, day of month, month, day of week. Celery:
 * `crontab.from_string`.
 *
 * @throws as `crontab`; ParseException when there are not five fields
 */
crontab.fromString = (line: string, options: { timezone?: string } = {}): CrontabSchedule => {
  const fields = typeof line === 'string' ? line.trim().split(/\s+/) : [];
  if (fields.length !== LINE.length || fields[0] === '') {
    throw new ParseException(
      `crontab: a line has the five fields ${LINE.join(' ')}, got ${saferepr(line)}.`,
    );
  }
  const given = Object.fromEntries(LINE.map((name, i) => [name, fields[i]]));
  return new CrontabSchedule({ ...given, ...options });
};

function parse(options: CrontabOptions): Parsed {
  checkNames(options);
  const given = eachField(name => kept(options[name] ?? '*'));
  const fields = eachField(name => fieldNumbers(name, given[name]));
  const times = new CrontabTimes(fields);
  if (!times.isPossible) {
    const [day, month] = [fieldText(given.dayOfMonth), fieldText(given.monthOfYear)];
    throw new InvalidSchedule(
      `crontab: no day is dayOfMonth '${day}' in monthOfYear '${month}', so it would never be due.`,
    );
  }
  return { given, fields, timezone: options.timezone, dueAfter: wall => times.after(wall) };
}

function eachField<T>(make: (name: CrontabFieldName) => T): Record<CrontabFieldName, T> {
  return {
    minute: make('minute'),
    hour: make('hour'),
    dayOfWeek: make('dayOfWeek'),
    dayOfMonth: make('dayOfMonth'),
    monthOfYear: make('monthOfYear'),
  };
}

/** A copy of several numbers: who gave them may change them. */
function kept(value: CrontabValue): CrontabValue {
  if (Array.isArray(value)) return [...(value as number[])];
  return value instanceof Set ? new Set(value as Set<number>) : value;
}

function checkNames(options: CrontabOptions): void {
  const known: readonly string[] = [...LINE, 'timezone'];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const hint = didYouMean(camel, known) || ` It has ${known.join(', ')}.`;
    throw new InvalidSchedule(`crontab has no field ${JSON.stringify(name)}.${hint}`);
  }
}
