import { CeleryError } from '../../base/errors.ts';
import { textOf } from '../../base/text/saferepr.ts';

/** No task of that name is registered with the app. Celery: `NotRegistered`. */
export class NotRegistered extends CeleryError {
  readonly code = 'NOT_REGISTERED';
  readonly task: string;
  constructor(task: string, options?: ErrorOptions) {
    super(`'${textOf(task)}'`, options);
    this.task = task;
  }

  override get args() {
    return [this.task];
  }
}

/** A task of that name exists and is another function. Celery: `AlreadyRegistered`. */
export class AlreadyRegistered extends CeleryError {
  readonly code = 'ALREADY_REGISTERED';
}

/** The task will not run: it was revoked, terminated, or expired. Celery: `TaskRevokedError`. */
export class TaskRevokedError extends CeleryError {
  readonly code = 'TASK_REVOKED';
}
