/**
 * Running a task where it is called, with everything a worker does around it.
 *
 * The call becomes a message and is read again, so arguments that would not survive the way to
 * a worker do not survive here either.
 */
import type { Logger } from '../../base/logger.ts';
import type { Execution } from '../../execute/execution.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { outcomeMeta } from '../../execute/result-documents.ts';
import { executeTask } from '../../execute/run/run-task.ts';
import { buildTaskMessage, type TaskCall } from '../../wire/messages/task-message.ts';
import * as states from '../../wire/results/states.ts';
import type { EagerOutcome } from '../results/eager-result.ts';
import type { TaskDefinition } from '../tasks/definition.ts';

const STATE_OF = { retry: 'RETRY', ignore: 'IGNORED', reject: 'REJECTED' } as const;

export async function runEagerly(
  definition: TaskDefinition,
  call: TaskCall,
  ports: ExecutionPorts,
): Promise<EagerOutcome> {
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
    if (!retry) return outcomeOf(x, call);
    next = retry;
  }
}

function outcomeOf(x: Execution, { id }: TaskCall): EagerOutcome {
  const { outcome, request } = x;
  if (outcome.kind === 'success') {
    return { id, state: states.SUCCESS, value: outcome.value, meta: outcomeMeta(x, outcome) };
  }
  if (outcome.kind === 'failure') {
    return { id, state: states.FAILURE, value: outcome.error, meta: outcomeMeta(x, outcome) };
  }
  const state = STATE_OF[outcome.kind];
  const children = request?.children ?? [];
  const nothing = { result: null, traceback: null, date_done: null };
  return {
    id,
    state,
    value: undefined,
    meta: { task_id: id, status: state, children, ...nothing },
  };
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
