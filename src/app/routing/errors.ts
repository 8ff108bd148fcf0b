import { CeleryError } from '../../base/errors.ts';

/** A queue that `task_queues` does not name while `task_create_missing_queues` is off. */
export class QueueNotFound extends CeleryError {
  readonly code = 'QUEUE_NOT_FOUND';
}
