import { CeleryError } from '../base/errors.ts';
import { textOf } from '../base/saferepr.ts';

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

/** A queue that `task_queues` does not name while `task_create_missing_queues` is off. */
export class QueueNotFound extends CeleryError {
  readonly code = 'QUEUE_NOT_FOUND';
}

/** What `-A` or `--app` names cannot be loaded or holds no app. */
export class AppNotFound extends CeleryError {
  readonly code = 'APP_NOT_FOUND';
}

/** A module of the user's (config file, `imports`, `include`) cannot be loaded. */
export class ModuleLoadError extends CeleryError {
  readonly code = 'MODULE_LOAD';
  /** What was asked for. */
  readonly module: string;
  /** Whether the module itself is missing, as opposed to something it imports or does. */
  readonly missing: boolean;
  constructor(message: string, options: ErrorOptions & { module: string; missing: boolean }) {
    super(message, options);
    this.module = options?.module ?? '';
    this.missing = options?.missing ?? false;
  }
}

/** The task will not run: it was revoked, terminated, or expired. Celery: `TaskRevokedError`. */
export class TaskRevokedError extends CeleryError {
  readonly code = 'TASK_REVOKED';
}
