import { CeleryError } from '../../base/errors.ts';

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
