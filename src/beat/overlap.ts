/** Whether the run of an entry before has ended, for entries whose runs must not overlap. */
import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import { callOptions } from '../app/schedules/read-entry.ts';
import { answersSender } from '../backends/open.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import type { Entry } from '../schedule-stores/entry.ts';
import { READY_STATES } from '../wire/results/states.ts';

/** Seconds that a run may hold up the next ones where results never expire. */
const LONGEST_RUN = 86_400;

/** @throws ImproperlyConfigured for an entry whose runs nobody can see the end of */
export function checkOverlap(app: Celery, entry: Entry): void {
  if (entry.overlap === 'allow') return;
  const refuse = (why: string) => {
    throw new ImproperlyConfigured(
      `The entry ${JSON.stringify(entry.name)}: overlap ${JSON.stringify(entry.overlap)} looks at the result of the run before, but ${why}.`,
    );
  };
  const url = app.conf.result_backend;
  if (url === null || url === '' || url.startsWith('disabled'))
    refuse('there is no result_backend');
  else if (answersSender(url)) refuse('rpc:// gives results only to whom they are sent');
  const declared = app[INTERNALS].definition(entry.task)?.resolved.ignoreResult;
  if (callOptions(entry).ignoreResult ?? declared ?? app.conf.get('task_ignore_result')) {
    refuse('its task has ignore_result');
  }
}

/**
 * @param sentAt when the run was due, in seconds since the epoch
 * @throws BackendGetMetaError when it cannot be known
 */
export async function hasEnded(app: Celery, id: string, sentAt: number): Promise<boolean> {
  const expires = app.conf.get('result_expires') || LONGEST_RUN;
  // the result is gone by then, or the task is
  if (app.clock.now() - sentAt > expires) return true;
  const backend = await app[INTERNALS].backend();
  const meta = await backend.fetch(id);
  return meta !== undefined && READY_STATES.has(meta.status);
}
