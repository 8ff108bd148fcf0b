import type { Celery } from '../../app/app.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { Request } from '../request.ts';

/** A worker whose tasks were not loaded starts, and discards every message it gets. */
export function warnWithoutTasks(app: Celery, logger: Logger): void {
  for (const name of app.tasks.keys()) if (!name.startsWith('celery.')) return;
  logger.warning(
    'The app has no tasks, so that every message is discarded. Tasks are those of the module that -A names, and of the modules in the setting "include" (or "imports") or the option --include.',
  );
}

/**
 * Options that only a worker reads, checked when it starts instead of at the first message.
 *
 * @throws ImproperlyConfigured naming the task
 */
export function checkTasks(app: Celery): void {
  for (const [name, { definition }] of app.tasks) {
    const { Request: Class } = definition.resolved;
    if (Class !== undefined && !(Class.prototype instanceof Request)) {
      throw new ImproperlyConfigured(
        `Task ${name}: the option Request must be a class that extends Request, not ${Class.name || typeof Class}.`,
      );
    }
  }
}
