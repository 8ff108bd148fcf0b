/**
 * Tells whoever wants to hear it what becomes of a request. Logs, signals, counters and a
 * task's own hooks are listeners; who decides about a request knows none of them.
 */
import type { TaskReply } from '../execute/outcome.ts';
import type { Delivery } from '../messaging/contract.ts';
import type { PoolError } from '../pool/errors.ts';
import type { TaskHeaders } from '../wire/messages/task-message.ts';
import type { Request } from './request.ts';

export interface Revocation {
  readonly reason: 'expired' | 'revoked' | 'terminated';
  /** Of `terminated`: what its process was killed with. */
  readonly signal: string | null;
}

/** Each method is called in the worker's own process and must not throw. */
export interface RequestListener {
  received?(request: Request, queue: string): void;
  started?(request: Request, pid: number): void;
  answered?(request: Request, reply: TaskReply): void;
  succeeded?(request: Request, reply: TaskReply): void;
  failed?(request: Request, reply: TaskReply): void;
  /** A time limit passed: the soft one (the task was told) or the hard one (it was killed). */
  timedOut?(request: Request, soft: boolean, seconds: number): void;
  /** What ran it ended without an answer. */
  lost?(request: Request, error: PoolError): void;
  /** Lost, and nobody wanted that or runs it again. */
  gaveUp?(request: Request, error: PoolError): void;
  /** Lost, and put back for another run (`rejectOnWorkerLost`). */
  putBack?(request: Request, error: PoolError): void;
  revoked?(request: Request, revocation: Revocation): void;
  unknown?(delivery: Delivery, headers: TaskHeaders, reason: Error): void;
  refused?(delivery: Delivery, reason: Error): void;
}

type Hearing<E extends keyof RequestListener> = Required<Pick<RequestListener, E>>;

export class Announcer implements Required<RequestListener> {
  readonly #received: readonly Hearing<'received'>[];
  readonly #started: readonly Hearing<'started'>[];
  readonly #answered: readonly Hearing<'answered'>[];
  readonly #succeeded: readonly Hearing<'succeeded'>[];
  readonly #failed: readonly Hearing<'failed'>[];
  readonly #listeners: readonly RequestListener[];

  constructor(listeners: readonly RequestListener[]) {
    this.#listeners = listeners;
    // those of every request: who does not listen costs nothing
    this.#received = thatHear(listeners, 'received');
    this.#started = thatHear(listeners, 'started');
    this.#answered = thatHear(listeners, 'answered');
    this.#succeeded = thatHear(listeners, 'succeeded');
    this.#failed = thatHear(listeners, 'failed');
  }

  received(request: Request, queue: string): void {
    for (const listener of this.#received) listener.received(request, queue);
  }

  started(request: Request, pid: number): void {
    for (const listener of this.#started) listener.started(request, pid);
  }

  answered(request: Request, reply: TaskReply): void {
    for (const listener of this.#answered) listener.answered(request, reply);
    if (reply.kind === 'success') this.succeeded(request, reply);
    else if (reply.kind === 'failure') this.failed(request, reply);
  }

  succeeded(request: Request, reply: TaskReply): void {
    for (const listener of this.#succeeded) listener.succeeded(request, reply);
  }

  failed(request: Request, reply: TaskReply): void {
    for (const listener of this.#failed) listener.failed(request, reply);
  }

  timedOut(request: Request, soft: boolean, seconds: number): void {
    for (const listener of this.#listeners) listener.timedOut?.(request, soft, seconds);
  }

  lost(request: Request, error: PoolError): void {
    for (const listener of this.#listeners) listener.lost?.(request, error);
  }

  gaveUp(request: Request, error: PoolError): void {
    for (const listener of this.#listeners) listener.gaveUp?.(request, error);
  }

  putBack(request: Request, error: PoolError): void {
    for (const listener of this.#listeners) listener.putBack?.(request, error);
  }

  revoked(request: Request, revocation: Revocation): void {
    for (const listener of this.#listeners) listener.revoked?.(request, revocation);
  }

  unknown(delivery: Delivery, headers: TaskHeaders, reason: Error): void {
    for (const listener of this.#listeners) listener.unknown?.(delivery, headers, reason);
  }

  refused(delivery: Delivery, reason: Error): void {
    for (const listener of this.#listeners) listener.refused?.(delivery, reason);
  }
}

function thatHear<E extends keyof RequestListener>(
  listeners: readonly RequestListener[],
  event: E,
): Hearing<E>[] {
  return listeners.filter(
    (listener): listener is RequestListener & Hearing<E> => listener[event] !== undefined,
  );
}
