/** Entries of a schedule as the setting `beat_schedule` and `addPeriodicTask` give them. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isMap } from '../../base/kind-of.ts';
import * as kinds from '../../base/option-kinds.ts';
import { snakeCase } from '../../base/text/case.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { CatchUp, Entry, Overlap } from '../../schedule-stores/entry.ts';
import { CATCH_UP, ENTRY_DEFAULTS, OVERLAP } from '../../schedule-stores/entry-data.ts';
import type { Schedule, ScheduleContext } from '../../schedules/contract.ts';
import { scheduleFromData } from '../../schedules/from-data.ts';
import { isSchedule, toSchedule } from '../../schedules/from-value.ts';
import type { PeriodicOptions } from '../options/beat-schedule.ts';
import { configuredOptions } from '../options/option-checks.ts';
import { duration, UNREADABLE } from '../options/setting-kinds.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import { travelling } from '../signatures/call-options.ts';

const task: kinds.Kind = {
  words: 'the name of a task, or a task',
  accepts: value =>
    kinds.name.accepts(value) ||
    (typeof value === 'function' && 'definition' in value && kinds.name.accepts(value.name)),
};
const span: kinds.Kind = {
  words: duration.expects,
  accepts: value => duration.read(value) !== UNREADABLE,
  ...(duration.hint && { hint: duration.hint }),
};

/** When and how an entry is sent, in the spelling of `addPeriodicTask`. */
export const PERIODIC: kinds.Kinds<Required<PeriodicOptions>> = {
  enabled: kinds.flag,
  catchUp: CATCH_UP,
  maxAge: span,
  overlap: OVERLAP,
  jitter: span,
  description: kinds.text,
};

const FIELDS: Readonly<Record<string, kinds.Kind>> = {
  task,
  schedule: kinds.any,
  args: kinds.list,
  kwargs: kinds.map,
  options: kinds.map,
  relative: kinds.flag,
  ...Object.fromEntries(Object.entries(PERIODIC).map(([key, kind]) => [snakeCase(key), kind])),
};

/** What configuration files in JSON and YAML can say. */
const FORMS =
  ' In an entry it may be { minutes: 5 } as well, or { "__type__": "crontab", "minute": "0", "hour": "4" }.';

/** Belong to one call, which an entry is many of. */
const OF_ONE_CALL: ReadonlySet<string> = new Set(['signal', 'taskId', 'rootId', 'parentId']);

/**
 * One entry of the code.
 *
 * @param name of the entry
 * @param value a value of `beat_schedule`: `{task, schedule, args, kwargs, options, relative}`, and ours
 * @param context zone and clock for its schedule
 * @throws ImproperlyConfigured naming the entry, the field, the value and the nearest word
 */
export function readEntry(
  name: string,
  value: unknown,
  context: Partial<ScheduleContext> = {},
): Entry {
  if (!isMap(value)) {
    throw wrong(
      name,
      `it must be an object such as { task: …, schedule: … }, got ${saferepr(value)}.`,
    );
  }
  const fields = checkedFields(name, value);
  const { catch_up: catchUp, max_age: maxAge, jitter } = fields;
  return {
    name,
    task: typeof fields.task === 'string' ? fields.task : (fields.task as { name: string }).name,
    schedule: scheduleOf(name, fields, context),
    args: (fields.args as Entry['args'] | undefined) ?? ENTRY_DEFAULTS.args,
    kwargs: (fields.kwargs as Entry['kwargs'] | undefined) ?? ENTRY_DEFAULTS.kwargs,
    options: optionsOf(name, fields.options),
    enabled: (fields.enabled as boolean | undefined) ?? ENTRY_DEFAULTS.enabled,
    catchUp: (catchUp as CatchUp | undefined) ?? ENTRY_DEFAULTS.catchUp,
    maxAge: maxAge === undefined ? ENTRY_DEFAULTS.maxAge : (duration.read(maxAge) as number),
    overlap: (fields.overlap as Overlap | undefined) ?? ENTRY_DEFAULTS.overlap,
    jitter: jitter === undefined ? ENTRY_DEFAULTS.jitter : (duration.read(jitter) as number),
    origin: 'code',
    description: (fields.description as string | undefined) ?? ENTRY_DEFAULTS.description,
  };
}

/** In the spelling of settings, without what is left open. */
function checkedFields(name: string, value: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(value)) {
    const field = snakeCase(key);
    const kind = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
    if (!kind) {
      throw wrong(
        name,
        `there is no ${JSON.stringify(key)}.${didYouMean(field, Object.keys(FIELDS))}`,
      );
    }
    if (given === undefined || given === null) continue;
    if (!kind.accepts(given)) {
      const hint = kind.hint?.(given) ?? '';
      throw wrong(name, `${key} must be ${kind.words}, got ${saferepr(given)}.${hint}`);
    }
    fields[field] = given;
  }
  for (const field of ['task', 'schedule']) {
    if (fields[field] === undefined) throw wrong(name, `its ${field} is missing.`);
  }
  return fields;
}

function scheduleOf(
  name: string,
  { schedule: value, relative }: Record<string, unknown>,
  context: Partial<ScheduleContext>,
): Schedule {
  try {
    if (typeof value === 'number' && relative !== true) return intervalOf(value, context);
    const seconds = typeof value === 'number' ? UNREADABLE : duration.read(value);
    const schedule = toSchedule(seconds === UNREADABLE ? value : seconds);
    const data = relative === true ? schedule.toJSON() : undefined;
    const isInterval = data?.__type__ === 'interval';
    const meant = isInterval ? scheduleFromData({ ...data, relative: true }) : schedule;
    return meant.within(context);
  } catch (error) {
    const isForm = isSchedule(value) || (isMap(value) && '__type__' in value);
    const hint = isForm || typeof value === 'number' ? '' : FORMS;
    throw wrong(name, `schedule: ${(error as Error).message}${hint}`);
  }
}

const INTERVALS = new WeakMap<Partial<ScheduleContext>, Map<number, Schedule>>();

/** One for all entries with this interval: there may be many. */
function intervalOf(every: number, context: Partial<ScheduleContext>): Schedule {
  let made = INTERVALS.get(context);
  if (!made) {
    made = new Map();
    INTERVALS.set(context, made);
  }
  let schedule = made.get(every);
  if (!schedule) {
    schedule = toSchedule(every).within(context);
    made.set(every, schedule);
  }
  return schedule;
}

/** In Celery's spelling, as stores keep them. */
function optionsOf(name: string, given: unknown): Entry['options'] {
  return given === undefined
    ? ENTRY_DEFAULTS.options
    : travelling(callOptions({ name, options: given as object }));
}

/**
 * The options of an entry for the call of its task.
 *
 * @throws ImproperlyConfigured naming the entry, the option, the value and the nearest option
 */
export function callOptions({ name, options }: { name: string; options: object }): ApplyOptions {
  const place = `The options of the entry ${JSON.stringify(name)}`;
  const read = configuredOptions(options, place);
  const ofOne = Object.keys(read).find(option => OF_ONE_CALL.has(option));
  if (ofOne === undefined) return read;
  throw new ImproperlyConfigured(
    `${place}: ${snakeCase(ofOne)} belongs to one call; every run of an entry has its own.`,
  );
}

function wrong(name: string, what: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`The entry ${JSON.stringify(name)}: ${what}`);
}
