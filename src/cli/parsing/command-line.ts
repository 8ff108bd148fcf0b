/**
 * From words to values: commander splits the words, the option tables say what they mean, the
 * environment fills in what was not typed. Commander knows no defaults and prints nothing but help.
 */
import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander';
import { nearest } from '../../base/text/nearest.ts';
import type { Command, Invocation } from './command.ts';
import { usageOf } from './command.ts';
import { UsageError } from './command-error.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { isCommandNotYet, optionNotYet } from './not-yet.ts';
import { envNames, isFlag, type Option, type Options, optionTerm, type Values } from './option.ts';

const HELP = '--help';
const VERSION = '--version';
const HELP_COLUMNS = 100;

export type Env = Readonly<Record<string, string | undefined>>;

export type Request =
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly command: Command; readonly invocation: Invocation };

/** @throws UsageError */
export function readCommandLine(
  words: readonly string[],
  commands: readonly Command[],
  env: Env,
): Request {
  const program = buildProgram(commands);
  const { operands, unknown } = split(program, words, undefined);
  if (program.opts().version) return { kind: 'version' };
  if (operands.length === 0) {
    const stranger = unknown.find(word => word !== HELP);
    if (stranger !== undefined) throw unknownOption(stranger, GLOBAL_OPTIONS, undefined);
    return { kind: 'help', text: program.helpInformation() };
  }
  const command = commands.find(({ name }) => name === operands[0]);
  if (!command) throw unknownCommand(operands[0]!, commands);
  const globals = readValues(GLOBAL_OPTIONS, program, env, undefined);
  const parser = program.commands.find(candidate => candidate.name() === command.name)!;
  const globalWords = words.slice(0, words.length - unknown.length - 1);
  return readSubcommand({ command, parser, globals, globalWords }, unknown, env);
}

interface Subcommand {
  readonly command: Command;
  readonly parser: Commander;
  readonly globals: Invocation['globals'];
  readonly globalWords: readonly string[];
}

function readSubcommand(subcommand: Subcommand, words: readonly string[], env: Env): Request {
  const { command, parser, globals, globalWords } = subcommand;
  if (command.readsWords) return handOver(subcommand, words, env);
  const { operands: masked, unknown } = split(parser, words.map(maskNumber), command.name);
  const operands = masked.map(unmaskNumber);
  if (unknown.includes(HELP)) return { kind: 'help', text: parser.helpInformation() };
  if (unknown[0] !== undefined) throw unknownOption(unknown[0], command.options, command.name);
  const values = readValues(command.options, parser, env, command.name);
  const isEager = Object.entries(command.options).some(([key, { eager }]) => eager && values[key]);
  if (!isEager) checkArguments(command, operands);
  return {
    kind: 'run',
    command,
    invocation: { command: command.name, globals, values, words: operands, globalWords },
  };
}

/** All words as they are, and the options that the environment gives. */
function handOver(
  { command, parser, globals, globalWords }: Subcommand,
  words: readonly string[],
  env: Env,
): Request {
  const end = words.indexOf('--');
  if (words.slice(0, end < 0 ? undefined : end).includes(HELP)) {
    return { kind: 'help', text: parser.helpInformation() };
  }
  const values = readValues(command.options, parser, env, command.name);
  const invocation = { command: command.name, globals, values, words, globalWords };
  return { kind: 'run', command, invocation };
}

function split(parser: Commander, words: readonly string[], command: string | undefined) {
  try {
    return parser.parseOptions([...words]);
  } catch (error) {
    // The only complaint that parseOptions has: the last word wants a value.
    if (!(error instanceof CommanderError)) throw error;
    throw usageError(`Option '${words.at(-1)}' requires an argument.`, command);
  }
}

/** No option begins with a digit: such a word is a number. What commander shall not take for an option begins otherwise. */
const MASK = '\0';
const maskNumber = (word: string) => (/^-\.?\d/.test(word) ? MASK + word : word);
const unmaskNumber = (word: string) => (word.startsWith(MASK) ? word.slice(1) : word);

function usageError(message: string, command: string | undefined, explanation?: string) {
  return new UsageError(message, {
    ...(command === undefined ? {} : { command }),
    ...(explanation === undefined ? {} : { explanation }),
  });
}

function unknownOption(word: string, options: Options, command: string | undefined): UsageError {
  const missing = optionNotYet(word, command);
  if (missing !== undefined) {
    return usageError(`The option ${missing} is not in tscelery yet.`, command);
  }
  const [name = word] = word.split('=');
  const flags = Object.values(options).flatMap(option => option.flags);
  const close = name.startsWith('--') ? nearest(name, [...flags, HELP]) : undefined;
  const hint = close === undefined ? '' : ` Did you mean ${close}?`;
  return usageError(`No such option: ${name}${hint}`, command, command && misplaced(name, command));
}

