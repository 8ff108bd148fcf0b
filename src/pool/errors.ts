import { CeleryError } from '../base/errors.ts';
import { textOf } from '../base/text/saferepr.ts';

/** Base of what happens to jobs from outside. Python knows these classes as `billiard.exceptions`. */
export abstract class PoolError extends CeleryError {
  static override readonly excModule: string = 'billiard.exceptions';
}

/** The soft limit passed; thrown inside the task by what waits on its signal. */
export class SoftTimeLimitExceeded extends PoolError {
  readonly code = 'SOFT_TIME_LIMIT';
  readonly limit: number;
  constructor(limit: number) {
    super(`SoftTimeLimitExceeded(${textOf(limit)},)`);
    this.limit = limit;
  }

  override get args() {
    return [this.limit];
  }
}

/** The hard limit passed and the child was killed. */
export class TimeLimitExceeded extends PoolError {
  readonly code = 'TIME_LIMIT';
  readonly limit: number;
  constructor(limit: number) {
    super(`TimeLimitExceeded(${textOf(limit)},)`);
    this.limit = limit;
  }

  override get args() {
    return [this.limit];
  }
}

/** The child that ran the job died. */
export class WorkerLostError extends PoolError {
  readonly code = 'WORKER_LOST';
  readonly exitCode: number | null;
  readonly signal: string | null;
  constructor(message: string, exit?: { exitCode: number | null; signal: string | null }) {
    super(message);
    this.exitCode = exit?.exitCode ?? null;
    this.signal = exit?.signal ?? null;
  }
}

/** The job was killed on request (revoke with terminate, cold shutdown). */
export class Terminated extends PoolError {
  readonly code = 'TERMINATED';
}

/** No child could be started, or they die faster than they can be replaced. */
export class PoolFailure extends PoolError {
  readonly code = 'POOL_FAILURE';
}
