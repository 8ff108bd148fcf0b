/** The measurement as a whole: each round, every system in turn, so that all meet the same weather. */
import { againstTable, besideBefore, systemsAt } from './against.ts';
import { BARE_SYSTEMS } from './bare.ts';
import { BULLMQ_SYSTEMS } from './bullmq.ts';
import { writeDocs } from './docs.ts';
import { Lab } from './lab.ts';
import { HELP, OptionError, type Options, readOptions } from './options.ts';
import { prepare } from './prepare.ts';
import { PYTHON_SYSTEMS } from './python.ts';
import { describeMachine, lastReport, RESULTS_DIR, type Run, writeReport } from './report.ts';
import { BEAT } from './suites/beat.ts';
import { DRAIN_SUITES } from './suites/drain.ts';
import { ENQUEUE } from './suites/enqueue.ts';
import { FOOTPRINT } from './suites/footprint.ts';
import { LATENCY } from './suites/latency.ts';
import type { Suite } from './suites/suite.ts';
import { WORKFLOWS } from './suites/workflows.ts';
import type { System } from './system.ts';
import { tables } from './table.ts';
import { TSCELERY_SYSTEMS } from './tscelery.ts';

const SUITES: readonly Suite[] = [...DRAIN_SUITES, ENQUEUE, LATENCY, WORKFLOWS, BEAT, FOOTPRINT];
const SYSTEMS: readonly System[] = [
  ...PYTHON_SYSTEMS,
  ...TSCELERY_SYSTEMS,
  ...BULLMQ_SYSTEMS,
  ...BARE_SYSTEMS,
];
/** A run during which others took more of the machine than this counts as disturbed. */
const NOISY = 0.1;
/** As a shell counts it: 128 and the number of SIGINT. */
const EXIT_INTERRUPTED = 130;

class Interrupted extends Error {}

async function main(): Promise<number> {
  const options = readOptions(
    process.argv.slice(2),
    SUITES.map(({ name }) => name),
  );
  if (options.help) return say(HELP);
  if (options.list) return say(listing());
  if (options.writeDocs) return documentLast();
  const chosen = SUITES.filter(({ name }) => options.suites?.includes(name) ?? true);
  const hasRabbitmq = await prepare({ rabbitmq: chosen.some(suite => suite.onRabbitmq) });
  const suites = chosen.filter(suite => hasRabbitmq || !suite.onRabbitmq);
  const leftOut = chosen.filter(suite => !suites.includes(suite)).map(({ name }) => name);
  for (const name of leftOut) note(`${name}: left out, RabbitMQ is not installed`);
  return measureAll(suites, leftOut, options);
}

async function measureAll(
  suites: readonly Suite[],
  leftOut: readonly string[],
  options: Options,
): Promise<number> {
  const startedAt = new Date().toISOString();
  const before = options.against === undefined ? [] : await systemsAt(options.against);
  const systems = besideBefore(SYSTEMS, before).filter(system => isChosen(system, options));
  const lab = await Lab.open();
  const stop = () => lab.close().finally(() => process.exit(EXIT_INTERRUPTED));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // Whoever read the output is gone.
  process.stdout.on('error', stop);
  try {
    const machine = await describeMachine(lab);
    const runs: Run[] = [];
    const failures: string[] = [];
    for (const suite of suites) {
      if (suite.onRabbitmq) await lab.startRabbitmq();
      else await lab.stopRabbitmq();
      await measureSuite(lab, suite, systems, options, runs, failures);
    }
    const report = {
      startedAt,
      finishedAt: new Date().toISOString(),
      command: ['scripts/bench/run', ...process.argv.slice(2)].join(' '),
      quick: options.quick,
      machine,
      runs,
      leftOut,
      failures,
    };
    const shown = [tables(report, SUITES), ...againstTable(runs, suites)].join('\n\n');
    say(`\n${shown}\n\nWritten to ${await writeReport(report)}\n`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await lab.close();
  }
}

async function measureSuite(
  lab: Lab,
  suite: Suite,
  chosen: readonly System[],
  options: Options,
  runs: Run[],
  failures: string[],
): Promise<void> {
  const systems = chosen.filter(system => suite.takesPart(system));
  for (let round = 1; round <= options.rounds; round++) {
    // Backwards every second time: nobody always runs after the same neighbour.
    for (const system of round % 2 === 1 ? systems : systems.toReversed()) {
      const label = `${suite.name} ${round}/${options.rounds} ${system.name}`;
      try {
        runs.push(await measureOnce(lab, suite, system, round, options, label));
      } catch (error) {
        if (lab.isClosed) throw new Interrupted();
        failures.push(`${suite.name} of ${system.name}`);
        note(`${label}: FAILED ${(error as Error).message}`);
      }
    }
  }
}

/** One run, repeated while others disturb it. */
async function measureOnce(
  lab: Lab,
  suite: Suite,
  system: System,
  round: number,
  options: Options,
  label: string,
): Promise<Run> {
  for (let retries = options.retries; ; retries--) {
    await lab.clear();
    const { metrics, others } = await suite.run(lab, system, {
      tasks: options.tasks,
      quick: options.quick,
      profileDir: options.profile ? RESULTS_DIR : undefined,
    });
    const noisy = others > NOISY;
    const [first] = suite.columns;
    const value = metrics[first?.metric ?? '']?.toFixed(first?.digits ?? 0);
    const taken = `others took ${(others * 100).toFixed(0)} % of the machine`;
    note(`${label}: ${value} ${first?.label}; ${taken}${noisy ? ', disturbed' : ''}`);
    if (!noisy || retries === 0) {
      return { suite: suite.name, system: system.name, round, metrics, others, noisy };
    }
  }
}

function isChosen({ name }: System, { systems }: Options): boolean {
  return systems?.some(word => name.toLowerCase().includes(word)) ?? true;
}

async function documentLast(): Promise<number> {
  const report = await lastReport();
  if (!report) throw new OptionError('--write-docs: there is no run in bench-results/ yet');
  await writeDocs(report, SUITES);
  return 0;
}

function listing(): string {
  const suites = SUITES.map(({ name, title }) => `  ${name.padEnd(10)} ${title}`);
  const systems = SYSTEMS.map(({ name }) => `  ${name}`);
  return `Suites\n${suites.join('\n')}\n\nSystems\n${systems.join('\n')}\n`;
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** Progress; standard output is for the tables. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED;
  note(error instanceof OptionError ? error.message : String((error as Error).stack));
  return error instanceof OptionError ? 2 : 1;
}

process.exitCode = await main().catch(exitCodeOf);
