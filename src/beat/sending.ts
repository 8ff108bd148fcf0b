/** One run of an entry becomes a message, or a workflow. */
import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import type { ApplyOptions } from '../app/options/task-options.ts';
import { callOptions } from '../app/schedules/read-entry.ts';
import type { SignatureData } from '../canvas/signature.ts';
import type { Entry } from '../schedule-stores/entry.ts';
import { isLazy } from '../schedule-stores/lazy.ts';

/** Of messages that beat sends: the name of the entry, as django-celery-beat has it. */
export const ENTRY_HEADER = 'periodic_task_name';

/** A due time that is sent. */
export interface Run {
  /** The due time: seconds since the epoch. */
  readonly slot: number;
  /** Of the message. */
  readonly id: string;
  readonly totalRunCount: number;
}

const WORKFLOWS: ReadonlyMap<string, string> = new Map(
  ['chain', 'group', 'chord'].map(kind => [`celery.${kind}`, kind]),
);

const OPTIONS = new WeakMap<object, ApplyOptions>();

/** @throws ImproperlyConfigured naming the entry and the option */
function optionsOf(entry: Entry): ApplyOptions {
  let options = OPTIONS.get(entry.options);
  if (!options) {
    options = callOptions(entry);
    OPTIONS.set(entry.options, options);
  }
  return options;
}

/**
 * Publish it, without further attempts: whoever calls knows when it is worth one.
 *
 * @throws what a call throws: OperationalError when the broker cannot be reached, EncodeError …
 */
export async function sendRun(app: Celery, entry: Entry, run: Run): Promise<string> {
  const given = optionsOf(entry);
  const headers = { ...given.headers, [ENTRY_HEADER]: entry.name };
  const options = { ...given, headers, taskId: run.id, retry: false };
  const isReady = !entry.args.some(isLazy) && !Object.values(entry.kwargs).some(isLazy);
  const args = isReady ? entry.args : await Promise.all(entry.args.map(evaluated));
  const kwargs = isReady ? entry.kwargs : await allEvaluated(entry.kwargs);
  const kind = WORKFLOWS.get(entry.task);
  if (kind !== undefined) return await sendWorkflow(app, { entry, kind, args, kwargs, options });
  const { apply } = app[INTERNALS];
  const definition = app[INTERNALS].definition(entry.task);
  const call = { task: entry.task, args, options: { ...options, kwargs }, argsAsTuple: false };
  const sent = definition
    ? apply.apply({ ...call, definition })
    : apply.send({ ...call, definition });
  return (await sent).id;
}

interface WorkflowCall {
  readonly entry: Entry;
  readonly kind: string;
  readonly args: Entry['args'];
  readonly kwargs: Entry['kwargs'];
  readonly options: ApplyOptions;
}

async function sendWorkflow(app: Celery, { entry, kind, ...call }: WorkflowCall): Promise<string> {
  const { args, kwargs, options } = call;
  const parts = { task: entry.task, args, kwargs, options: {}, subtask_type: kind };
  const data: SignatureData = { ...parts, immutable: false };
  const sent = await app.signature(data).applyAsync([], options);
  return (sent as { readonly id: string }).id;
}

function evaluated(value: unknown): unknown {
  return isLazy(value) ? value.value() : value;
}

async function allEvaluated(kwargs: Entry['kwargs']): Promise<Entry['kwargs']> {
  const values = Object.entries(kwargs).map(async ([name, value]) => {
    return [name, await evaluated(value)] as const;
  });
  return Object.fromEntries(await Promise.all(values));
}
