/** What can be known of the entries of the code before anything is sent. */
import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import { nearest } from '../base/text/nearest.ts';
import type { Entry } from '../schedule-stores/entry.ts';
import { isLazy } from '../schedule-stores/lazy.ts';

/** Letters by which a name may differ from the one that was meant: tasks live elsewhere, too. */
const MISSPELT = 2;

/** @throws ImproperlyConfigured naming the entry, when its task cannot be called so */
export async function checkEntryCall(app: Celery, entry: Entry): Promise<void> {
  const definition = app[INTERNALS].definition(entry.task);
  const isLater = entry.args.some(isLazy) || Object.values(entry.kwargs).some(isLazy);
  // a schema wants the values
  if (!definition || (isLater && definition.options.schema)) return;
  try {
    await definition.checkArguments(entry.args, entry.kwargs);
  } catch (error) {
    throw new ImproperlyConfigured(
      `The entry ${JSON.stringify(entry.name)}: its task cannot be called so: ${(error as Error).message}.`,
      { cause: error },
    );
  }
}

/** A sentence about a task that nobody here knows and that is nearly one that is known. */
export function misspeltTask(app: Celery, { name, task }: Pick<Entry, 'name' | 'task'>) {
  if (app[INTERNALS].definition(task)) return undefined;
  const known = nearest(task, app.tasks.keys(), MISSPELT);
  if (known === undefined) return undefined;
  return `The entry ${JSON.stringify(name)}: this program has no task ${JSON.stringify(task)}. Did you mean ${JSON.stringify(known)}? It is sent all the same.`;
}
