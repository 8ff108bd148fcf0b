import { CeleryError } from '../base/errors.ts';

export abstract class BackendError extends CeleryError {}

/** A result could not be read. */
export class BackendGetMetaError extends BackendError {
  readonly code = 'BACKEND_GET';
  override readonly recoverable = true;
  readonly taskId: string;
  constructor(message: string, options: ErrorOptions & { taskId: string }) {
    super(message, options);
    this.taskId = options?.taskId ?? '';
  }
}

/** A result could not be written; `recoverable` when that may pass, false when the store refuses. */
export class BackendStoreError extends BackendError {
  readonly code = 'BACKEND_STORE';
  override readonly recoverable: boolean;
  readonly taskId: string;
  readonly state: string;
  constructor(
    message: string,
    options: ErrorOptions & { taskId: string; state: string; recoverable?: boolean },
  ) {
    super(message, options);
    this.recoverable = options?.recoverable ?? true;
    this.taskId = options?.taskId ?? '';
    this.state = options?.state ?? '';
  }
}

/** Waiting for a result took longer than allowed. Celery: `celery.exceptions.TimeoutError`. */
export class TimeoutError extends CeleryError {
  readonly code = 'TIMEOUT';
}
