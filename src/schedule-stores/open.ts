/** Which store a name of `beat_scheduler` (`-S`) stands for. */
import type { Logger } from '../base/logger.ts';
import type { ScheduleContext } from '../schedules/contract.ts';
import type { ScheduleStore } from './contract.ts';

/** What a store may need; each takes what it knows. */
export interface ScheduleStoreOptions {
  /** `beat_schedule_filename`. */
  readonly filename: string;
  /** Zone and clock for schedules that are read. */
  readonly context: ScheduleContext;
  /** `enable_utc`. */
  readonly enableUtc: boolean;
  readonly logger: Pick<Logger, 'debug' | 'info' | 'warning' | 'error'>;
  /** Of the app, by its setting's name. */
  readonly setting: (name: string) => unknown;
}

type Open = (options: ScheduleStoreOptions) => Promise<ScheduleStore>;

const file: Open = async options => new (await import('./file.ts')).FileScheduleStore(options);
const memory: Open = async ({ context }) =>
  new (await import('./memory.ts')).MemoryScheduleStore(() => context.now());
const database: Open = async ({ setting, context }) => {
  const { placeOf } = await import('./place.ts');
  const place = placeOf(setting);
  const key = setting('beat_store_key') as string;
  if (place.kind === 'redis') {
    const { RedisScheduleStore } = await import('./redis/store.ts');
    return new RedisScheduleStore(place.redis, key, context);
  }
  const { SqliteScheduleStore } = await import('./sqlite/store.ts');
  return new SqliteScheduleStore(place.location, key, context);
};
const redbeat: Open = async ({ setting, context }) => {
  const { RedBeatStore } = await import('./redbeat/store.ts');
  return new RedBeatStore(setting, context);
};
const django: Open = async ({ setting, context }) => {
  const { djangoPlace } = await import('./place.ts');
  const { DjangoScheduleStore } = await import('./django/store.ts');
  return new DjangoScheduleStore(djangoPlace(setting), context);
};

const STORES: Readonly<Record<string, Open>> = {
  file,
  'celery.beat:PersistentScheduler': file,
  memory,
  'celery.beat:Scheduler': memory,
  database,
  'tscelery:DatabaseScheduler': database,
  django,
  'django_celery_beat.schedulers:DatabaseScheduler': django,
  redbeat,
  'redbeat:RedBeatScheduler': redbeat,
  'redbeat.schedulers:RedBeatScheduler': redbeat,
};

/** Names of stores, and the classes of Python that they stand for. */
export const STORE_NAMES: readonly string[] = Object.keys(STORES);

/** As in the table: Celery takes `celery.beat.Scheduler` for `celery.beat:Scheduler`. */
export function storeNamed(name: string): string | undefined {
  const withColon = name.replace(/\.(?=[^.:]*$)/, ':');
  return [name, withColon].find(each => Object.hasOwn(STORES, each));
}

/** Whether the schedule is in RedBeat's keys, where a beat of Python may be at work as well. */
export function isRedBeat(name: string): boolean {
  return STORES[storeNamed(name) ?? ''] === redbeat;
}

/** Not started yet. Undefined for a name that is none of a store. */
export async function openScheduleStore(
  name: string,
  options: ScheduleStoreOptions,
): Promise<ScheduleStore | undefined> {
  const known = storeNamed(name);
  return known === undefined ? undefined : await STORES[known]!(options);
}
