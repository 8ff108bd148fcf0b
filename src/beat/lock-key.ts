/** What tells the schedules of apps apart that share a broker. */
import { createHash } from 'node:crypto';
import type { Celery } from '../app/app.ts';
import type { Entry } from '../schedule-stores/entry.ts';

/** `beat_lock_key`, or the app's name; of an app without one a digest of the names of its entries. */
export function lockKeyOf(app: Celery, entries: readonly Entry[]): string {
  const given = app.conf.get('beat_lock_key') ?? app.main;
  if (given !== '') return given;
  const names = entries.map(({ name }) => name).sort();
  return createHash('sha1').update(names.join('\n')).digest('hex').slice(0, 16);
}
