import { readTaskHeaders } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { Execution, TaskSource } from '../execution.ts';
import { failure } from '../outcome-of.ts';
import type { ExecutionPorts, RunnableTask } from '../ports.ts';
import { announceOutcome } from './hooks.ts';
import { label } from './log-outcome.ts';
import { cancelledMeta, revokedMeta } from './result-documents.ts';
import {
  bindContext,
  decode,
  dispatch,
  keep,
  NO_CONTROL,
  store,
  storeInternalFailure,
} from './stages.ts';

/**
 * Settle a task that could not settle itself: its process died, its time was up, its name
 * is unknown. Stores the failure and sends what follows a failure.
 */
export async function failTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  error: Error,
): Promise<void> {
  const x = { task, source, ports, control: NO_CONTROL, runtime: 0 } as Execution;
  try {
    decode(x);
    bindContext(x);
    x.outcome = { ...failure(error, x, false), traceback: '' };
    await dispatch(x);
    await store(x);
    await announceOutcome(x);
  } catch (cause) {
    x.outcome = failure(error, x, true);
    await storeInternalFailure(x, x.outcome);
    ports.logger.error(`Task ${label(x)}: ${exceptionRepr(cause)}`);
  }
}

/** Store that a task will not run: it expired or was revoked. */
export async function revokeTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  error: Error,
): Promise<void> {
  if (!ports.storesResults) return;
  const x = { task, source, ports, control: NO_CONTROL, runtime: 0 } as Execution;
  x.headers = readTaskHeaders(source.message, ports.accept);
  const ignored = x.headers.ignoreResult ?? task.ignoreResult;
  if (ignored && !task.storeErrorsEvenIfIgnored) return;
  await keep(x, revokedMeta(x, error));
}

/** Store that a run was broken off and the broker delivers the task again. */
export async function cancelTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
): Promise<void> {
  const x = { task, source, ports, control: NO_CONTROL, runtime: 0 } as Execution;
  decode(x);
  bindContext(x);
  if (!ports.storesResults || x.request.ignoreResult) return;
  await keep(x, cancelledMeta(x));
}
