import type { Celery } from './app.ts';
import { INTERNALS } from './app-internals.ts';
import type { AsyncResult } from './results/async-result.ts';
import type { GroupResult } from './results/group-result.ts';

/**
 * The handle that `asTuple` of a result gave, which is also what a task's result is that returned a
 * handle. Celery: `result_from_tuple`.
 *
 * @throws TypeError for what is no result tuple
 */
export function resultFromTuple(tuple: unknown, app: Celery): AsyncResult | GroupResult {
  return app[INTERNALS].apply.results.fromTuple(tuple);
}
