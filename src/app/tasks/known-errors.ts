/**
 * Errors that come from another process and are made again here from their arguments: ours, and
 * those that the user names.
 */

import { BackendGetMetaError, BackendStoreError, TimeoutError } from '../../backends/errors.ts';
import { ImproperlyConfigured, SecurityError } from '../../base/errors.ts';
import { trimmedStack } from '../../base/text/error-text.ts';
import {
  AccessRefused,
  ChannelError,
  ConnectionClosed,
  LimitExceeded,
  OperationalError,
  Unroutable,
} from '../../drivers/errors.ts';
import { ChordError, Ignore, MaxRetriesExceededError, Reject } from '../../execute/errors.ts';
import {
  SoftTimeLimitExceeded,
  Terminated,
  TimeLimitExceeded,
  WorkerLostError,
} from '../../pool/errors.ts';
import { InvalidSchedule, ParseException } from '../../schedules/errors.ts';
import {
  ContentDisallowed,
  DecodeError,
  EncodeError,
  InvalidTaskError,
  SerializerNotInstalled,
} from '../../wire/errors.ts';
import { decodeException, type ErrorFactory } from '../../wire/results/exception.ts';
import { AppNotFound, ModuleLoadError } from '../loading/errors.ts';
import type { ErrorClass } from '../options/task-options.ts';
import { IncompleteStream, SyncSubtask } from '../results/errors.ts';
import { QueueNotFound } from '../routing/errors.ts';
import { AlreadyRegistered, NotRegistered, TaskRevokedError } from './errors.ts';

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
    ...[AlreadyRegistered, AppNotFound, Ignore, TimeoutError, IncompleteStream, SyncSubtask],
    ...[ChordError, InvalidSchedule],
  ],
  'celery.schedules': [ParseException],
  'billiard.exceptions': [Terminated],
  'kombu.exceptions': [
    ...[OperationalError, ConnectionClosed, ChannelError, LimitExceeded, EncodeError],
    ...[DecodeError, ContentDisallowed, SerializerNotInstalled, AccessRefused, Unroutable],
  ],
};

export class KnownErrors {
  readonly #makers = errorsOfOurs();

  add(Class: ErrorClass & { readonly excModule?: string }): void {
    const Known = Class as unknown as new (...args: readonly unknown[]) => Error;
    const key = Class.excModule === undefined ? Class.name : `${Class.excModule}.${Class.name}`;
    this.#makers.set(key, args => new Known(...args));
  }

  /** The error that a stored failure stands for. Its stack says where `get` was called and where the task failed. */
  decode(data: unknown, traceback: string | null): Error {
    const error = decodeException(data, this.#makers, traceback);
    const stack = trimmedStack(error.stack ?? String(error));
    error.stack = traceback ? `${stack}\n\nThe task failed with:\n${traceback}` : stack;
    return error;
  }
}

/** By `module.Class`, as on the wire. */
function errorsOfOurs(): Map<string, ErrorFactory> {
  const makers = new Map<string, ErrorFactory>([
    [
      'celery.exceptions.ModuleLoadError',
      args => new ModuleLoadError(text(args), { module: '', missing: false }),
    ],
    [
      'celery.exceptions.BackendGetMetaError',
      args => new BackendGetMetaError(text(args), { taskId: '' }),
    ],
    [
      'celery.exceptions.BackendStoreError',
      args => new BackendStoreError(text(args), { taskId: '', state: '' }),
    ],
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
