/**
 * Runs one task: from the message to the stored outcome.
 *
 * The stages are functions over one record, in the order of `STEPS`. Acks are not
 * decided here: the reply tells the worker what happened.
 */
import { saferepr } from '../base/saferepr.ts';
import type { JobControl } from '../pool/contract.ts';
import { InvalidTaskError } from '../wire/errors.ts';
import { encodeException, exceptionRepr } from '../wire/exception.ts';
import { readTaskBody, readTaskHeaders } from '../wire/task-message.ts';
import { dispatchNext, dispatchRetry, readContinuation } from './dispatch.ts';
import type { Reject, Retry } from './errors.ts';
import type { Execution, TaskSource } from './execution.ts';
import { outcomeMeta, revokedMeta, startedMeta, updateMeta } from './metas.ts';
import type { FailureOutcome, Outcome, TaskReply } from './outcome.ts';
import type { ExecutionPorts, RunnableTask } from './ports.ts';
import { requestFromMessage } from './request.ts';
import { runInContext, TaskContext } from './task-context.ts';

const STEPS: readonly ((x: Execution) => void | Promise<void>)[] = [
  bindContext,
  markStarted,
  call,
  dispatch,
  store,
];

/**
 * Run the task and keep what came out of it. Never rejects: whatever goes wrong ends as a
 * failure that is stored (if the backend lets us) and logged.
 */
export async function runTask(
  task: RunnableTask,
  source: TaskSource,
  ports: ExecutionPorts,
  control: JobControl,
): Promise<TaskReply> {
  const x = { task, source, ports, control, runtime: 0 } as Execution;
  try {
    decode(x);
    for (const step of STEPS) {
      const pending = step(x);
      if (pending) await pending;
    }
  } catch (error) {
    await failInternally(x, error);
  }
  control.release();
  logOutcome(x);
  return reply(x);
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
  x.headers = readTaskHeaders(source.message);
  const ignored = x.headers.ignoreResult ?? task.ignoreResult;
  if (ignored && !task.storeErrorsEvenIfIgnored) return;
  await ports.store(revokedMeta(x, error));
}

const NO_CONTROL: JobControl = { signal: new AbortController().signal, release() {} };

function reply(x: Execution): TaskReply {
  const { outcome, runtime } = x;
  return outcome.kind === 'reject'
    ? { kind: 'reject', runtime, requeue: outcome.requeue }
    : { kind: outcome.kind, runtime };
}

function decode(x: Execution): void {
  x.headers = readTaskHeaders(x.source.message);
  x.body = readTaskBody(x.source.message, x.ports.accept);
  x.continuation = readContinuation(x.body);
}

function bindContext(x: Execution): void {
  x.request = requestFromMessage({
    ...x.source,
    headers: x.headers,
    body: x.body,
    hostname: x.ports.hostname,
    ignoreResult: x.headers.ignoreResult ?? x.task.ignoreResult,
  });
  x.context = new TaskContext(x.request, {
    clock: x.ports.clock,
    signal: x.control.signal,
    maxRetries: x.task.maxRetries,
    defaultRetryDelay: x.task.defaultRetryDelay,
    updateState: update => x.ports.store(updateMeta(x, update)),
  });
}

function markStarted(x: Execution): Promise<void> | undefined {
  if (!x.task.trackStarted || x.request.ignoreResult || !x.ports.storesResults) return;
  return x.ports.store(startedMeta(x));
}

async function call(x: Execution): Promise<void> {
  const started = x.ports.clock.monotonic();
  try {
    const value = await runInContext(x.context, () =>
      x.task.invoke(x.context, x.request.args, x.request.kwargs),
    );
    x.outcome = { kind: 'success', value };
  } catch (error) {
    x.outcome = outcomeOf(error, x);
  } finally {
    x.runtime = x.ports.clock.monotonic() - started;
    x.control.release();
  }
}

