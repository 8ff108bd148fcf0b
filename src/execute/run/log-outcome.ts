/** The log lines about one run, worded as in Celery. */
import { saferepr } from '../../base/text/saferepr.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { Execution } from '../execution.ts';
import { label } from '../label.ts';
import type { FailureOutcome } from '../outcome.ts';

export function logOutcome(x: Execution): void {
  const { logger } = x.ports;
  const { outcome } = x;
  const fields = x.headers && { task: x.headers.task, task_id: x.headers.id };
  if (outcome.kind === 'success') {
    if (x.context.lastRetry !== undefined) logUnusedRetry(x, fields);
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

/** The author wrote "retry" and nothing happens: nobody else would ever tell. */
function logUnusedRetry(x: Execution, fields: Record<string, unknown> | undefined): void {
  x.ports.logger.error(
    `Task ${label(x)} called retry() and then succeeded, so it does not run again: ` +
      "what retry() gives back has to leave the task's code, as in: throw self.retry({ exc })",
    fields,
  );
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
