import { isCeleryError } from '../../base/errors.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { Execution } from '../execution.ts';
import type { FailureOutcome, ReplyTexts, TaskReply } from '../outcome.ts';
import type { TaskContext } from '../task-context.ts';

const MOST_ERROR_TEXT = 1000;
/** Of a traceback in an event: Celery's have no limit, and monitors keep them. */
const MOST_TRACEBACK = 65_536;

export function reply(x: Execution): TaskReply {
  const { outcome, runtime } = x;
  const { kind } = outcome;
  if (kind === 'reject') {
    const error = outcome.reason.slice(0, MOST_ERROR_TEXT);
    return { kind, runtime, requeue: outcome.requeue, error };
  }
  if (kind === 'failure') return failureReply(x, outcome);
  if (!x.source.wantsTexts) return { kind, runtime };
  return { kind, runtime, texts: textsOf(x) };
}

function failureReply(x: Execution, outcome: FailureOutcome): TaskReply {
  const error = exceptionRepr(outcome.error).slice(0, MOST_ERROR_TEXT);
  const wasRead = (x.context as TaskContext | undefined) !== undefined;
  return {
    kind: 'failure',
    runtime: x.runtime,
    error,
    ...(!wasRead && { problem: problem(outcome.error) }),
    ...(x.source.wantsTexts && { texts: textsOf(x) }),
  };
}

function problem(error: Error): NonNullable<TaskReply['problem']> {
  if (isCeleryError(error, 'CONTENT_DISALLOWED')) return 'disallowed';
  return isCeleryError(error, 'INVALID_TASK') ? 'invalid' : 'undecodable';
}

function textsOf({ outcome, task }: Execution): ReplyTexts {
  if (outcome.kind === 'success') {
    return { result: saferepr(outcome.value, { maxLength: task.resultReprMaxsize }) };
  }
  if (outcome.kind === 'failure') return failureTexts(outcome.error, outcome.traceback);
  if (outcome.kind === 'retry') return failureTexts(outcome.retry.exc, outcome.traceback);
  return {};
}

function failureTexts(error: unknown, traceback: string): ReplyTexts {
  // Python's None: a retry needs no error
  const exception = error == null ? 'None' : exceptionRepr(error).slice(0, MOST_ERROR_TEXT);
  return { exception, traceback: traceback.slice(0, MOST_TRACEBACK) };
}