/** Recognised by code, not by class: the user's module may bring its own copy of ours. */
function outcomeOf(thrown: unknown, x: Execution): Outcome {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  if (code === 'RETRY') {
    const retry = thrown as Retry;
    return { kind: 'retry', retry, traceback: stackOf(retry.exc ?? retry) };
  }
  if (code === 'IGNORE') return { kind: 'ignore' };
  if (code === 'REJECT') {
    const { reason, requeue } = thrown as Reject;
    return { kind: 'reject', requeue, reason: String(reason ?? '') };
  }
  return failure(thrown, x, false);
}

function failure(thrown: unknown, x: Execution, internal: boolean): FailureOutcome {
  const error = toError(thrown);
  return {
    kind: 'failure',
    error,
    exception: encodeException(error, { excModule: x.task.excModule }),
    traceback: stackOf(error),
    internal,
  };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error(typeof thrown === 'string' ? thrown : saferepr(thrown), { cause: thrown });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : saferepr(error);
}

function dispatch(x: Execution): Promise<void> | undefined {
  if (x.outcome.kind === 'retry') return dispatchRetry(x, x.outcome.retry.plan);
  if (x.outcome.kind === 'success' || x.outcome.kind === 'failure') return dispatchNext(x);
  return undefined;
}

function store(x: Execution): Promise<void> | undefined {
  if (!x.ports.storesResults || x.outcome.kind === 'ignore' || x.outcome.kind === 'reject') return;
  const wanted =
    !x.request.ignoreResult || (x.outcome.kind === 'failure' && x.task.storeErrorsEvenIfIgnored);
  return wanted ? x.ports.store(outcomeMeta(x, x.outcome)) : undefined;
}

/** Something outside the task's own code failed: decoding, publishing what follows, storing. */
async function failInternally(x: Execution, error: unknown): Promise<void> {
  const outcome = failure(error, x, !(error instanceof InvalidTaskError));
  x.outcome = outcome;
  await storeInternalFailure(x, outcome);
}

async function storeInternalFailure(x: Execution, outcome: FailureOutcome): Promise<void> {
  if (!x.ports.storesResults || !x.headers) return;
  try {
    await x.ports.store(outcomeMeta(x, outcome));
  } catch (storeError) {
    x.ports.logger.critical(
      `Task ${label(x)}: the failure could not be stored: ${exceptionRepr(storeError)}`,
    );
  }
}

function label(x: Execution): string {
  return x.headers ? `${x.headers.shadow ?? x.headers.task}[${x.headers.id}]` : `${x.task.name}[?]`;
}

function logOutcome(x: Execution): void {
  const { logger } = x.ports;
  const { outcome } = x;
  const fields = x.headers && { task: x.headers.task, task_id: x.headers.id };
  if (outcome.kind === 'success') {
    if (!logger.isEnabledFor('info')) return;
    const result = saferepr(outcome.value, { maxLength: x.task.resultReprMaxsize });
    logger.info(`Task ${label(x)} succeeded in ${x.runtime}s: ${result}`, fields);
  } else if (outcome.kind === 'failure') {
    logFailure(x, outcome, fields);
  } else if (outcome.kind === 'retry') {
    logger.info(`Task ${label(x)} retry: ${outcome.retry.message}`, fields);
  } else if (outcome.kind === 'ignore') {
    logger.info(`Task ${label(x)} ignored`, fields);
  } else {
    const requeue = outcome.requeue ? 'True' : 'False';
    logger.warning(`Task ${label(x)} reject requeue=${requeue}: ${outcome.reason}`, fields);
  }
}

function logFailure(
  x: Execution,
  outcome: FailureOutcome,
  fields: Record<string, unknown> | undefined,
): void {
  const repr = exceptionRepr(outcome.error);
  const { logger } = x.ports;
  if (outcome.internal) {
    logger.critical(`Task ${label(x)} INTERNAL ERROR: ${repr}\n${outcome.traceback}`, fields);
  } else if (x.task.isExpected(outcome.error)) {
    logger.info(`Task ${label(x)} raised expected: ${repr}`, fields);
  } else {
    logger.error(`Task ${label(x)} raised unexpected: ${repr}\n${outcome.traceback}`, fields);
  }
}
