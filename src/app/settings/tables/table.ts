/**
 * Every setting there is: Celery's names, types and defaults, and a few of our own. The one
 * source of what `app.conf` accepts, of its types and of docs/settings.md.
 */

import { BROKER_SETTINGS } from './broker.ts';
import { OTHER_BACKENDS_SETTINGS } from './other-backends.ts';
import { DATABASE_SETTINGS, REDIS_SETTINGS, RESULT_SETTINGS } from './result.ts';
import { SCHEDULE_STORE_SETTINGS } from './schedule-stores.ts';
import { BEAT_SETTINGS, CONTROL_SETTINGS, EVENTS_SETTINGS, SECURITY_SETTINGS } from './services.ts';
import type { Setting } from './setting.ts';
import { GENERAL_SETTINGS, ROUTING_SETTINGS, TASK_SETTINGS } from './task.ts';
import { WORKER_SETTINGS } from './worker.ts';

/** The areas in the order of the docs page. */
export const SETTING_AREAS = {
  General: GENERAL_SETTINGS,
  Tasks: TASK_SETTINGS,
  'Routing and queues': ROUTING_SETTINGS,
  Broker: BROKER_SETTINGS,
  Results: RESULT_SETTINGS,
  'Results on Redis': REDIS_SETTINGS,
  'Results in a database': DATABASE_SETTINGS,
  'Other result backends': OTHER_BACKENDS_SETTINGS,
  Worker: WORKER_SETTINGS,
  Beat: BEAT_SETTINGS,
  'Shared schedules': SCHEDULE_STORE_SETTINGS,
  Events: EVENTS_SETTINGS,
  'Remote control': CONTROL_SETTINGS,
  'Signed messages': SECURITY_SETTINGS,
} as const;

const ALL_SETTINGS = {
  ...GENERAL_SETTINGS,
  ...TASK_SETTINGS,
  ...ROUTING_SETTINGS,
  ...BROKER_SETTINGS,
  ...RESULT_SETTINGS,
  ...REDIS_SETTINGS,
  ...DATABASE_SETTINGS,
  ...OTHER_BACKENDS_SETTINGS,
  ...WORKER_SETTINGS,
  ...BEAT_SETTINGS,
  ...SCHEDULE_STORE_SETTINGS,
  ...EVENTS_SETTINGS,
  ...CONTROL_SETTINGS,
  ...SECURITY_SETTINGS,
};

type Table = typeof ALL_SETTINGS;

export type SettingName = keyof Table;
type Given<S> = S extends Setting<infer G, infer _> ? G : never;
type Kept<S> = S extends Setting<infer _, infer K> ? K : never;

/** What may be written in a config file, in `app.conf.update` and in constructor options. */
export type CeleryConfig = { [Name in SettingName]?: Given<Table[Name]> | undefined };

/** These three always have a value: unset, they are derived from others. */
type DerivedUrls = Record<'broker_url' | 'broker_read_url' | 'broker_write_url', string>;

/** What a reader of `app.conf` gets. Durations are seconds. */
export type SettingValues = {
  -readonly [Name in SettingName]: Name extends keyof DerivedUrls ? string : Kept<Table[Name]>;
};

export const SETTINGS: Readonly<Record<SettingName, Setting>> = ALL_SETTINGS;
export const SETTING_NAMES = Object.keys(ALL_SETTINGS) as SettingName[];
