/** Words after `inspect` and `control`: which command they name, and its arguments. */
import { didYouMean } from '../../base/text/nearest.ts';
import type { ControlCommand, RestArgument } from '../../control/commands.ts';
import type { CommandRegistry } from '../../control/registry.ts';
import { EMPTY } from '../../control/words.ts';
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
 * The arguments as the message has them, by name. Those that help shows with a default can be typed
 * as `NAME=VALUE`, too.
 *
 * @throws UsageError for words that are missing, too many, or not what they should be
 */
export function argumentsOf(
  row: ControlCommand,
  words: readonly string[],
): Readonly<Record<string, unknown>> {
  const given = new Map<string, unknown>();
  const left: string[] = [];
  for (const word of words) {
    const pair = pairIn(row, word);
    const name = pair?.name ?? Object.keys(row.args).find(each => !given.has(each));
    if (name === undefined) left.push(word);
    else if (given.has(name))
      throw wrong(row, `Argument '${shownName(row, name)}' is given twice.`);
    else given.set(name, readWord(row, name, pair?.value ?? word));
  }
  if (left.length > 0 && !row.rest) throw wrongNumber(row);
  checkComplete(row, given, left);
  if (row.rest) given.set(row.rest.name, readRest(row, row.rest, left));
  return Object.fromEntries(given);
}

/** `N=3`; the name in the message will do as well. */
function pairIn({ args }: ControlCommand, word: string) {
  const at = word.indexOf('=');
  const typed = word.slice(0, Math.max(0, at));
  const found = Object.entries(args).find(
    ([name, { as }]) => as !== undefined && (typed === as || typed === name),
  );
  return found && { name: found[0], value: word.slice(at + 1) };
}

function checkComplete(
  row: ControlCommand,
  given: ReadonlyMap<string, unknown>,
  left: readonly string[],
): void {
  const { args, rest } = row;
  const missing = Object.keys(args).find(name => args[name]!.required && !given.has(name));
  if (missing !== undefined) throw wrongNumber(row, shownName(row, missing));
  if (rest?.required && left.length === 0) throw wrongNumber(row, rest.as ?? rest.name);
}

function wrongNumber(row: ControlCommand, missing?: string): UsageError {
  const takes = row.signature === '' ? 'no arguments' : `arguments: ${row.signature}`;
  const what = missing === undefined ? '' : `\nMissing argument '${missing}'.`;
  return wrong(row, `Command '${row.name}' takes ${takes}${what}`);
}

function readWord(row: ControlCommand, name: string, word: string): unknown {
  const { kind, required } = row.args[name]!;
  return explained(row, shownName(row, name), () => {
    const value = kind.fromWord(word);
    if (required && value === '') throw new RangeError(EMPTY);
    return value;
  });
}

function readRest(row: ControlCommand, { name, kind, as }: RestArgument, words: readonly string[]) {
  return explained(row, as ?? name, () => kind.fromWords(words));
}

/** @throws UsageError that says which argument the RangeError is about */
function explained<T>(row: ControlCommand, argument: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrong(row, `Invalid value for '${argument}' of ${row.name}: ${error.message}`);
  }
}

function shownName({ args }: ControlCommand, name: string): string {
  return args[name]?.as ?? name;
}

function wrong({ kind }: ControlCommand, text: string): UsageError {
  return new UsageError(text, { command: kind });
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
