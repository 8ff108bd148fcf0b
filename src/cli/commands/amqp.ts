/** `tscelery amqp`: the broker by hand; also for brokers that do not speak AMQP, as far as that goes. */

import { createInterface } from 'node:readline/promises';
import { INTERNALS } from '../../app/app-internals.ts';
import { CeleryError } from '../../base/errors.ts';
import { printableLines } from '../../base/text/printable.ts';
import type { Transport } from '../../messaging/contract.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { AmqpShell, readCall, SHELL_COMMANDS, type ShellCall, signature } from '../amqp-shell.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { UsageError } from '../parsing/command-error.ts';

const PROMPT = 'amqp> ';
const LEAVE = new Set([':q', ':quit', ':exit', 'exit', 'quit']);

export async function run({ globals, words }: Invocation): Promise<number> {
  const [first, ...others] = words;
  const isRepl = first === 'repl';
  if (isRepl && others.length > 0) {
    throw new UsageError(`Got unexpected extra arguments (${others.join(' ')})`, {
      command: 'amqp',
    });
  }
  const call = first === undefined || isRepl ? undefined : readCall(words);
  const { app } = await loadApp(globals);
  const transport = await app[INTERNALS].openTransport('write');
  const shell = new AmqpShell(app, transport);
  try {
    await connect(transport);
    if (call) await execute(shell, call);
    if (isRepl) await repl(shell);
    return EXIT.ok;
  } finally {
    // what was taken goes back before the connection does
    await shell.admin.close().catch(() => {});
    await transport.close();
    await app.close();
  }
}

async function connect(transport: Transport): Promise<void> {
  process.stdout.write(`-> connecting to ${transport.url}.\n`);
  await transport.connect();
  process.stdout.write('-> connected.\n');
}

/** A refusal is shown, and the session begun anew, as in Celery. */
async function execute(shell: AmqpShell, { name, values }: ShellCall): Promise<void> {
  try {
    const output = await SHELL_COMMANDS[name]!.run(shell, values);
    process.stdout.write(output === undefined ? 'OK\n' : `${printableLines(output)}\nOK\n`);
  } catch (error) {
    if (!(error instanceof CeleryError)) throw error;
    process.stderr.write(`ERROR: ${printableLines(error.message)}\n`);
    try {
      await shell.reset();
      await connect(shell.transport);
    } catch (failure) {
      if (!(failure instanceof CeleryError)) throw failure;
      process.stderr.write('ERROR: Not connected to broker. Please retry...\n');
    }
  }
}

async function repl(shell: AmqpShell): Promise<void> {
  const isTerminal = process.stdin.isTTY === true;
  const reader = createInterface({
    input: process.stdin,
    ...(isTerminal && { output: process.stdout, completer }),
    prompt: isTerminal ? PROMPT : '',
  });
  reader.prompt();
  for await (const line of reader) {
    const words = split(line);
    const [first] = words;
    if (first !== undefined && LEAVE.has(first)) break;
    if (first === 'help' || first === '?') process.stdout.write(`${help()}\n`);
    else if (first !== undefined) await executeLine(shell, words);
    reader.prompt();
  }
  reader.close();
}

async function executeLine(shell: AmqpShell, words: readonly string[]): Promise<void> {
  let call: ShellCall;
  try {
    call = readCall(words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const usage = error.explanation?.replace('tscelery amqp ', '');
    process.stderr.write(
      `${usage === undefined ? '' : `Usage: ${usage}\n`}Error: ${error.message}\n`,
    );
    return;
  }
  await execute(shell, call);
}

function completer(line: string): [string[], string] {
  return [Object.keys(SHELL_COMMANDS).filter(name => name.startsWith(line)), line];
}

function help(): string {
  const rows = Object.entries(SHELL_COMMANDS).map(
    ([name, command]) => `  ${signature(name)}\n      ${command.help}`,
  );
  return [...rows, '  :q\n      Leave.'].join('\n');
}

/** Words between blanks; quotes keep blanks, and make an empty word. */
function split(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}
