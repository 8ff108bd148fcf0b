/** An entry of a schedule becomes a message, or a workflow. */
import type { SignatureData } from '../../canvas/signature.ts';
import type { Entry } from '../../schedule-stores/entry.ts';
import { isLazy } from '../../schedule-stores/lazy.ts';
import type { Apply } from '../applying/apply.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import { readAnySignature } from '../signatures/read.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { callOptions } from './read-entry.ts';

/** Of messages that an entry is the reason of: its name, as django-celery-beat has it. */
export const ENTRY_HEADER = 'periodic_task_name';

export interface SendingHost {
  readonly apply: Apply;
  definition(name: string): TaskDefinition | undefined;
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
  const { apply } = host;
  const kind = WORKFLOWS.get(entry.task);
  if (kind !== undefined) {
    const parts = { task: entry.task, args, kwargs, options: {}, subtask_type: kind };
    const data: SignatureData = { ...parts, immutable: false };
    const sent = await apply
      .signature(readAnySignature(data, undefined, {}))
      .applyAsync([], options);
    return (sent as { readonly id: string }).id;
  }
  const definition = host.definition(entry.task);
  const call = { task: entry.task, args, options: { ...options, kwargs }, argsAsTuple: false };
  const sent = definition
    ? apply.apply({ ...call, definition })
    : apply.send({ ...call, definition });
  return (await sent).id;
}

async function evaluated(value: unknown): Promise<unknown> {
  return isLazy(value) ? value.value() : value;
}
