import { string } from '../../options/setting-kinds.ts';
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
};
