/**
 * Runs one task: from the message to the stored outcome.
 *
 * The stages are functions over one record, in the order of `STEPS`. Acks are not
 * decided here: the reply tells the worker what happened.
 */

import { type CeleryError, isCeleryError } from '../../base/errors.ts';
import { isThenable } from '../../base/kind-of.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { TimeZone } from '../../base/time/time-zone.ts';
import type { JobControl } from '../../pool/contract.ts';
import { readTaskBody, readTaskHeaders } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type { Execution, TaskSource } from '../execution.ts';
import type { FailureOutcome, Outcome, TaskReply } from '../outcome.ts';
import { failure, outcomeOf, outcomeOfValue, textOfThrown } from '../outcome-of.ts';
import type { ExecutionPorts, RunnableTask } from '../ports.ts';
import { requestFromMessage } from '../request.ts';
import {
  type Blame,
  type ContextHost,
  currentTask,
  runInContext,
  type StateUpdate,
  TaskContext,
} from '../task-context.ts';
import { dispatchNext, dispatchRetry, readContinuation } from './dispatch.ts';
import { announceEnd, announceOutcome, announceStart } from './hooks.ts';
import { label, logOutcome } from './log-outcome.ts';
import {
  cancelledMeta,
  outcomeMeta,
  revokedMeta,
  startedMeta,
  updateMeta,
} from './result-documents.ts';

type Step = (x: Execution) => void | Promise<void>;

const STEPS: readonly Step[] = [announceStart, markStarted, call, dispatch, store, announceOutcome];

/**
 * Run the task and keep what came out of it. Never rejects: whatever goes wrong ends as a
 * failure that is stored (if the backend lets us) and logged.
 */
export function runTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  control: JobControl,
): Promise<TaskReply> {
  return executeTask(task, source, ports, control).then(reply);
}

/** The same, with the whole record of the run. */
export async function executeTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  control: JobControl = NO_CONTROL,
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

const NO_CONTROL: JobControl = { signal: new AbortController().signal, release() {} };

const MOST_ERROR_TEXT = 1000;

function reply(x: Execution): TaskReply {
  const { outcome, runtime } = x;
  if (outcome.kind === 'reject') {
    const error = outcome.reason.slice(0, MOST_ERROR_TEXT);
    return { kind: 'reject', runtime, requeue: outcome.requeue, error };
  }
  if (outcome.kind === 'failure') {
    const error = exceptionRepr(outcome.error).slice(0, MOST_ERROR_TEXT);
    const wasRead = (x.context as TaskContext | undefined) !== undefined;
    return {
      kind: 'failure',
      runtime,
      error,
      ...(!wasRead && { problem: problem(outcome.error) }),
    };
  }
  return { kind: outcome.kind, runtime };
}

function problem(error: Error): NonNullable<TaskReply['problem']> {
  if (isCeleryError(error, 'CONTENT_DISALLOWED')) return 'disallowed';
  return isCeleryError(error, 'INVALID_TASK') ? 'invalid' : 'undecodable';
}

function decode(x: Execution): void {
  x.headers = x.source.headers ?? readTaskHeaders(x.source.message, x.ports.accept);
  x.body = readTaskBody(x.source.message, x.ports.accept);
  x.continuation = readContinuation(x.body);
}

function bindContext(x: Execution): void {
  x.request = requestFromMessage(x.source, x.headers, x.body, {
    hostname: x.ports.hostname,
    ignoreResult: x.headers.ignoreResult ?? x.task.ignoreResult,
  });
  x.context = new TaskContext(x.request, new ExecutionHost(x));
}

/** What a task's context reaches of its run; looked up only when the task asks. */
class ExecutionHost implements ContextHost {
  readonly #x: Execution;
  readonly caller: TaskContext | undefined;

  constructor(x: Execution) {
    this.#x = x;
    this.caller = x.source.isEager ? currentTask() : undefined;
  }

  get clock(): Clock {
    return this.#x.ports.clock;
  }

  get zone(): TimeZone | undefined {
    return this.#x.ports.zone;
  }

  get signal(): AbortSignal {
    return this.#x.control.signal;
  }

  get maxRetries(): number | null {
    return this.#x.task.maxRetries;
  }

  get defaultRetryDelay(): number {
    return this.#x.task.defaultRetryDelay;
  }

  get taskLog(): Logger | undefined {
    return this.#x.ports.taskLog;
  }

  waits(taskId: string | undefined): void {
    this.#x.control.waits?.(taskId);
  }

