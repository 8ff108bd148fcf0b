/** An entry of a schedule becomes a message, or a workflow. */
import type { SignatureData } from '../../canvas/signature.ts';
import type { Entry } from '../../schedule-stores/entry.ts';
import { isLazy } from '../../schedule-stores/lazy.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import { callOptions } from './read-entry.ts';

/** Of messages that an entry is the reason of: its name, as django-celery-beat has it. */
export const ENTRY_HEADER = 'periodic_task_name';

interface Sent {
  readonly id: string;
}

export interface SendingHost {
  /** Of a task, which need not be known here. */
  sendTask(task: string, args: Entry['args'], options: ApplyOptions): Promise<Sent>;
  sendWorkflow(data: SignatureData, options: ApplyOptions): Promise<Sent>;
}

const WORKFLOWS: ReadonlyMap<string, string> = new Map(
  ['chain', 'group', 'chord'].map(kind => [`celery.${kind}`, kind]),
);

/**
 * @param over of the call, before what the entry says
 * @returns the id of what was sent
 */
export async function sendEntry(
  host: SendingHost,
  entry: Entry,
  over: ApplyOptions = {},
): Promise<string> {
  const given = callOptions(entry);
  const headers = { ...given.headers, [ENTRY_HEADER]: entry.name };
  const options = { ...given, ...over, headers };
  const args = await Promise.all(entry.args.map(evaluated));
  const kwargs = Object.fromEntries(
    await Promise.all(
      Object.entries(entry.kwargs).map(async ([name, value]) => [name, await evaluated(value)]),
    ),
  );
  const kind = WORKFLOWS.get(entry.task);
  if (kind === undefined) return (await host.sendTask(entry.task, args, { ...options, kwargs })).id;
  const parts = { task: entry.task, args, kwargs, options: {}, subtask_type: kind };
  return (await host.sendWorkflow({ ...parts, immutable: false }, options)).id;
}

async function evaluated(value: unknown): Promise<unknown> {
  return isLazy(value) ? value.value() : value;
}
