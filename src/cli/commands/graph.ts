/** `tscelery graph`: what depends on what, for Graphviz. */
import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { graph } from '../../app/results/dependencies.ts';
import { DependencyGraph } from '../../app/results/dependency-graph.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { printableLines } from '../../base/text/printable.ts';
import { EXIT } from '../../process/exit-codes.ts';
import { STEPS } from '../../worker/steps/steps.ts';
import { reached } from '../control/remote-control.ts';
import type { GRAPH_OPTIONS } from '../declarations/graph.ts';
import { svgOf } from '../graphs/svg.ts';
import { type Fleet, readWishes, type Wishes, workersDot } from '../graphs/workers-graph.ts';
import { loadApp } from '../load-app.ts';
import type { Invocation } from '../parsing/command.ts';
import { CommandError, UsageError } from '../parsing/command-error.ts';
import { requireReadableResults } from '../readable-results.ts';

type Draw = (app: Celery) => Promise<string>;

/** Each reads its words before anything is loaded. */
const SUBJECTS: Readonly<Record<string, (words: readonly string[]) => Draw>> = {
  bootsteps: words => {
    if (words.length > 0) throw extra(words);
    return async () => bootsteps();
  },
  workers: words => {
    const wishes = readWishes(words);
    return async app => workersDot(await fleetOf(app, wishes), wishes);
  },
  result: ([id, ...more]) => {
    if (id === undefined || id.trim() === '') throw usage("Missing argument 'TASK_ID'.");
    if (more.length > 0) throw extra(more);
    return app => result(app, id);
  },
};

const HELP = `Usage: tscelery graph COMMAND [OPTIONS]

Commands:
  bootsteps  What a worker starts, and what has to run before it.
  workers    Nodes, their places, broker and result backend.
  result     A task and the tasks that came of it.`;

export async function run(invocation: Invocation<typeof GRAPH_OPTIONS>): Promise<number> {
  const { globals, values, words } = invocation;
  const [subject, ...rest] = words;
  if (subject === undefined) return print(`${HELP}\n`);
  const known = Object.keys(SUBJECTS);
  if (!known.includes(subject)) {
    throw usage(
      `No such command '${subject}'.${didYouMean(subject, known)} Known: ${known.join(', ')}.`,
    );
  }
  const draw = SUBJECTS[subject]!(rest);
  const { app } = await loadApp(globals);
  try {
    const dot = printableLines(await draw(app));
    return print(values.format === 'svg' ? await svgOf(dot) : dot);
  } finally {
    await app.close();
  }
}

function usage(message: string): UsageError {
  return new UsageError(message, { command: 'graph' });
}

function extra(words: readonly string[]): UsageError {
  return usage(`Got unexpected extra arguments (${words.join(' ')})`);
}

function print(text: string): number {
  process.stdout.write(text);
  return EXIT.ok;
}

/** One graph: connection and consumer are steps like the others here. */
function bootsteps(): string {
  const steps = new DependencyGraph<string>();
  for (const { name, requires } of STEPS) {
    steps.addArc(name);
    for (const other of requires) steps.addEdge(name, other);
  }
  return steps.toDot();
}

async function fleetOf(app: Celery, wishes: Wishes): Promise<Fleet> {
  const backend = await app[INTERNALS].backend();
  const transport = await app[INTERNALS].transport();
  return {
    broker: wishes.broker ?? transport.url,
    backend: wishes.backend ?? (backend.name === 'disabled' ? undefined : backend.url),
    workers: wishes.nodes
      ? wishes.nodes.map((name, i) => ({ name, threads: wishes.threads[i] ?? 0 }))
      : await answering(app),
  };
}

async function answering(app: Celery): Promise<Fleet['workers']> {
  const stats = await reached('graph workers', () => app.control.inspect().stats());
  return Object.entries(stats).map(([name, reply]) => {
    const count = Number((reply as { pool?: Record<string, unknown> }).pool?.['max-concurrency']);
    return { name, threads: Number.isSafeInteger(count) && count > 0 ? count : 0 };
  });
}

async function result(app: Celery, id: string): Promise<string> {
  await requireReadableResults(app);
  const task = app.AsyncResult(id);
  const root = (await task.meta()) ? task : await app.GroupResult.restore(id);
  if (!root) {
    throw new CommandError(`Nothing is stored of a task ${id}: it has not begun, or it expired.`);
  }
  return (await graph(root, { intermediate: true })).toDot();
}
