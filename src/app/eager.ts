/**
 * Running a task where it is called, with everything a worker does around it.
 *
 * The call becomes a message and is read again, so arguments that would not survive the way to
 * a worker do not survive here either.
 */
import type { Logger } from '../base/logger.ts';
import type { Execution } from '../execute/execution.ts';
import type { Outcome } from '../execute/outcome.ts';
import type { ExecutionPorts } from '../execute/ports.ts';
import { executeTask } from '../execute/run-task.ts';
import { buildTaskMessage, type TaskCall } from '../wire/task-message.ts';
import { EagerResult } from './eager-result.ts';
import type { TaskDefinition } from './task-definition.ts';

const STATE_OF: Readonly<Record<Exclude<Outcome['kind'], 'retry'>, string>> = {
  success: 'SUCCESS',
  failure: 'FAILURE',
  ignore: 'IGNORED',
  reject: 'REJECTED',
};

/** Runs the call and, at once, every retry it asks for. */
export async function runEagerly(
  definition: TaskDefinition,
  call: TaskCall,
  ports: ExecutionPorts,
): Promise<EagerResult> {
  for (let next: TaskCall | undefined = call; ; ) {
    const message = buildTaskMessage(next);
    let retry: TaskCall | undefined;
    const x: Execution = await executeTask(
      definition,
      { message, exchange: '', routingKey: '', redelivered: false, isEager: true },
      {
        ...ports,
        publish: async (published, route) => {
          if (published.id !== call.id) await ports.publish(published, route);
          // no waiting: an eager retry follows at once, as in Celery
          else retry = { ...published, eta: null };
        },
      },
    );
    if (!retry) return resultOf(x, call);
    next = retry;
  }
}

function resultOf({ outcome }: Execution, { id, task: name }: TaskCall): EagerResult {
  const state = outcome.kind === 'retry' ? 'RETRY' : STATE_OF[outcome.kind];
  const value =
    outcome.kind === 'success'
      ? outcome.value
      : outcome.kind === 'failure'
        ? outcome.error
        : undefined;
  const traceback = outcome.kind === 'failure' ? outcome.traceback : null;
  return new EagerResult({ id, name, state, value, traceback });
}

/** For calls in a process that has no worker's log. */
export const SILENT: Logger = {
  isEnabledFor: () => false,
  log() {},
  debug() {},
  info() {},
  warning() {},
  error() {},
  critical() {},
};
