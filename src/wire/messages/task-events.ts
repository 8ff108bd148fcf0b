/**
 * The events of tasks, which come thousands a second: each is written out, field by field in
 * Python's order, so that all of one type have one shape.
 */
import type { Event, EventStamp } from './event.ts';
import type { TaskHeaders } from './task-headers.ts';

export function taskReceived(stamp: EventStamp, headers: TaskHeaders): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
    uuid: headers.id,
    name: headers.shadow ?? headers.task,
    args: headers.argsrepr,
    kwargs: headers.kwargsrepr,
    root_id: headers.rootId,
    parent_id: headers.parentId,
    retries: headers.retries,
    eta: headers.etaText,
    expires: headers.expiresText,
    timestamp: stamp.timestamp,
    type: 'task-received',
  };
}

export function taskStarted(stamp: EventStamp, uuid: string): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
    uuid,
    timestamp: stamp.timestamp,
    type: 'task-started',
  };
}

/** @param runtime seconds */
export function taskSucceeded(
  stamp: EventStamp,
  uuid: string,
  result: string,
  runtime: number,
): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
    uuid,
    result,
    runtime,
    timestamp: stamp.timestamp,
    type: 'task-succeeded',
  };
}

export interface EventFailure {
  readonly exception: string;
  /** Undefined: there is none, as for a task that is unknown. */
  readonly traceback?: string | undefined;
}

export function taskFailed(
  type: 'task-failed' | 'task-retried',
  stamp: EventStamp,
  uuid: string,
  { exception, traceback }: EventFailure,
): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
    uuid,
    exception,
    // written out only when it is there: JSON leaves out what is undefined
    traceback,
    timestamp: stamp.timestamp,
    type,
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
  stamp: EventStamp,
  uuid: string,
  { terminated, signum, expired }: EventRevocation,
): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
    uuid,
    terminated,
    signum,
    expired,
    timestamp: stamp.timestamp,
    type: 'task-revoked',
  };
}

export function taskRejected(stamp: EventStamp, uuid: string, requeue: boolean): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
    uuid,
    requeue,
    timestamp: stamp.timestamp,
    type: 'task-rejected',
  };
}

export interface EventRoute {
  readonly queue: string | null;
  readonly exchange: string;
  readonly routingKey: string;
}

export function taskSent(stamp: EventStamp, headers: TaskHeaders, route: EventRoute): Event {
  return {
    hostname: stamp.hostname,
    utcoffset: stamp.utcoffset,
    pid: stamp.pid,
    clock: stamp.clock,
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
    timestamp: stamp.timestamp,
    type: 'task-sent',
  };
}
