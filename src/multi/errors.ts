import { CeleryError } from '../base/errors.ts';

/** Thrown when `multi` cannot make sense of its nodes and options. Celery: `KeyError`, or nothing. */
export class MultiError extends CeleryError {
  readonly code = 'MULTI';
}
