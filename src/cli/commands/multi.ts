/** `tscelery multi`: from its words to what it does with its nodes. */

import { expandNodeOption } from '../../base/node-name.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { shellQuoted } from '../../base/text/shell-words.ts';
import { Cluster } from '../../multi/cluster.ts';
import { MultiError } from '../../multi/errors.ts';
import { type KnownOption, parseWords } from '../../multi/grammar.ts';
import type { Node, WorkerProgram } from '../../multi/node.ts';
import { findNode, nodesOf } from '../../multi/nodes.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { MULTI_OPTIONS } from '../declarations/multi.ts';
import { WORKER_OPTIONS } from '../declarations/worker.ts';
import { HELP, USAGE } from '../multi/help.ts';
import { Printer } from '../multi/printer.ts';
import type { Invocation } from '../parsing/command.ts';
import { GLOBAL_OPTIONS } from '../parsing/global-options.ts';
import { isFlag, type Option, type Options } from '../parsing/option.ts';
import { url } from '../parsing/value-type.ts';
import { refusesColor } from '../terminal/color.ts';

type MultiInvocation = Invocation<typeof MULTI_OPTIONS>;

interface Request {
  readonly printer: Printer;
  readonly nodes: readonly Node[];
  readonly signal: NodeJS.Signals;
  /** What `get` and `expand` are to get and to expand. */
  readonly what: string;
}

interface Subcommand {
  readonly takesSignal?: boolean;
  /** Its first word is none of the nodes. */
  readonly takesWord?: string;
  readonly isQuiet?: boolean;
  /** Resolves with whether it went well. */
  run(request: Request): boolean | Promise<boolean>;
}

const STOPWAIT: Subcommand = {
  takesSignal: true,
  run: ({ nodes, printer, signal }) => new Cluster(nodes, printer.print).stopwait(signal),
};

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  start: {
    run: ({ nodes, printer }) => {
      const cluster = new Cluster(nodes, printer.print);
      printer.note('> Starting nodes...\n');
      return cluster.start();
    },
  },
  stop: {
    takesSignal: true,
    run: ({ nodes, printer, signal }) => new Cluster(nodes, printer.print).stop(signal),
  },
  stopwait: STOPWAIT,
  stop_verify: STOPWAIT,
  restart: {
    takesSignal: true,
    run: ({ nodes, printer, signal }) => new Cluster(nodes, printer.print).restart(signal),
  },
  kill: { run: ({ nodes, printer }) => new Cluster(nodes, printer.print).kill() },
  show: {
    isQuiet: true,
    run: ({ nodes, printer }) =>
      sayLines(
        printer,
        nodes.map(node => commandLine([node.executable, ...node.words])),
      ),
  },
  names: {
    isQuiet: true,
    run: ({ nodes, printer }) =>
      sayLines(
        printer,
        nodes.map(node => node.name),
      ),
  },
  get: {
    isQuiet: true,
    takesWord: 'the node to get',
    run: ({ nodes, printer, what }) =>
      sayLines(printer, [commandLine(findNode(nodes, what).words)]),
  },
  expand: {
    isQuiet: true,
    takesWord: 'the text to expand',
    run: ({ nodes, printer, what }) =>
      sayLines(
        printer,
        nodes.map(node => expandNodeOption(what, node.name).replaceAll('%%', '%')),
      ),
  },
};

export async function run(invocation: MultiInvocation): Promise<number> {
  const words = [...invocation.words];
  const printer = new Printer(printerOptions(invocation, words));
  const [name, ...rest] = words;
  if (name === 'help') {
    printer.say(HELP);
    return EXIT.ok;
  }
  const subcommand = name === undefined ? undefined : SUBCOMMANDS[name];
  if (!subcommand) return refuse(name, printer);
  const what = subcommand.takesWord === undefined ? '' : rest.shift();
  if (what === undefined) {
    throw new MultiError(`Missing: ${subcommand.takesWord}, before the nodes.`);
  }
  const nodes = readNodes(invocation, rest, subcommand);
  if (!subcommand.isQuiet) printer.splash();
  const isDone = await subcommand.run({ printer, what, ...nodes });
  return isDone ? EXIT.ok : EXIT.failure;
}

function refuse(name: string | undefined, printer: Printer): number {
  if (name !== undefined && !name.startsWith('-')) {
    const hint = didYouMean(name, [...Object.keys(SUBCOMMANDS), 'help']);
    process.stderr.write(`Invalid command: ${name}${hint && `.${hint}`}\n`);
  }
  printer.splash();
  printer.say(`${USAGE}\n`);
  return EXIT.failure;
}

/** Takes multi's own options out of the words, which may be anywhere among them. */
function printerOptions({ values, globals }: MultiInvocation, words: string[]) {
  const take = (...flags: string[]) => {
    const end = words.indexOf('--');
    const at = words.findIndex((word, i) => (end < 0 || i < end) && flags.includes(word));
    if (at >= 0) words.splice(at, 1);
    return at >= 0;
  };
  const isColorless = take('--no-color') || (values.noColor ?? false) || refusesColor(globals);
  return {
    hasColor: !isColorless && process.stdout.isTTY === true,
    nosplash: take('--nosplash') || (values.nosplash ?? false),
    quiet: take('-q', '--quiet') || (values.quiet ?? globals.quiet ?? false),
    verbose: take('--verbose') || (values.verbose ?? false),
  };
}

function readNodes(
  { values, globalWords }: MultiInvocation,
  words: readonly string[],
  { takesSignal = false }: Subcommand,
): { readonly nodes: Node[]; readonly signal: NodeJS.Signals } {
  const given = parseWords([...globalWords, ...words], { known: KNOWN, takesSignal });
  if (given.names.length === 0) {
    throw new MultiError('Name the nodes, or say how many there are: tscelery multi start 3.');
  }
  const options = [...fromEnvironment(values), ...given.options];
  const nodes = nodesOf({ ...given, options }, KNOWN, thisProgram());
  return { nodes, signal: given.signal ?? 'SIGTERM' };
}

function fromEnvironment(values: MultiInvocation['values']) {
  return Object.entries(values).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [{ flag: MULTI_OPTIONS[key as keyof typeof MULTI_OPTIONS].flags[0], value }]
      : [],
  );
}

/** This Node with this script, wherever that is. */
function thisProgram(): WorkerProgram {
  return {
    executable: process.execPath,
    words: [...process.execArgv, process.argv[1]!],
    command: ['worker', '--detach'],
  };
}

const known = (options: Options, more: Partial<KnownOption> = {}): KnownOption[] =>
  Object.values(options).map((option: Option) => ({
    flags: option.flags,
    takesValue: !isFlag(option),
    isUrl: option.type === url,
    ...more,
  }));

/** Celery's -p is no option of a worker any more, and still one of multi. */
const PIDFILE: KnownOption = { flags: ['--pidfile', '-p'], takesValue: true };

/** Of two rows with the same flag the later one counts. */
const KNOWN: readonly KnownOption[] = [
  ...known(MULTI_OPTIONS),
  ...known(WORKER_OPTIONS),
  ...known(GLOBAL_OPTIONS, { isGlobal: true }),
  PIDFILE,
];

const commandLine = (words: readonly string[]) => words.map(shellQuoted).join(' ');

function sayLines(printer: Printer, lines: readonly string[]): true {
  if (lines.length > 0) printer.say(`${lines.join('\n')}\n`);
  return true;
}
