/** The command line. */
import { parseArgs } from 'node:util';
import { didYouMean } from '../../src/base/text/nearest.ts';

export interface Options {
  readonly help: boolean;
  readonly list: boolean;
  readonly writeDocs: boolean;
  readonly rounds: number;
  readonly retries: number;
  readonly suites: readonly string[] | undefined;
  /** Lower-case parts of names. */
  readonly systems: readonly string[] | undefined;
  readonly tasks: number | undefined;
  readonly quick: boolean;
  readonly profile: boolean;
  /** A commit whose figures are measured beside. */
  readonly against: string | undefined;
}

export class OptionError extends Error {}

export const HELP = `Usage: scripts/bench/run [options]

Installs what is missing, builds, and measures tscelery beside Python Celery and BullMQ with
servers of its own (Redis, RabbitMQ). Prints tables and writes bench-results/<date>.json.

  --suite NAMES      only these suites, separated by commas (see --list)
  --systems WORDS    only systems whose name holds one of these words, separated by commas
  --rounds N         runs of each system, one after the other in turn (default 3)
  --tasks N          tasks per drain instead of the number that suits each system
  --retries N        repeat a run up to N times while other processes disturb it (default 2)
  --quick            one round, a tenth of the tasks in drains, no repeating: to see that it works
  --against COMMIT   measure that commit beside, in the same rounds, and show what became of each
                     figure (its checkout is built under bench-results/)
  --profile          in drains, workers that run on Node write CPU profiles to bench-results/
  --write-docs       do not measure: put the tables of the last run into docs/performance.md
  --list             show suites and systems
  --help             show this
`;

/** @throws OptionError that says what was wrong */
export function readOptions(args: readonly string[], suiteNames: readonly string[]): Options {
  const values = parse(args);
  const quick = values.quick ?? false;
  const suites = list(values.suite);
  for (const name of suites ?? []) {
    if (suiteNames.includes(name)) continue;
    const hint = didYouMean(name, suiteNames) || ` One of: ${suiteNames.join(', ')}.`;
    throw new OptionError(`--suite: there is no suite "${name}".${hint}`);
  }
  return {
    help: values.help ?? false,
    list: values.list ?? false,
    writeDocs: values['write-docs'] ?? false,
    rounds: count('--rounds', values.rounds, 1) ?? (quick ? 1 : 3),
    retries: count('--retries', values.retries, 0) ?? (quick ? 0 : 2),
    tasks: count('--tasks', values.tasks, 100),
    suites,
    systems: list(values.systems)?.map(word => word.toLowerCase()),
    quick,
    profile: values.profile ?? false,
    against: values.against,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        list: { type: 'boolean' },
        'write-docs': { type: 'boolean' },
        suite: { type: 'string' },
        systems: { type: 'string' },
        rounds: { type: 'string' },
        tasks: { type: 'string' },
        retries: { type: 'string' },
        quick: { type: 'boolean' },
        profile: { type: 'boolean' },
        against: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new OptionError((error as Error).message);
  }
}

function list(value: string | undefined): string[] | undefined {
  return value?.split(',').map(word => word.trim());
}

function count(option: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least) return number;
  throw new OptionError(`${option}: expected a whole number from ${least} on, got "${value}"`);
}
