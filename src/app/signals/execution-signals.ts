import type { ExecutionSignals } from '../../execute/handlers.ts';
import type { TaskRequest } from '../../execute/request.ts';
import type { Signals, TaskEvent } from './signals.ts';

function eventOf(request: TaskRequest): TaskEvent {
  const { task, id, args, kwargs } = request;
  return { task, id, args, kwargs, request };
}

/** Asks at each moment whether somebody listens: receivers may connect at any time. */
export function executionSignals(signals: Signals): ExecutionSignals {
  const { taskPrerun, taskPostrun, taskSuccess, taskRetry, taskFailure } = signals;
  return {
    prerun: request =>
      taskPrerun.hasListeners(request.task)
        ? taskPrerun.send(request.task, eventOf(request))
        : undefined,
    postrun: (request, state, retval) =>
      taskPostrun.hasListeners(request.task)
        ? taskPostrun.send(request.task, { ...eventOf(request), state, retval })
        : undefined,
    success: (request, result) =>
      taskSuccess.hasListeners(request.task)
        ? taskSuccess.send(request.task, { ...eventOf(request), result })
        : undefined,
    retry: (request, reason) =>
      taskRetry.hasListeners(request.task)
        ? taskRetry.send(request.task, { ...eventOf(request), reason })
        : undefined,
    failure: (request, exception, traceback) =>
      taskFailure.hasListeners(request.task)
        ? taskFailure.send(request.task, { ...eventOf(request), exception, traceback })
        : undefined,
    internalError: (task, id, exception) =>
      signals.taskInternalError.send(task, { task, id, exception }),
  };
}
