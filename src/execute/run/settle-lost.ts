import { readTaskHeaders } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type { Execution, TaskSource } from '../execution.ts';
import { label } from '../label.ts';
import { failure } from '../outcome-of.ts';
import type { ExecutionPorts, RunnableTask } from '../ports.ts';
import { cancelledMeta, revokedMeta } from '../result-documents.ts';
import { endPart, giveUp, tellChord } from '../workflow/chord-parts.ts';
import { NOTHING } from '../workflow/continuation.ts';
import { tellOthers } from '../workflow/dispatch.ts';
import { announceOutcome } from './hooks.ts';
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
  const x = lost(task, source, ports);
  try {
    decode(x);
    bindContext(x);
    x.outcome = { ...failure(error, x, false), traceback: '' };
    await dispatch(x);
    await store(x);
    await tellChord(x);
    await announceOutcome(x);
  } catch (cause) {
    x.outcome = failure(error, x, true);
    await storeInternalFailure(x, x.outcome);
    await tellOthers(x, true);
    ports.logger.error(`Task ${label(x)}: ${exceptionRepr(cause)}`);
  }
}

/** Store that a task will not run: it expired or was revoked. What should have followed will not either. */
export async function revokeTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  error: Error,
): Promise<void> {
  if (!ports.storesResults) return;
  const x = lost(task, source, ports);
  x.headers = readTaskHeaders(source.message, ports.accept);
  const ignored = x.headers.ignoreResult ?? task.ignoreResult;
  const revoked = revokedMeta(x, error);
  if (!ignored || task.storeErrorsEvenIfIgnored) await keep(x, revoked);
  if (!isFollowed(x)) return;
  bindContext(x);
  await giveUp(x, x.continuation.chain, revoked);
  await endPart(x, revoked);
}

/** False too when the message cannot be read: it would never have run, and is settled all the same. */
function isFollowed(x: Execution): boolean {
  try {
    decode(x);
  } catch {
    return false;
  }
  return x.continuation !== NOTHING;
}

/**
 * Of a run whose end is stored: the chord that waits for it may not have heard of it, since the end
 * is told after it is stored. Idempotent.
 */
export async function tellStoredEnd(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  end: ResultMeta,
): Promise<void> {
  const x = lost(task, source, ports);
  decode(x);
  if (!x.continuation.chord) return;
  bindContext(x);
  await endPart(x, end);
}

/** Store that a run was broken off and the broker delivers the task again. */
export async function cancelTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
): Promise<void> {
  const x = lost(task, source, ports);
  decode(x);
  bindContext(x);
  if (!ports.storesResults || x.request.ignoreResult) return;
  await keep(x, cancelledMeta(x));
}

const lost = (task: RunnableTask, source: TaskSource, ports: ExecutionPorts): Execution =>
  ({ task, source, ports, control: NO_CONTROL, runtime: 0, isLost: true }) as Execution;
