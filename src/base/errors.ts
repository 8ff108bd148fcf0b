/** The root of every error of ours, and the two that any layer may need. */

/**
 * Base of all tscelery errors. `code` is stable and meant for programs, `name` is
 * Celery's class name where Celery has one.
 */
export abstract class CeleryError extends Error {
  /** Python module under which the class is known on the wire. */
  static readonly excModule: string = 'celery.exceptions';
  abstract readonly code: string;
  /** Whether trying again later may help (a lost connection) or not (a bad argument). */
  readonly recoverable: boolean = false;

  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** What Python would find in `exc.args`; sent as `exc_message`. */
  get args(): readonly unknown[] {
    return this.message === '' ? [] : [this.message];
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
