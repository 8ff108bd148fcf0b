/** Requests that are not to run, or not to run on: expired, revoked, or killed on request. */
import { TaskRevokedError } from '../../app/tasks/errors.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { revokeTask } from '../../execute/run/settle-lost.ts';
import type { Announcer, Revocation } from '../announcer.ts';
import type { Request } from '../request.ts';
import type { RevokedTasks } from '../revoking/revoked-tasks.ts';
import type { WorkerState } from '../worker-state.ts';

export interface UnwantedPorts {
  readonly announcer: Announcer;
  readonly revoked: RevokedTasks;
  /** Somebody has to hear of it when the message cannot be settled. */
  settle(settled: Promise<unknown>): void;
}

export class Unwanted {
  readonly #state: WorkerState;
  readonly #execution: ExecutionPorts;
  readonly #ports: UnwantedPorts;

  constructor(state: WorkerState, execution: ExecutionPorts, ports: UnwantedPorts) {
    this.#state = state;
    this.#execution = execution;
    this.#ports = ports;
  }

  has(request: Request): boolean {
    return this.#isExpired(request) || this.#ports.revoked.covers(request.headers);
  }

  /** Whether the request expired or was revoked; then it is settled and its state stored. */
  discard(request: Request): boolean {
    const expired = this.#isExpired(request);
    if (!expired && !this.#ports.revoked.covers(request.headers)) return false;
    this.#drop(request, expired ? 'expired' : 'revoked');
    return true;
  }

  /** It waited here and was revoked: settled at once, so that no other worker gets its message. */
  revoked(request: Request): void {
    this.#drop(request, 'revoked');
  }

  /** The process that ran the request was killed on request: store that, and settle it. */
  async terminated(request: Request, signal: string): Promise<void> {
    await this.#revoke(request, { reason: 'terminated', signal });
  }

  #isExpired(request: Request): boolean {
    return request.isExpired(this.#execution.clock.now());
  }

  #drop(request: Request, reason: 'expired' | 'revoked'): void {
    request.state = 'done';
    this.#state.requests.delete(request);
    this.#ports.settle(this.#revoke(request, { reason, signal: null }));
  }

  async #revoke(request: Request, revocation: Revocation): Promise<void> {
    this.#ports.announcer.revoked(request, revocation);
    const error = new TaskRevokedError(revocation.reason);
    await revokeTask(request.task, request.delivery, this.#execution, error);
    if (!request.isAcknowledged) await request.ack();
  }
}
