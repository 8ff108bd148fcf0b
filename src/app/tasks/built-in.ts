/**
 * The tasks that every worker has, under Celery's names: messages of them come from workflows, ours
 * and Python's.
 */

import type { ChordPart, ResultBackend } from '../../backends/contract.ts';
import { keepsForEverybody } from '../../backends/keeps-for-everybody.ts';
import { fetchMany } from '../../backends/wait-many.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import {
  chainSignature,
  chordSignature,
  chunksSignature,
  groupSignature,
  taskSignature,
  tasksOf,
} from '../../canvas/shapes.ts';
import { readSignature, type SignatureData } from '../../canvas/signature.ts';
import { STORED_TASK, storedRest } from '../../canvas/stored.ts';
import { Ignore } from '../../execute/errors.ts';
import { completeChord, type TaskContext } from '../../execute/task-context.ts';
import { withNextStep } from '../../execute/workflow/stored-rest.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import { taskIdsIn } from '../../wire/result-shapes.ts';
import { READY_STATES } from '../../wire/results/states.ts';
import type { TaskOptions } from '../options/task-options.ts';
import type { Settings } from '../settings/settings.ts';
import { TaskDefinition } from './definition.ts';
import { NotRegistered } from './errors.ts';
import type { TaskHost } from './task.ts';

type Args = readonly unknown[];
type Kwargs = Readonly<Record<string, unknown>>;

export interface BuiltInHost extends Pick<TaskHost, 'applySignature' | 'callDirectly'> {
  readonly conf: Settings;
  definition(name: string): TaskDefinition | undefined;
  backend(): Promise<ResultBackend>;
}

interface Row {
  /** Names of its parameters, in their order. */
  readonly takes: readonly string[];
  readonly options?: TaskOptions;
  run(given: Kwargs, host: BuiltInHost, self: TaskContext): unknown;
}

const ROWS: Readonly<Record<string, Row>> = {
  'celery.accumulate': {
    takes: [],
    run: ({ index }, _, { request }) =>
      index == null ? request.args : request.args[Number(index)],
  },
  'celery.backend_cleanup': {
    takes: [],
    options: { ignoreResult: true },
    run: async (_, host) => {
      await (await host.backend()).cleanup();
    },
  },
  'celery.map': { takes: ['task', 'it'], run: (given, host) => each(given, host, item => [item]) },
  'celery.starmap': {
    takes: ['task', 'it'],
    run: (given, host) => each(given, host, item => listOf(item, 'celery.starmap')),
  },
  'celery.chunks': {
    takes: ['task', 'it', 'n'],
    run: ({ task, it, n }, host) => {
      const parts = chunksSignature(readSignature(task), listOf(it, 'celery.chunks'), Number(n));
      return host.applySignature(parts, [], {});
    },
  },
  'celery.group': {
    takes: ['tasks', 'result', 'group_id', 'partial_args', 'add_to_parent'],
    run: ({ tasks, group_id: id, partial_args: args }, host) => {
      const members = listOf(tasks, 'celery.group').map(readSignature);
      return host.applySignature(groupSignature(members, { task_id: id }), optional(args), {});
    },
  },
  'celery.chord': {
    takes: ['header', 'body', 'partial_args'],
    run: ({ header, body, partial_args: args }, host) => {
      const chord = chordSignature(membersOf(header), readSignature(body));
      return host.applySignature(chord, optional(args), {});
    },
  },
  'celery.chain': {
    takes: [],
    run: () => {
      throw new InvalidTaskError('A chain is not a real task: its first step is sent.');
    },
  },
  [STORED_TASK]: { takes: [], run: replaceByStored },
  'celery.chord_unlock': {
    takes: ['group_id', 'callback', 'interval', 'max_retries', 'result'],
    options: { ignoreResult: true, maxRetries: null },
    run: unlock,
  },
};

