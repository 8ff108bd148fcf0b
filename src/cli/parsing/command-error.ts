/** Errors that a person at a terminal reads: a message and an exit code, never a stack. */
import { CeleryError } from '../../base/errors.ts';
import { EXIT } from '../../process/exit-codes.ts';

/** A command could not do its work. */
export class CommandError extends CeleryError {
  readonly code: string = 'COMMAND';
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failure, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong; shown below the usage of `command`. */
export class UsageError extends CommandError {
  override readonly code = 'USAGE';
  /** The sub-command's name; without it the error is in the global part. */
  readonly command: string | undefined;
  /** Lines shown before the usage. */
  readonly explanation: string | undefined;
  constructor(message: string, options: { command?: string; explanation?: string } = {}) {
    super(message, EXIT.usage);
    this.command = options.command;
    this.explanation = options.explanation;
  }
}
