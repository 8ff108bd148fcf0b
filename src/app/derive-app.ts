import { Celery } from './app.ts';
import type { CeleryConfig } from './settings/tables/table.ts';

/**
 * The same tasks, signals and time, with settings, queues and connections of its own, so that
 * several workers of one app do not disturb each other.
 */
export function deriveApp(app: Celery, settings: CeleryConfig): Celery {
  const derived = new Celery(app.main, settings, app);
  for (const name of app.queues.names) derived.queues.add(app.queues.get(name));
  return derived;
}