  async updateState(update: StateUpdate): Promise<void> {
    const { ports, control, wasCutShort } = this.#x;
    if (ports.storesResults && !control.isAbandoned && !wasCutShort)
      await keep(this.#x, updateMeta(this.#x, update));
  }

  blame(thrown: unknown): Blame | undefined {
    const x = this.#x;
    if (x.control === NO_CONTROL) return undefined;
    const { logger } = x.ports;
    const fields = { task: x.headers.task, task_id: x.headers.id };
    if (x.cutShort && !x.control.isAbandoned) {
      logger.warning(`Task ${label(x)} ends with an error that nothing caught`, fields);
      x.cutShort(thrown);
      return 'failed';
    }
    logger.error(
      `Task ${label(x)} had ended when nothing caught its error: ${textOfThrown(thrown)}`,
      fields,
    );
    return 'ended';
  }
}

function markStarted(x: Execution): Promise<void> | undefined {
  if (!x.task.trackStarted || x.request.ignoreResult || !x.ports.storesResults) return;
  return keep(x, startedMeta(x)).catch((error: Error) => {
    // no reason not to do the work
    x.ports.logger.error(`Task ${label(x)}: its start was not stored: ${error.message}`);
  });
}

/** Code that is done when it returns costs no promise. */
function call(x: Execution): Promise<void> | undefined {
  const started = x.ports.clock.monotonic();
  let outcome: Outcome;
  try {
    const value = runInContext(x.context, () => invoke(x));
    if (isThenable(value)) return awaitCall(x, started, value);
    outcome = outcomeOfValue(value, x);
  } catch (error) {
    outcome = outcomeOf(error, x);
  }
  return endCall(x, started, outcome);
}

/** Until its code ends, or an error ends it that its code cannot hear of. */
function awaitCall(x: Execution, started: number, running: PromiseLike<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (judge: typeof outcomeOf, result: unknown): void => {
      if (!x.cutShort) return;
      x.cutShort = undefined;
      try {
        endCall(x, started, judge(result, x));
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    x.cutShort = thrown => {
      x.wasCutShort = true;
      end(outcomeOf, thrown);
    };
    Promise.resolve(running).then(
      value => end(outcomeOfValue, value),
      error => end(outcomeOf, error),
    );
  });
}

function endCall(x: Execution, started: number, outcome: Outcome): undefined {
  x.outcome = outcome;
  x.runtime = x.ports.clock.monotonic() - started;
  x.control.release();
}

function invoke(x: Execution): unknown {
  const { args, kwargs } = x.request;
  const before: unknown = x.task.handlers?.beforeStart?.(x.request);
  if (!isThenable(before)) return x.task.invoke(x.context, args, kwargs);
  return Promise.resolve(before).then(() => x.task.invoke(x.context, args, kwargs));
}

function dispatch(x: Execution): Promise<void> | undefined {
  if (x.outcome.kind === 'retry') return dispatchRetry(x, x.outcome.retry.plan);
  if (x.outcome.kind === 'success' || x.outcome.kind === 'failure') return dispatchNext(x);
  return undefined;
}

function keep(x: Execution, meta: ResultMeta): Promise<void> {
  return x.ports.store(meta, x.headers.replyTo);
}

function store(x: Execution): Promise<void> | undefined {
  if (!x.ports.storesResults || x.outcome.kind === 'ignore' || x.outcome.kind === 'reject') return;
  const wanted =
    !x.request.ignoreResult || (x.outcome.kind === 'failure' && x.task.storeErrorsEvenIfIgnored);
  return wanted ? keep(x, outcomeMeta(x, x.outcome)) : undefined;
}

/** Something outside the task's own code failed: decoding, publishing what follows, storing. */
async function failInternally(x: Execution, error: unknown): Promise<void> {
  if (isCeleryError(error, 'BACKEND_STORE') && keepsMessage(x, error)) return;
  const outcome = failure(error, x, !isCeleryError(error, 'INVALID_TASK'));
  x.outcome = outcome;
  await storeInternalFailure(x, outcome);
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

async function storeInternalFailure(x: Execution, outcome: FailureOutcome): Promise<void> {
  if (!x.ports.storesResults || !x.headers) return;
  try {
    await keep(x, outcomeMeta(x, outcome));
  } catch (storeError) {
    x.ports.logger.critical(
      `Task ${label(x)}: the failure could not be stored: ${exceptionRepr(storeError)}`,
    );
  }
}
