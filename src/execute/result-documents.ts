/** Result documents of one run, in the shape that Celery stores. */
import { isError } from '../base/kind-of.ts';
import { toIso } from '../wire/dates.ts';
import type { WireException } from '../wire/result-shapes.ts';
import { encodeException } from '../wire/results/exception.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import * as states from '../wire/results/states.ts';
import type { Execution } from './execution.ts';
import type { Outcome } from './outcome.ts';
import type { ExecutionPorts } from './ports.ts';
import type { StateUpdate } from './state-update.ts';

interface Stored {
  readonly status: string;
  readonly result: unknown;
  readonly traceback?: string | null | undefined;
  readonly final?: boolean;
  readonly taskId?: string;
}

function meta(x: Execution, stored: Stored): ResultMeta {
  const { headers, body, source, ports } = x;
  return {
    task_id: stored.taskId ?? headers.id,
    status: stored.status,
    result: stored.result,
    traceback: stored.traceback ?? null,
    children: x.task.trail === false ? [] : (x.request?.children ?? []),
    date_done: stored.final ? toIso(ports.clock.now(), ports.zone) : null,
    ...(headers.group === null ? {} : { group_id: headers.group }),
    ...(headers.parentId === null ? {} : { parent_id: headers.parentId }),
    ...(ports.extended
      ? {
          name: headers.task,
          args: body?.args ?? null,
          kwargs: body?.kwargs ?? null,
          worker: ports.hostname,
          retries: headers.retries,
          queue: source.routingKey,
        }
      : {}),
  };
}

export function startedMeta(x: Execution): ResultMeta {
  return meta(x, {
    status: states.STARTED,
    result: { pid: process.pid, hostname: x.ports.hostname },
  });
}

export function updateMeta(x: Execution, update: StateUpdate): ResultMeta {
  return meta(x, {
    status: update.state,
    result: isError(update.meta) ? encodeException(update.meta) : (update.meta ?? null),
    final: states.READY_STATES.has(update.state),
    ...(update.taskId == null ? {} : { taskId: update.taskId }),
  });
}

export function outcomeMeta(
  x: Execution,
  outcome: Extract<Outcome, { kind: 'success' | 'failure' | 'retry' }>,
): ResultMeta {
  if (outcome.kind === 'success') {
    return meta(x, { status: states.SUCCESS, result: outcome.value ?? null, final: true });
  }
  if (outcome.kind === 'failure') {
    const { exception, traceback } = outcome;
    return meta(x, { status: states.FAILURE, result: exception, traceback, final: true });
  }
  const { retry, traceback } = outcome;
  const result = retry.exc === undefined ? null : encodeException(retry.exc);
  return meta(x, { status: states.RETRY, result, traceback });
}

export function cancelledMeta(x: Execution): ResultMeta {
  // as Python writes it, whose workers cancel tasks too
  const result: WireException = {
    exc_type: 'Retry',
    exc_message: ['cancelled by Celery'],
    exc_module: 'celery.exceptions',
  };
  return meta(x, { status: states.RETRY, result });
}

export function revokedMeta(x: Execution, error: Error): ResultMeta {
  return {
    ...meta(x, { status: states.REVOKED, result: null }),
    ...revokedDocument(x.headers.id, error, x.ports),
  };
}

/** Of a task that nothing is known of but its id. */
function revokedDocument(
  id: string,
  error: Error,
  { clock, zone }: Pick<ExecutionPorts, 'clock' | 'zone'>,
): ResultMeta {
  return {
    task_id: id,
    status: states.REVOKED,
    result: encodeException(error),
    traceback: null,
    children: null,
    date_done: toIso(clock.now(), zone),
  };
}

/** Of another task of the same workflow, which will never run. */
export function unreachedMeta(
  x: Execution,
  taskId: string,
  { status, result, traceback }: Pick<Stored, 'status' | 'result'> & { traceback?: string | null },
): ResultMeta {
  return { ...meta(x, { status, result, traceback, final: true, taskId }), children: [] };
}
