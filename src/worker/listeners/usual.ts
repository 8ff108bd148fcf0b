/** Who listens to the announcer of every worker. */
import type { Signals } from '../../app/signals/signals.ts';
import type { Logger } from '../../base/logger.ts';
import type { PoolError } from '../../pool/errors.ts';
import type { Tracing } from '../../tracing/contract.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { RequestListener } from '../announcer.ts';
import { Request } from '../request.ts';
import type { WorkerState } from '../worker-state.ts';

export function logListener(logger: Logger): RequestListener {
  function raised({ headers: { task, id } }: Request, error: PoolError): void {
    const fields = { task, task_id: id };
    logger.error(`Task handler raised error: ${exceptionRepr(error)}`, fields);
  }
  return {
    // a label is made when it is read
    received(request) {
      if (!logger.isEnabledFor('info')) return;
      const { task, id } = request.headers;
      logger.info(`Task ${request.label} received`, { task, task_id: id });
    },
    started(request, pid) {
      if (!logger.isEnabledFor('debug')) return;
      logger.debug(`Task accepted: ${request.label} pid:${pid}`);
    },
    gaveUp: raised,
    putBack: raised,
    timedOut({ label, headers: { task, id } }, soft, seconds) {
      const fields = { task, task_id: id };
      if (soft) logger.warning(`Soft time limit (${seconds}s) exceeded for ${label}`, fields);
      else logger.error(`Hard time limit (${seconds}s) exceeded for ${label}`, fields);
    },
    revoked({ label, id }, { reason }) {
      // of a kill the control command has told
      if (reason === 'terminated') return;
      logger.info(`Discarding revoked task: ${label}`, { task_id: id });
    },
  };
}

export function signalListener(signals: Signals, hostname: string): RequestListener {
  const { taskReceived, taskRejected, taskRevoked, taskUnknown } = signals;
  return {
    received({ headers: { task, id } }, queue) {
      if (taskReceived.hasListeners(task)) void taskReceived.send(task, { task, id, queue });
    },
    revoked({ headers: { task, id } }, { reason, signal }) {
      const [terminated, expired] = [reason === 'terminated', reason === 'expired'];
      void taskRevoked.send(task, { task, id, terminated, signum: signal, expired });
    },
    unknown({ queue, message: { headers } }, { task, id }, reason) {
      void taskUnknown.send(hostname, { task, id, queue, headers, reason });
    },
    refused({ queue, message: { headers } }, reason) {
      void taskRejected.send(hostname, { queue, headers, reason });
    },
  };
}

/** A span for the time from a message's arrival to its start. */
export function traceListener(tracing: Tracing): RequestListener {
  // those that never start are forgotten with their requests
  const ends = new WeakMap<Request, () => void>();
  const end = (request: Request) => {
    ends.get(request)?.();
    ends.delete(request);
  };
  return {
    received(request) {
      const { task } = request.headers;
      const { headers } = request.delivery.message;
      ends.set(request, tracing.receive({ task, headers, isEager: false }));
    },
    started: end,
    revoked: end,
  };
}

export function counter(state: WorkerState): RequestListener {
  return { started: request => state.count(request.headers) };
}

/** The `on…` methods of a task's own class of requests. */
export const hooks: RequestListener = {
  started: (request, pid) => request.onAccepted(pid),
  answered: (request, reply) => request.onDone(reply),
  failed(request, { error }) {
    // the error is made for those who look at it
    if (request.onFailure !== Request.prototype.onFailure) request.onFailure(new Error(error));
  },
  lost: (request, error) => request.onFailure(error),
  timedOut: (request, soft, seconds) => request.onTimeout(soft, seconds),
};
