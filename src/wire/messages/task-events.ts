/**
 * What the events of tasks tell, in Python's order. They come thousands a second: each is written
 * out, field by field, so that all of one type have one shape.
 */
import type { EventFields } from './event.ts';
import type { TaskHeaders } from './task-headers.ts';

export function taskReceived(headers: TaskHeaders): EventFields {
  return {
    uuid: headers.id,
    name: headers.shadow ?? headers.task,
    args: headers.argsrepr,
    kwargs: headers.kwargsrepr,
    root_id: headers.rootId,
    parent_id: headers.parentId,
    retries: headers.retries,
    eta: headers.etaText,
    expires: headers.expiresText,
  };
}

export function taskStarted(uuid: string): EventFields {
  return {
    uuid,
  };
}

/** @param runtime seconds */
export function taskSucceeded(uuid: string, result: string, runtime: number): EventFields {
  return {
    uuid,
    result,
    runtime,
  };
}

export interface EventFailure {
  readonly exception: string;
  /** Undefined: there is none, as for a task that is unknown. */
  readonly traceback?: string | undefined;
}

/** Of a task that is retried, too. */
export function taskFailed(uuid: string, { exception, traceback }: EventFailure): EventFields {
  return {
    uuid,
    exception,
    // written out only when it is there: JSON leaves out what is undefined
    traceback,
  };
}

export interface EventRevocation {
  /** Its process was killed. */
  readonly terminated: boolean;
  /** Number of the signal it was killed with. */
  readonly signum: number | null;
  readonly expired: boolean;
}

export function taskRevoked(
  uuid: string,
  { terminated, signum, expired }: EventRevocation,
): EventFields {
  return {
    uuid,
    terminated,
    signum,
    expired,
  };
}

export function taskRejected(uuid: string, requeue: boolean): EventFields {
  return {
    uuid,
    requeue,
  };
}

export interface EventRoute {
  readonly queue: string | null;
  readonly exchange: string;
  readonly routingKey: string;
}

export function taskSent(headers: TaskHeaders, route: EventRoute): EventFields {
  return {
    uuid: headers.id,
    root_id: headers.rootId,
    parent_id: headers.parentId,
    name: headers.task,
    args: headers.argsrepr,
    kwargs: headers.kwargsrepr,
    retries: headers.retries,
    eta: headers.etaText,
    expires: headers.expiresText,
    queue: route.queue,
    exchange: route.exchange,
    routing_key: route.routingKey,
  };
}
