/** How an error that ends a command is shown, and the exit code that it means. */
import { inspect } from 'node:util';
import { CeleryError } from '../../base/errors.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { AddressInUse } from '../../process/health/errors.ts';
import { PidfileInUse } from '../../process/pidfile.ts';
import { type Command, usageOf } from '../parsing/command.ts';
import { CommandError, UsageError } from '../parsing/command-error.ts';

export interface ErrorReport {
  readonly text: string;
  readonly exitCode: number;
}

/** An error that is none of ours is a bug, in the app or here: it keeps its stack. */
export function errorReport(error: unknown, commands: readonly Command[]): ErrorReport {
  if (error instanceof UsageError) {
    return { text: usageFrame(error, commands), exitCode: error.exitCode };
  }
  if (error instanceof PidfileInUse) {
    // Celery's words, which init scripts look for
    return { text: `ERROR: ${error.message}\n`, exitCode: EXIT.cantCreate };
  }
  if (error instanceof AddressInUse) {
    return { text: `Error: ${error.message}\n`, exitCode: EXIT.cantCreate };
  }
  if (error instanceof CeleryError) {
    const exitCode = error instanceof CommandError ? error.exitCode : EXIT.failure;
    return { text: `Error: ${error.message}\n`, exitCode };
  }
  const text = error instanceof Error ? (error.stack ?? String(error)) : inspect(error);
  return { text: `${text}\n`, exitCode: EXIT.failure };
}

function usageFrame(error: UsageError, commands: readonly Command[]): string {
  const command = commands.find(({ name }) => name === error.command);
  const name = command ? `tscelery ${command.name}` : 'tscelery';
  return [
    ...(error.explanation === undefined ? [] : [error.explanation, '']),
    `Usage: ${usageOf(command)}`,
    `Try '${name} --help' for help.`,
    '',
    `Error: ${error.message}`,
    '',
  ].join('\n');
}
