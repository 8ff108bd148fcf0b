/** Tells in events what becomes of requests, at Celery's moments and with Celery's fields. */
import { constants } from 'node:os';
import type { EventDispatcher } from '../../events/dispatcher.ts';
import type { TaskReply } from '../../execute/outcome.ts';
import type { Delivery } from '../../messaging/contract.ts';
import { type PoolError, Terminated } from '../../pool/errors.ts';
import {
  taskFailed,
  taskReceived,
  taskRejected,
  taskRevoked,
  taskStarted,
  taskSucceeded,
} from '../../wire/messages/task-events.ts';
import type { TaskHeaders } from '../../wire/messages/task-message.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import type { RequestListener, Revocation } from '../announcer.ts';
import type { Request } from '../request.ts';

export class TaskEvents implements RequestListener {
  readonly #events: EventDispatcher;
  readonly #failsUnknown: boolean;

  /** @param failsUnknown whether a message for an unknown task is given up */
  constructor(events: EventDispatcher, failsUnknown: boolean) {
    this.#events = events;
    this.#failsUnknown = failsUnknown;
  }

  /** Whether anything is told of this request now. */
  tells({ task }: Request): boolean {
    return this.#events.sends('task') && task.sendsEvents;
  }

  received(request: Request): void {
    if (!this.tells(request)) return;
    this.#events.collect('task-received', taskReceived(request.headers));
  }

  started(request: Request): void {
    if (!this.tells(request)) return;
    this.#events.collect('task-started', taskStarted(request.id));
  }

  succeeded(request: Request, { runtime, texts }: TaskReply): void {
    if (!this.tells(request)) return;
    // without texts it was given to the pool before somebody wanted to hear of it
    const fields = taskSucceeded(request.id, texts?.result ?? '', runtime);
    this.#events.collect('task-succeeded', fields);
  }

  failed(request: Request, { error = '', texts }: TaskReply): void {
    this.#failed(request, 'task-failed', texts?.exception ?? error, texts?.traceback);
  }

  answered(request: Request, { kind, requeue = false, texts }: TaskReply): void {
    if (kind === 'retry') {
      this.#failed(request, 'task-retried', texts?.exception ?? 'None', texts?.traceback);
    } else if (kind === 'reject' && this.tells(request)) {
      this.#events.collect('task-rejected', taskRejected(request.id, requeue));
    }
  }

  /** A time limit, too. */
  gaveUp(request: Request, error: PoolError): void {
    this.#failed(request, 'task-failed', exceptionRepr(error), error.stack);
  }

  /** Broken off as the connection was lost: the broker delivers it again. */
  lost(request: Request, error: PoolError): void {
    const isCancelled = request.isCancelled && !request.terminatedBy && error instanceof Terminated;
    if (!isCancelled || !this.tells(request)) return;
    this.#events.collect('task-cancelled', { uuid: request.id });
  }

  revoked(request: Request, { reason, signal }: Revocation): void {
    if (!this.tells(request)) return;
    const signals: Readonly<Record<string, number>> = constants.signals;
    const revocation = {
      terminated: reason === 'terminated',
      signum: signal === null ? null : (signals[signal] ?? null),
      expired: reason === 'expired',
    };
    this.#events.collect('task-revoked', taskRevoked(request.id, revocation));
  }

  unknown(_delivery: Delivery, { id }: TaskHeaders, reason: Error): void {
    if (!this.#failsUnknown || !this.#events.sends('task')) return;
    const exception = exceptionRepr(reason);
    this.#events.collect('task-failed', taskFailed(id, { exception }));
  }

  #failed(
    request: Request,
    type: 'task-failed' | 'task-retried',
    exception: string,
    traceback = '',
  ): void {
    if (!this.tells(request)) return;
    this.#events.collect(type, taskFailed(request.id, { exception, traceback }));
  }
}
