import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/time/clock.ts';
import { directRequest } from '../../execute/request.ts';
import { currentTask, runInContext, TaskContext } from '../../execute/task-context.ts';
import type { LocalTime } from '../settings/local-time.ts';
import type { TaskDefinition } from './definition.ts';

/** Calls a task's function here and now, with a context but nothing else of what a worker does. */
export async function callDirectly(
  definition: TaskDefinition,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  { clock, localTime }: { clock(): Clock; readonly localTime: LocalTime },
): Promise<unknown> {
  const caller = currentTask();
  const request = directRequest(definition.name, randomUUID(), args, caller?.request);
  const context = new TaskContext(request, {
    clock: clock(),
    zone: localTime.zone,
    caller,
    signal: caller?.signal ?? new AbortController().signal,
    maxRetries: definition.maxRetries,
    defaultRetryDelay: definition.defaultRetryDelay,
    updateState: async () => {},
  });
  return runInContext(context, () => definition.invoke(context, args, kwargs));
}
