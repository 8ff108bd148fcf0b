/** What `inspect`, `control` and `status` have in common: ask nodes, and print what they answer. */
import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { isCeleryError } from '../../base/errors.ts';
import { printable } from '../../base/text/printable.ts';
import type { ControlCommand } from '../../control/commands.ts';
import { byNode, DUPLICATE_NODENAME } from '../../control/inspect.ts';
import { EXIT } from '../../process/exit-codes.ts';
import type { ControlReply } from '../../wire/messages/control.ts';
import type { COMMAND_OPTIONS } from '../declarations/inspect.ts';
import type { NODE_OPTIONS } from '../declarations/status.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError } from '../parsing/command-error.ts';
import { wantsColor } from '../terminal/color.ts';
import { type ReplyStyle, replyJson, replyText } from './control-replies.ts';
import { argumentsOf, commandList, commandNamed } from './control-words.ts';

/** Codes of errors that say that the broker is not there. */
const UNREACHABLE: ReadonlySet<string> = new Set(['OPERATIONAL', 'CONNECTION_CLOSED']);

type Asking = Pick<Invocation<typeof NODE_OPTIONS>, 'globals' | 'values'>;

interface Question {
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export async function runControlCommand(
  kind: ControlCommand['kind'],
  invocation: Invocation<typeof COMMAND_OPTIONS>,
): Promise<number> {
  const { globals, values, words } = invocation;
  const { app, source } = await loadApp(globals);
  try {
    await app.importModules([], source.cwd);
    const { commands } = app[INTERNALS];
    if (values.list) return print(commandList(commands, kind));
    const [name, ...rest] = words;
    const row = commandNamed(commands, kind, name!);
    const question = { command: row.name, args: argumentsOf(row, rest) };
    if (row.isSilent) return await tellNodes(app, question, invocation);
    return await askNodes(app, kind, question, invocation);
  } finally {
    await app.close();
  }
}

/** Nobody answers, so nobody is waited for. */
async function tellNodes(
  app: Celery,
  { command, args }: Question,
  { values, globals }: Asking,
): Promise<number> {
  const destination = nodesIn(values.destination);
  await reached(`control ${command}`, () =>
    app.control.broadcast(command, args, destination && { destination }),
  );
  if (values.json) return print('[]\n');
  return print(globals.quiet ? '' : `Sent ${command}; nodes do not answer it.\n`);
}

export async function askNodes(
  app: Celery,
  program: 'inspect' | 'control' | 'status',
  { command, args }: Question,
  { globals, values }: Asking,
): Promise<number> {
  const { timeout, destination, json } = values;
  const style: ReplyStyle = {
    color: wantsColor(globals),
    quiet: globals.quiet ?? false,
    headOnly: program === 'status',
  };
  const names = nodesIn(destination);
  const what = program === 'status' ? program : `${program} ${command}`;
  const replies = await reached(what, () =>
    app.control.call(command, args, {
      ...(timeout === undefined ? {} : { timeout }),
      ...(names && { destination: names }),
      ...(!json && { onReply: reply => void print(replyText(reply, style)) }),
    }),
  );
  if (replies.length === 0) {
    throw new CommandError('No nodes replied within time constraint', EXIT.unavailable);
  }
  const nodes = byNode(replies, warn);
  if (json) return print(`${replyJson(program === 'control' ? oneByOne(replies) : nodes)}\n`);
  if (program === 'control' || (program === 'inspect' && style.quiet)) return EXIT.ok;
  const count = Object.keys(nodes).length;
  return print(`\n${count} ${count === 1 ? 'node' : 'nodes'} online.\n`);
}

/** One that is named twice answers once, and the second answer would be waited for. */
export function nodesIn(destination: readonly string[] | undefined): readonly string[] | undefined {
  return destination && [...new Set(destination)];
}

function oneByOne(replies: readonly ControlReply[]): Readonly<Record<string, unknown>>[] {
  return replies.map(({ node, value }) => ({ [node]: value }));
}

/** In Celery's words what keeps nodes from being asked. */
export async function reached<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isCeleryError(error)) throw error;
    const text = UNREACHABLE.has(error.code)
      ? `Could not connect to the message broker. Please make sure your broker (e.g., RabbitMQ or Redis) is running and the connection settings are correct. Reason: ${error.message}`
      : `Unable to run the \`${what}\` command. Reason: ${error.message}`;
    throw new CommandError(text, EXIT.unavailable, { cause: error });
  }
}

function warn(text: string): void {
  process.stderr.write(printable(`${DUPLICATE_NODENAME}: ${text}`).concat('\n'));
}

function print(text: string): number {
  process.stdout.write(text);
  return EXIT.ok;
}