/** One after the other, in this process. */
async function each(
  { task, it }: Kwargs,
  host: BuiltInHost,
  argsOf: (item: unknown) => Args,
): Promise<unknown[]> {
  const { task: name } = readSignature(task);
  const definition = host.definition(name);
  if (!definition) throw new NotRegistered(name);
  const values: unknown[] = [];
  for (const item of listOf(it, 'celery.map')) {
    values.push(await host.callDirectly(definition, argsOf(item)));
  }
  return values;
}

/** A worker that knows nothing of stored workflows has sent what is one as if it were a task. */
async function replaceByStored(given: Kwargs, host: BuiltInHost, self: TaskContext) {
  const backend = await host.backend();
  const reference = taskSignature(STORED_TASK, { kwargs: given });
  if (!storedRest(reference)) {
    const text = saferepr(given, { maxLength: 200 });
    throw new InvalidTaskError(
      `${STORED_TASK} needs the id and the count of what is stored, got ${text}`,
    );
  }
  const store = keepsForEverybody(backend) ? backend : undefined;
  const chain = await withNextStep(store, [reference]);
  const next = chain.at(-1)!;
  const rest = chain.slice(0, -1);
  const { args } = self.request;
  // whatever it is, a chain gives it what came before
  const one = chainSignature([next], rest.length > 0 ? { chain: rest } : {});
  throw Ignore.replacedBy({ ...one, args });
}

/** Where nobody counts the parts of a chord: looks again and again, until all have ended. */
async function unlock(given: Kwargs, host: BuiltInHost, self: TaskContext): Promise<void> {
  const { group_id: groupId, callback, interval, max_retries: most, result } = given;
  const body = readSignature(callback);
  const backend = await host.backend();
  const ids = listOf(result, 'celery.chord_unlock').flatMap(idsIn);
  const metas = await fetchMany(backend, ids);
  if (!metas.every(meta => meta && READY_STATES.has(meta.status))) {
    const countdown = Number(interval ?? host.conf.get('result_chord_retry_interval'));
    throw self.retry({ countdown, maxRetries: typeof most === 'number' ? most : null });
  }
  const parts = metas.map((meta, index): ChordPart => {
    const { status, result: value } = meta!;
    return { taskId: ids[index]!, index, status, result: value };
  });
  await completeChord(self, { groupId: String(groupId), index: null, body }, parts);
}

function idsIn(tuple: unknown): string[] {
  const ids = taskIdsIn(tuple);
  if (ids) return ids;
  throw new InvalidTaskError(`Not a result: ${saferepr(tuple, { maxLength: 200 })}`);
}

const membersOf = (header: unknown): readonly SignatureData[] =>
  Array.isArray(header) ? header.map(readSignature) : tasksOf(readSignature(header));

const optional = (value: unknown): Args => (Array.isArray(value) ? value : []);

function listOf(value: unknown, task: string): Args {
  if (Array.isArray(value)) return value;
  throw new InvalidTaskError(`${task} needs a list, got ${saferepr(value, { maxLength: 200 })}`);
}

class BuiltInTask extends TaskDefinition {
  readonly #row: Row;
  readonly #host: BuiltInHost;

  constructor(name: string, row: Row, host: BuiltInHost) {
    super({ name, options: row.options ?? {}, run: () => {} }, () => host.conf);
    this.#row = row;
    this.#host = host;
  }

  override checkArguments(): undefined {}

  override invoke(context: TaskContext, args: Args, kwargs: Kwargs): unknown {
    const { takes } = this.#row;
    const byPosition = takes.slice(0, args.length).map((name, i) => [name, args[i]]);
    return this.#row.run({ ...Object.fromEntries(byPosition), ...kwargs }, this.#host, context);
  }
}

export class BuiltInTasks {
  readonly #host: BuiltInHost;
  readonly #made = new Map<string, TaskDefinition>();

  constructor(host: BuiltInHost) {
    this.#host = host;
  }

  find(name: string): TaskDefinition | undefined {
    const known = this.#made.get(name);
    if (known || !Object.hasOwn(ROWS, name)) return known;
    const made = new BuiltInTask(name, ROWS[name]!, this.#host);
    this.#made.set(name, made);
    return made;
  }
}
