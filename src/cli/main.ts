/** The entry of the command line: from argv to an exit code. */
import { noteFileLimit, openFilesText } from '../base/process/open-files.ts';
import { printableLines } from '../base/text/printable.ts';
import { EXIT } from '../process/exit-codes.ts';
import type { Command } from './parsing/command.ts';
import { versionLine } from './terminal/version.ts';

/** Runs the command and leaves the process: an app's own timers and sockets must not keep it. */
export async function main(argv: readonly string[]): Promise<void> {
  const code = await run(argv.slice(2));
  if (process.stdout.writableLength + process.stderr.writableLength > 0) {
    const { printed } = await import('./terminal/output.ts');
    await printed(isService);
  }
  process.exit(code);
}

let isService = false;

async function run(words: readonly string[]): Promise<number> {
  // Nothing else is imported for this: scripts ask for the version often.
  if (words[0] === '--version') return print(versionLine());
  noteFileLimit();
  leaveQuietlyOnBrokenPipe();
  try {
    const { readCommandLine } = await import('./parsing/command-line.ts');
    const request = readCommandLine(words, await commandsFor(words), process.env);
    if (request.kind === 'version') return print(versionLine());
    if (request.kind === 'help') return print(request.text.trimEnd());
    isService = request.command.isService ?? false;
    if (isService) (await import('../process/lifeline.ts')).endWithStarter();
    if (request.command.heedsSignals) await beginToHeedSignals();
    const { run: runCommand } = await request.command.load();
    return await runCommand(request.invocation);
  } catch (error) {
    return await tell(error);
  }
}

/** @throws ImproperlyConfigured for a `REMAP_SIGTERM` that is none */
async function beginToHeedSignals(): Promise<void> {
  const { holdSignals } = await import('../process/signals/early.ts');
  const { remappedTerm } = await import('../process/signals/install.ts');
  holdSignals(process.stdout.isTTY);
  remappedTerm();
}

async function commandsFor(words: readonly string[]): Promise<readonly Command[]> {
  if (words[0] === 'health') return [(await import('./probe-command.ts')).PROBE];
  return (await import('./command-table.ts')).COMMANDS;
}

async function tell(error: unknown): Promise<number> {
  // before the next import, which needs an open file, too
  const sentence = openFilesText(error);
  if (sentence !== undefined) return await tellOpenFiles(sentence);
  const { errorReport } = await import('./terminal/report-error.ts');
  const { COMMANDS } = await import('./command-table.ts');
  const { text, exitCode } = errorReport(error, COMMANDS);
  process.stderr.write(printableLines(text));
  const { reportToLauncher } = await import('../process/detach.ts');
  reportToLauncher({ exitCode, text });
  return exitCode;
}

async function tellOpenFiles(sentence: string): Promise<number> {
  const text = `Error: ${sentence}\n`;
  process.stderr.write(text);
  try {
    const { reportToLauncher } = await import('../process/detach.ts');
    reportToLauncher({ exitCode: EXIT.failure, text });
  } catch {
    // the launcher sees that we end, and names the file with our output
  }
  return EXIT.failure;
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return EXIT.ok;
}

/** `tscelery report | head -1` closes our stdout early; that is no error. */
function leaveQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.ok);
  });
}
