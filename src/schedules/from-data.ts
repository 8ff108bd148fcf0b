/** Schedules as stores keep them: JSON that anybody may have written. */
import { isMap } from '../base/kind-of.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { ClockedSchedule } from './clocked.ts';
import type { Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import { CronSchedule } from './cron.ts';
import { CrontabSchedule } from './crontab.ts';
import type { CrontabValue } from './crontab-field.ts';
import { InvalidSchedule } from './errors.ts';
import { IntervalSchedule } from './interval.ts';
import { type SolarEvent, SolarSchedule } from './solar.ts';

type Kind = ScheduleData['__type__'];
type Context = Partial<ScheduleContext>;

/** What a form has: its fields, and what is made of them. */
interface Form {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly make: (fields: Fields, context: Context) => Schedule;
}

/** The fields of a value, each of which has to be of the kind that it is asked for as. */
class Fields {
  readonly #type: string;
  readonly #data: Readonly<Record<string, unknown>>;

  constructor(type: string, data: Readonly<Record<string, unknown>>) {
    this.#type = type;
    this.#data = data;
  }

  number(name: string): number {
    const value = this.#data[name];
    if (typeof value !== 'number') throw this.#wrong(name, 'a number');
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#data[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw this.#wrong(name, 'a string');
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.#data[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw this.#wrong(name, 'a string');
    return value;
  }

  /** RedBeat keeps what a program gave: numbers and lists, too. */
  crontabValue(name: string): CrontabValue {
    const value = this.#data[name] ?? '*';
    if (typeof value === 'string' || typeof value === 'number') return value;
    if (Array.isArray(value)) return value as number[];
    throw this.#wrong(name, 'a string');
  }

  #wrong(name: string, expected: string): InvalidSchedule {
    const got = saferepr(this.#data[name]);
    return new InvalidSchedule(`${name} of ${this.#type} has to be ${expected}, got ${got}.`);
  }
}

const CRONTAB_FIELDS = {
  minute: 'minute',
  hour: 'hour',
  day_of_week: 'dayOfWeek',
  day_of_month: 'dayOfMonth',
  month_of_year: 'monthOfYear',
} as const;

const FORMS: Readonly<Record<Kind, Form>> = {
  interval: {
    required: ['every'],
    optional: ['relative'],
    make: (fields, context) => {
      const relative = fields.boolean('relative', false);
      return new IntervalSchedule(fields.number('every'), { relative }, context);
    },
  },
  crontab: {
    required: [],
    optional: [...Object.keys(CRONTAB_FIELDS), 'timezone'],
    make: (fields, context) => {
      const given = Object.entries(CRONTAB_FIELDS).map(([name, option]) => [
        option,
        fields.crontabValue(name),
      ]);
      const timezone = fields.optionalText('timezone');
      return new CrontabSchedule({ ...Object.fromEntries(given), timezone }, context);
    },
  },
  cron: {
    required: ['expression'],
    optional: ['timezone'],
    make: (fields, context) => {
      const timezone = fields.optionalText('timezone');
      const options = timezone === undefined ? {} : { timezone };
      return new CronSchedule(fields.text('expression'), options, context);
    },
  },
  solar: {
    required: ['event', 'latitude', 'longitude'],
    optional: [],
    make: (fields, context) =>
      new SolarSchedule(
        fields.text('event') as SolarEvent,
        fields.number('latitude'),
        fields.number('longitude'),
        context,
      ),
  },
  clocked: {
    required: ['at'],
    optional: [],
    make: (fields, context) => new ClockedSchedule(fields.text('at'), context),
  },
};

/**
 * The schedule that a JSON value describes.
 *
 * @param context zone and clock of one that has no zone of its own
 * @throws InvalidSchedule naming the field that cannot be used
 */
export function scheduleFromData(data: unknown, context: Context = {}): Schedule {
  if (!isMap(data)) {
    throw new InvalidSchedule(
      `A schedule is an object with __type__, as {"__type__": "interval", "every": 30}; got ${saferepr(data)}.`,
    );
  }
  const type = data.__type__;
  const form = typeof type === 'string' && Object.hasOwn(FORMS, type) ? FORMS[type as Kind] : null;
  if (!form) {
    const kinds = Object.keys(FORMS);
    const hint = didYouMean(String(type), kinds);
    throw new InvalidSchedule(
      `__type__ of a schedule is one of ${kinds.join(', ')}; got ${saferepr(type)}.${hint}`,
    );
  }
  checkNames(data, String(type), form);
  return form.make(new Fields(String(type), data), context);
}

function checkNames(data: Readonly<Record<string, unknown>>, type: string, form: Form): void {
  const known = ['__type__', ...form.required, ...form.optional];
  for (const name of Object.keys(data)) {
    if (!known.includes(name)) {
      const hint = didYouMean(name, known) || ` It has ${known.slice(1).join(', ')}.`;
      throw new InvalidSchedule(`${type} has no field ${JSON.stringify(name)}.${hint}`);
    }
  }
  const missing = form.required.find(name => data[name] === undefined);
  if (missing !== undefined) throw new InvalidSchedule(`${type} needs the field ${missing}.`);
}
