import { duration, string } from '../../options/setting-kinds.ts';
import { used } from './setting.ts';

export const SCHEDULE_STORE_SETTINGS = {
  beat_store_url: used(
    null,
    string,
    null,
    'Where `beat_scheduler = "database"` keeps the schedule, Redis or an SQLite file; ' +
      'null is the broker, or else the result backend. Ours.',
  ),
  beat_store_key: used(
    null,
    string,
    'celery',
    'Name of the schedule there: apps with names of their own do not share one. Ours.',
  ),
  redbeat_redis_url: used(
    null,
    string,
    null,
    'Redis of `beat_scheduler = "redbeat.RedBeatScheduler"`; null is the broker.',
  ),
  redbeat_key_prefix: used(null, string, 'redbeat:', 'How the keys of RedBeat begin.'),
  redbeat_lock_key: used(
    null,
    string,
    null,
    'Key that a beat holds while it sends, so that one of Python waits; null is `redbeat::lock` with that prefix.',
  ),
  redbeat_lock_timeout: used(
    null,
    duration,
    null,
    'How long that key outlives a beat that ended without a word; null is 30 s.',
  ),
};
