/** Words after `inspect` and `control`: which command they name, and its arguments. */
import { didYouMean } from '../../base/text/nearest.ts';
import type { ControlArgument, ControlCommand } from '../../control/commands.ts';
import type { CommandRegistry } from '../../control/registry.ts';
import { UsageError } from '../parsing/command-error.ts';

type CommandKind = ControlCommand['kind'];

/** @throws UsageError for a word that names no command of that kind */
export function commandNamed(
  commands: CommandRegistry,
  kind: CommandKind,
  name: string,
): ControlCommand {
  const offered = commands.offered(kind);
  const found = offered.find(row => row.name === name);
  if (found) return found;
  const other: CommandKind = kind === 'inspect' ? 'control' : 'inspect';
  const known = offered.map(row => row.name).sort();
  const sentence = `Command ${name} not recognized. Available ${kind} commands: ${known.join(', ')}`;
  const hint = commands.offered(other).some(row => row.name === name)
    ? ` It belongs to ${other}: tscelery ${other} ${name}`
    : didYouMean(nameOfAlias(commands, name), known);
  throw new UsageError([sentence, hint.trimStart()].filter(Boolean).join('\n'), { command: kind });
}

/** `dump_active` is a name that only nodes hear. */
function nameOfAlias(commands: CommandRegistry, name: string): string {
  const found = commands.find(name);
  return found && !found.isHidden ? found.name : name;
}

/**
 * The arguments as the message has them, by name.
 *
 * @throws UsageError for words that are missing, too many, or not what they should be
 */
export function argumentsOf(
  row: ControlCommand,
  words: readonly string[],
): Readonly<Record<string, unknown>> {
  const declared = Object.entries(row.args);
  const left = words.slice(declared.length);
  const isShort = declared.some(([, { required }], at) => required && words[at] === undefined);
  if (isShort || (left.length > 0 && row.rest === undefined)) throw wrongNumber(row);
  const args: Record<string, unknown> = {};
  declared.forEach(([name, argument], at) => {
    const word = words[at];
    if (word !== undefined) args[name] = readWord(row, name, argument, word);
  });
  return row.rest === undefined ? args : { ...args, [row.rest]: left };
}

function wrongNumber({ name, signature, kind }: ControlCommand): UsageError {
  const takes = signature === '' ? 'no arguments' : `arguments: ${signature}`;
  return new UsageError(`Command '${name}' takes ${takes}`, { command: kind });
}

function readWord(row: ControlCommand, name: string, { kind }: ControlArgument, word: string) {
  try {
    return kind.fromWord(word);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const text = `Invalid value for '${name}' of ${row.name}: ${error.message}`;
    throw new UsageError(text, { command: row.kind });
  }
}

/** Wider than that, and the help goes below. */
const WIDEST_TERM = 30;

export function commandList(commands: CommandRegistry, kind: CommandKind): string {
  const rows = commands
    .offered(kind)
    .map(({ name, signature, help }) => [`${name} ${signature}`.trimEnd(), help] as const);
  const widths = rows.map(([term]) => term.length).filter(width => width <= WIDEST_TERM);
  const width = Math.max(...widths) + 2;
  const lines = rows.map(([term, help]) =>
    term.length > WIDEST_TERM
      ? `  ${term}\n  ${''.padEnd(width)}${help}`
      : `  ${term.padEnd(width)}${help}`,
  );
  const title = kind === 'inspect' ? 'Inspect Commands:' : 'Control Commands:';
  return `${[title, ...lines.map(line => line.trimEnd())].join('\n')}\n`;
}
