/** How an error that ends a command is shown, and the exit code that it means. */
import { CeleryError } from '../base/errors.ts';
import { EXIT } from '../process/exit-codes.ts';
import { type Command, usageOf } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';

/** Writes to stderr. An error that is none of ours is a bug, in the app or here: it keeps its stack. */
export function reportError(error: unknown, commands: readonly Command[]): number {
  if (error instanceof UsageError) {
    process.stderr.write(usageFrame(error, commands));
    return error.exitCode;
  }
  if (error instanceof CeleryError) {
    process.stderr.write(`Error: ${error.message}\n`);
    return error instanceof CommandError ? error.exitCode : EXIT.failure;
  }
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  process.stderr.write(`${text}\n`);
  return EXIT.failure;
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
