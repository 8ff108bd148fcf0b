/** A run as a span tells of it (`task_tracing`). */
import { errorShape } from '../../base/text/error-text.ts';
import type { RunEnd, RunRequest, Tracing } from '../../tracing/contract.ts';
import type { Execution, TaskSource } from '../execution.ts';
import type { RunnableTask } from '../ports.ts';
import { stateOf } from './hooks.ts';

/** All of the run is in the span, as in Python: what follows it is published under it. */
export function traced(
  tracing: Tracing,
  task: RunnableTask,
  source: TaskSource,
  execute: () => Promise<Execution>,
): Promise<Execution> {
  const { isEager = false, message } = source;
  return tracing.run({ task: task.name, headers: message.headers, isEager }, execute, endOf);
}

/** Retries, and runs that end with Ignore or Reject, are no errors; nor is what `throws` announced. */
function endOf(x: Execution): RunEnd {
  const request = x.request && requestOf(x);
  if (x.control.isAbandoned) {
    return { request, state: undefined, error: errorShape(x.control.signal.reason) };
  }
  const { outcome } = x;
  const state = stateOf(outcome);
  if (outcome.kind === 'retry') return { request, state, retryReason: outcome.retry.message };
  if (outcome.kind !== 'failure' || x.task.isExpected(outcome.error)) return { request, state };
  const { error, traceback } = outcome;
  const { name, message } = error;
  return { request, state, error: { name, message, stack: traceback } };
}

function requestOf({ request, headers }: Execution): RunRequest {
  return {
    id: request.id,
    correlationId: request.correlationId,
    replyTo: request.replyTo,
    retries: request.retries,
    eta: headers.etaText,
    expires: headers.expiresText,
    timelimit: request.timelimit,
    compression: headers.compression,
    origin: request.origin,
    hostname: request.hostname,
    deliveryInfo: request.deliveryInfo,
  };
}