/** Celery 4 took the global options after the sub-command; say where they go now. */
function misplaced(name: string, command: string): string | undefined {
  const isGlobal = Object.values(GLOBAL_OPTIONS as Options).some(({ flags }) =>
    flags.includes(name),
  );
  if (!isGlobal) return undefined;
  return [
    `\`${name}\` was given as an option of the sub-command \`${command}\`:`,
    `    tscelery ${command} ${name} ...`,
    'As in Celery 5 it is a global option and goes before the sub-command:',
    `    tscelery ${name} ... ${command}`,
  ].join('\n');
}

function unknownCommand(name: string, commands: readonly Command[]): UsageError {
  if (isCommandNotYet(name)) return new UsageError(`The command '${name}' is not in tscelery yet.`);
  const close = nearest(
    name,
    commands.map(command => command.name),
  );
  const hint = close === undefined ? '' : `\n\nDid you mean one of these?\n    ${close}`;
  return new UsageError(`No such command '${name}'.${hint}`);
}

function checkArguments(command: Command, words: readonly string[]): void {
  const fixed = command.arguments.filter(({ rest }) => !rest);
  const missing = fixed[words.length];
  if (missing) throw usageError(`Missing argument '${missing.name}'.`, command.name);
  const empty = fixed.find((_, i) => words[i]!.trim() === '');
  if (empty) throw usageError(`Invalid value for '${empty.name}': it is empty.`, command.name);
  if (fixed.length < command.arguments.length) return;
  const extra = words.slice(fixed.length);
  if (extra.length === 0) return;
  const noun = extra.length === 1 ? 'argument' : 'arguments';
  throw usageError(`Got unexpected extra ${noun} (${extra.join(' ')})`, command.name);
}

function readValues<O extends Options>(
  options: O,
  parser: Commander,
  env: Env,
  command: string | undefined,
): Values<O> {
  const typed = parser.opts();
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(options)) {
    const given = option.flags.map(name => typed[name]).find(value => value !== undefined);
    const value =
      given === undefined
        ? fromEnvironment(option, env, command)
        : given === true
          ? true
          : parse(option, unmaskNumber(String(given)), command);
    if (value !== undefined) values[key] = value;
  }
  return values as Values<O>;
}

function fromEnvironment(option: Option, env: Env, command: string | undefined): unknown {
  const name = envNames(option, command).find(candidate => env[candidate]);
  return name === undefined ? undefined : parse(option, env[name]!, command, name);
}

function parse(option: Option, word: string, command: string | undefined, source?: string) {
  try {
    return option.type.parse(word);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const names = option.flags.map(name => `'${name}'`).join(' / ');
    const from = source === undefined ? '' : ` (environment variable ${source})`;
    throw usageError(`Invalid value for ${names}${from}: ${error.message}`, command);
  }
}

function buildProgram(commands: readonly Command[]): Commander {
  const program = configured(new Commander('tscelery'))
    .description('Celery for TypeScript: workers, tasks and results.')
    .usage(usageOf(undefined).replace(/^tscelery /, ''))
    .enablePositionalOptions();
  addOptions(program, GLOBAL_OPTIONS);
  const version = new CommanderOption(VERSION, 'Show the version and exit.');
  program.addOption(version.helpGroup('Options:'));
  for (const command of commands) {
    const parser = configured(new Commander(command.name))
      .description(command.summary)
      .usage(usageOf(command).replace(/^tscelery \S+ /, ''));
    addOptions(parser, command.options);
    for (const argument of command.arguments) {
      parser.argument(`[${argument.name}${argument.rest ? '...' : ''}]`, argument.help);
    }
    program.addCommand(parser);
  }
  return program;
}

function configured(parser: Commander): Commander {
  return parser
    .helpOption(HELP, 'Show this text and exit.')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({
      // Help must not depend on the terminal that it is printed to.
      helpWidth: HELP_COLUMNS,
      argumentTerm: argument => argument.name().replace(/\.\.\.$/, ''),
      optionTerm: option => (option instanceof TypedName ? option.term : option.flags),
      subcommandTerm: subcommand => subcommand.name(),
    });
}

function addOptions(parser: Commander, options: Options): void {
  for (const option of Object.values(options)) {
    for (const name of option.flags) parser.addOption(new TypedName(option, name));
  }
}

/** One name of an option: commander knows two at most, and help shows them all in one line. */
class TypedName extends CommanderOption {
  readonly term: string;
  readonly #name: string;

  constructor(option: Option, name: string) {
    super(isFlag(option) ? name : `${name} <value>`, option.help);
    this.#name = name;
    this.term = optionTerm(option);
    // commander would make --no-color mean "color, true unless given"
    this.negate = false;
    this.helpGroup(`${option.section}:`).hideHelp(name !== option.flags[0]);
  }

  override attributeName(): string {
    return this.#name;
  }
}
