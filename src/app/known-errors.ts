/** Errors of ours that another process may send: how they are made again from their arguments. */

import { TimeoutError } from '../backends/errors.ts';
import { ImproperlyConfigured, SecurityError } from '../base/errors.ts';
import { Ignore, MaxRetriesExceededError, Reject } from '../execute/errors.ts';
import {
  ChannelError,
  ConnectionClosed,
  LimitExceeded,
  OperationalError,
} from '../messaging/errors.ts';
import {
  SoftTimeLimitExceeded,
  Terminated,
  TimeLimitExceeded,
  WorkerLostError,
} from '../pool/errors.ts';
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  InvalidTaskError,
  SerializerNotInstalled,
} from '../wire/errors.ts';
import { NotRegistered, QueueNotFound, TaskRevokedError } from './errors.ts';

export type ErrorMaker = (args: readonly unknown[]) => Error;

type MessageError = new (message?: string) => Error;

function text(args: readonly unknown[]): string {
  return args.map(String).join(', ');
}

function seconds(args: readonly unknown[]): number {
  return typeof args[0] === 'number' ? args[0] : Number.NaN;
}

const BY_MESSAGE: Readonly<Record<string, readonly MessageError[]>> = {
  'celery.exceptions': [
    ...[ImproperlyConfigured, SecurityError, QueueNotFound, TaskRevokedError, InvalidTaskError],
    ...[Ignore, TimeoutError],
  ],
  'billiard.exceptions': [Terminated],
  'kombu.exceptions': [
    ...[OperationalError, ConnectionClosed, ChannelError, LimitExceeded, EncodeError],
    ...[DecodeError, ContentDisallowed, SerializerNotInstalled],
  ],
};

/** By `module.Class`, as on the wire. */
export function knownErrors(): Map<string, ErrorMaker> {
  const makers = new Map<string, ErrorMaker>([
    ['celery.exceptions.NotRegistered', args => new NotRegistered(text(args))],
    ['celery.exceptions.Reject', ([reason, requeue]) => new Reject(reason, requeue === true)],
    [
      'celery.exceptions.MaxRetriesExceededError',
      args => new MaxRetriesExceededError(text(args), { id: '', args: [], kwargs: {} }),
    ],
    ['billiard.exceptions.SoftTimeLimitExceeded', args => new SoftTimeLimitExceeded(seconds(args))],
    ['billiard.exceptions.TimeLimitExceeded', args => new TimeLimitExceeded(seconds(args))],
    [
      'billiard.exceptions.WorkerLostError',
      args => new WorkerLostError(text(args), { exitCode: null, signal: null }),
    ],
  ]);
  for (const [module, classes] of Object.entries(BY_MESSAGE)) {
    for (const Class of classes) {
      makers.set(`${module}.${Class.name}`, args => new Class(text(args)));
    }
  }
  return makers;
}
