/**
 * Runs one task: from the message to the stored outcome.
 *
 * The stages are functions over one record, in the order of `STEPS`. Acks are not
 * decided here: the reply tells the worker what happened.
 */

import { type CeleryError, isCeleryError } from '../../base/errors.ts';
import type { JobControl } from '../../pool/contract.ts';
import type { Execution, TaskSource } from '../execution.ts';

import { label } from '../label.ts';
import { failure } from '../outcome-of.ts';
import type { ExecutionPorts, RunnableTask } from '../ports.ts';
import { tellChord } from '../workflow/chord-parts.ts';
import { tellOthers } from '../workflow/dispatch.ts';
import { call } from './call.ts';
import { announceEnd, announceOutcome, announceStart } from './hooks.ts';
import { logOutcome } from './log-outcome.ts';
import { type PackedReply, packReply } from './packed-reply.ts';
import { reply } from './reply.ts';
import {
  bindContext,
  decode,
  dispatch,
  markStarted,
  NO_CONTROL,
  store,
  storeInternalFailure,
} from './stages.ts';
import { traced } from './traced.ts';

type Step = (x: Execution) => void | Promise<void>;

const STEPS: readonly Step[] = [
  announceStart,
  markStarted,
  call,
  dispatch,
  store,
  tellChord,
  announceOutcome,
];

/**
 * Run the task and keep what came out of it. Never rejects: whatever goes wrong ends as a
 * failure that is stored (if the backend lets us) and logged.
 */
export function runTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  control: JobControl,
): Promise<PackedReply> {
  return executeTask(task, source, ports, control).then(x => packReply(reply(x)));
}

/** The same, with the whole record of the run. */
export function executeTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  control: JobControl = NO_CONTROL,
): Promise<Execution> {
  const { tracing } = ports;
  if (tracing === undefined) return execute(task, source, ports, control);
  return traced(tracing, task, source, () => execute(task, source, ports, control));
}

async function execute(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  control: JobControl,
): Promise<Execution> {
  const x = { task, source, ports, control, runtime: 0 } as Execution;
  try {
    decode(x);
    bindContext(x);
    for (const step of STEPS) {
      // its failure was reported by whoever gave it up; nothing may come after that
      if (control.isAbandoned) break;
      const pending = step(x);
      if (pending) await pending;
    }
  } catch (error) {
    if (!control.isAbandoned) await failInternally(x, error);
  }
  control.release();
  x.outcome ??= { kind: 'ignore' };
  if (!control.isAbandoned) logOutcome(x);
  const end = announceEnd(x);
  if (end) await end;
  return x;
}

/** Something outside the task's own code failed: decoding, publishing what follows, storing. */
async function failInternally(x: Execution, error: unknown): Promise<void> {
  if (isCeleryError(error, 'BACKEND_STORE') && keepsMessage(x, error)) return;
  const outcome = failure(error, x, !isCeleryError(error, 'INVALID_TASK'));
  const hadFailed = x.outcome?.kind === 'failure';
  x.outcome = outcome;
  await storeInternalFailure(x, outcome);
  await tellOthers(x, hadFailed);
  await x.ports.signals?.internalError(x.task.name, x.headers?.id, outcome.error);
}

/**
 * The outcome could not be stored, for now: the message is the only thing left that knows of the
 * work, so with late acks it goes back. A retry has its own message by then.
 */
function keepsMessage(x: Execution, error: CeleryError): boolean {
  if (x.outcome?.kind === 'retry') {
    x.ports.logger.critical(`Task ${label(x)}: the retry was not stored: ${error.message}`);
    return true;
  }
  const hasMessage = x.control !== NO_CONTROL;
  if (!hasMessage || !error.recoverable || !x.task.acksLate) return false;
  const reason = `the result was not stored: ${error.message}`;
  x.outcome = { kind: 'reject', requeue: true, reason };
  return true;
}
