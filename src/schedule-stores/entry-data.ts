/**
 * The JSON form of an entry, for stores. `name`, `task`, `args`, `kwargs`, `options`, `schedule` and
 * `enabled` are a definition of RedBeat's; the others are ours, and are there only when they are not
 * the default, since RedBeat cannot read an entry that has them.
 */
import { ImproperlyConfigured } from '../base/errors.ts';
import { isMap } from '../base/kind-of.ts';
import {
  flag,
  type Kind,
  list,
  map,
  name as nonEmpty,
  oneOf,
  seconds,
  text,
} from '../base/option-kinds.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { ScheduleContext, ScheduleData } from '../schedules/contract.ts';
import { scheduleFromData } from '../schedules/from-data.ts';
import type { CatchUp, Entry, Overlap } from './entry.ts';
import { isLazy } from './lazy.ts';

export interface EntryData {
  readonly name: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly schedule: ScheduleData;
  readonly enabled: boolean;
  readonly catch_up?: CatchUp;
  readonly max_age?: number;
  readonly overlap?: Overlap;
  readonly jitter?: number;
  readonly origin?: Entry['origin'];
  readonly description?: string;
}

/** What an entry is that says nothing about it. */
export const ENTRY_DEFAULTS = {
  args: [],
  kwargs: {},
  options: {},
  enabled: true,
  catchUp: 'last',
  maxAge: null,
  overlap: 'allow',
  jitter: 0,
  description: '',
} as const satisfies Partial<Entry>;

export const CATCH_UP = oneOf('none', 'last', 'all');
export const OVERLAP = oneOf('allow', 'skip', 'queue-one');

/** @throws ImproperlyConfigured naming the entry, for a schedule or an argument that is code */
export function entryToData(entry: Entry): EntryData {
  const { name, task, args, kwargs, options, enabled, catchUp, maxAge, overlap, jitter } = entry;
  const schedule = entry.schedule.toJSON();
  if (schedule === undefined) throw cannotBeKept(name, `its schedule ${entry.schedule} is code`);
  const lazy = args.some(isLazy) || Object.values(kwargs).some(isLazy);
  if (lazy) throw cannotBeKept(name, 'an argument of it is made with beatLazy, which is code');
  return {
    ...{ name, task, args, kwargs, options, schedule, enabled },
    ...(catchUp !== ENTRY_DEFAULTS.catchUp && { catch_up: catchUp }),
    ...(maxAge !== ENTRY_DEFAULTS.maxAge && { max_age: maxAge }),
    ...(overlap !== ENTRY_DEFAULTS.overlap && { overlap }),
    ...(jitter !== ENTRY_DEFAULTS.jitter && { jitter }),
    ...(entry.origin !== 'store' && { origin: entry.origin }),
    ...(entry.description !== ENTRY_DEFAULTS.description && { description: entry.description }),
  };
}

function cannotBeKept(name: string, why: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `The entry ${JSON.stringify(name)} cannot be kept in a store: ${why}.`,
  );
}

const FIELDS: Readonly<Record<Exclude<keyof EntryData, 'name' | 'schedule'>, Kind>> = {
  task: nonEmpty,
  args: list,
  kwargs: map,
  options: map,
  enabled: flag,
  catch_up: CATCH_UP,
  max_age: seconds,
  overlap: OVERLAP,
  jitter: seconds,
  origin: oneOf('code', 'store'),
  description: text,
};

/**
 * The entry that a store has under `name`; fields that nobody here knows are left out.
 *
 * @param context zone and clock for the schedule
 * @throws ImproperlyConfigured naming the entry, the field and the value
 */
export function entryFromData(
  name: string,
  data: unknown,
  context?: Partial<ScheduleContext>,
): Entry {
  if (!isMap(data)) throw wrong(name, `it must be an object, got ${saferepr(data)}.`);
  for (const [field, kind] of Object.entries(FIELDS)) check(name, { field, kind }, data[field]);
  if (data.task == null) throw wrong(name, 'its task is missing.');
  const { catch_up: catchUp, max_age: maxAge, ...others } = withoutNulls(data);
  return {
    ...ENTRY_DEFAULTS,
    origin: 'store',
    ...(catchUp !== undefined && { catchUp }),
    ...(maxAge !== undefined && { maxAge }),
    ...others,
    task: data.task as string,
    name,
    schedule: scheduleIn(name, data.schedule, context),
  };
}

/** Fields that are there, and known. */
function withoutNulls(data: object): Partial<EntryData> {
  const known = Object.entries(data).filter(
    ([field, value]) => Object.hasOwn(FIELDS, field) && value != null,
  );
  return Object.fromEntries(known);
}

function check(name: string, { field, kind }: { field: string; kind: Kind }, value: unknown): void {
  if (value == null || kind.accepts(value)) return;
  const hint = kind.hint?.(value) ?? '';
  throw wrong(name, `its ${field} must be ${kind.words}, got ${saferepr(value)}.${hint}`);
}

function scheduleIn(name: string, data: unknown, context: Partial<ScheduleContext> | undefined) {
  try {
    return scheduleFromData(data as ScheduleData, context);
  } catch (error) {
    throw wrong(name, `its schedule: ${(error as Error).message}`);
  }
}

function wrong(name: string, what: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`The entry ${JSON.stringify(name)} of the store: ${what}`);
}
