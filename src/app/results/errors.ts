import { CeleryError } from '../../base/errors.ts';

/** `iterdeps`, `getLeaf` or `graph` came to a task that is not ready. Celery: `IncompleteStream`. */
export class IncompleteStream extends CeleryError {
  readonly code = 'INCOMPLETE_STREAM';
}

/** `get` was called inside a task with `disableSyncSubtasks`. Celery: `RuntimeError`. */
export class SyncSubtask extends CeleryError {
  readonly code = 'SYNC_SUBTASK';
}
