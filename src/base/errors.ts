/** The root of every error of ours, and the two that any layer may need. */
import { textOf } from './text/saferepr.ts';

const ERROR_BRAND: unique symbol = Symbol.for('tscelery.error');

/**
 * Base of all tscelery errors. `code` is stable and meant for programs, `name` is
 * Celery's class name where Celery has one.
 */
export abstract class CeleryError extends Error {
  /** Python module under which the class is known on the wire: Python finds it by module and name. */
  static readonly excModule: string = 'celery.exceptions';
  abstract readonly code: string;
  /** Whether trying again later may help (a lost connection) or not (a bad argument). */
  readonly recoverable: boolean = false;

  constructor(message?: string, options?: ErrorOptions) {
    // a symbol here would throw, and hide what went wrong
    super(message === undefined ? message : textOf(message), options);
    this.name = new.target.name;
  }

  /** How errors of any copy of the library are recognised: `instanceof` says no to those of another copy. */
  get [ERROR_BRAND](): true {
    return true;
  }

  /** What Python would find in `exc.args`; sent as `exc_message`. */
  get args(): readonly unknown[] {
    return this.message === '' ? [] : [this.message];
  }
}

/**
 * Whether it is an error of ours, of any copy of the library; with `code`: that one. Never throws,
 * although a revoked proxy does at every touch.
 */
export function isCeleryError(error: unknown, code?: string): error is CeleryError {
  if (typeof error !== 'object' || error === null) return false;
  try {
    const ours = error as CeleryError;
    return ours[ERROR_BRAND] === true && (code === undefined || ours.code === code);
  } catch {
    return false;
  }
}

/** A setting, URL or declaration that cannot be used. Celery: `ImproperlyConfigured`. */
export class ImproperlyConfigured extends CeleryError {
  readonly code = 'IMPROPERLY_CONFIGURED';
}

/** Content that must not be trusted. Celery: `SecurityError`. */
export class SecurityError extends CeleryError {
  readonly code = 'SECURITY';
}
