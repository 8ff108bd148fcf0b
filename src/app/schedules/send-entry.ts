/** One run of an entry becomes a message, or a workflow. */
import type { SignatureData } from '../../canvas/signature.ts';
import type { Entry } from '../../schedule-stores/entry.ts';
import { isLazy } from '../../schedule-stores/lazy.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import { callOptions } from './read-entry.ts';

/** Of messages that an entry is the reason of: its name, as django-celery-beat has it. */
const ENTRY_HEADER = 'periodic_task_name';

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

const OPTIONS = new WeakMap<object, ApplyOptions>();

function optionsOf(entry: Entry): ApplyOptions {
  let options = OPTIONS.get(entry.options);
  if (!options) {
    options = callOptions(entry);
    OPTIONS.set(entry.options, options);
  }
  return options;
}

/**
 * @param over of the call, before what the entry says
 * @returns the id of what was sent
 * @throws ImproperlyConfigured naming the entry and the option; what a call throws: OperationalError
 *   when the broker cannot be reached, EncodeError …
 */
export async function sendEntry(
  host: SendingHost,
  entry: Entry,
  over: ApplyOptions = {},
): Promise<string> {
  const given = optionsOf(entry);
  const headers = { ...given.headers, [ENTRY_HEADER]: entry.name };
  const options = { ...given, ...over, headers };
  const { args, kwargs } = areReady(entry) ? entry : await evaluated(entry);
  const kind = WORKFLOWS.get(entry.task);
  if (kind === undefined) return (await host.sendTask(entry.task, args, { ...options, kwargs })).id;
  const parts = { task: entry.task, args, kwargs, options: {}, subtask_type: kind };
  return (await host.sendWorkflow({ ...parts, immutable: false }, options)).id;
}

function areReady({ args, kwargs }: Entry): boolean {
  return !args.some(isLazy) && !Object.values(kwargs).some(isLazy);
}

async function evaluated({ args, kwargs }: Entry): Promise<Pick<Entry, 'args' | 'kwargs'>> {
  const value = async (given: unknown) => (isLazy(given) ? given.value() : given);
  const named = Object.entries(kwargs).map(async ([name, given]) => [name, await value(given)]);
  return {
    args: await Promise.all(args.map(value)),
    kwargs: Object.fromEntries(await Promise.all(named)),
  };
}
