import type { ControlReply } from '../wire/control.ts';
import type { CallOptions, Mailbox, RequestOptions } from './mailbox.ts';

export interface RevokeOptions extends RequestOptions {
  /** Also kill the process that runs the task. */
  readonly terminate?: boolean;
  /** How, default SIGTERM. */
  readonly signal?: NodeJS.Signals;
}

/** Commands to the workers of a fleet, ours and Python's. Celery: `app.control`. */
export class Control {
  readonly #mailbox: () => Mailbox;

  constructor(mailbox: () => Mailbox) {
    this.#mailbox = mailbox;
  }

  /** Any command, without waiting for replies. Arguments keep Celery's spelling. */
  broadcast(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<void> {
    return this.#mailbox().cast(command, args, options);
  }

  /** Any command, with the replies of the nodes that answered. */
  call(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<ControlReply[]> {
    return this.#mailbox().call(command, args, options);
  }

  /** Tell every worker not to run these tasks. Resolves when the broker has the request. */
  revoke(taskIds: string | readonly string[], options: RevokeOptions = {}): Promise<void> {
    const { terminate = false, signal = 'SIGTERM', ...request } = options;
    return this.#mailbox().cast('revoke', { task_id: taskIds, terminate, signal }, request);
  }

  /** Revoke, and kill what runs. */
  terminate(
    taskIds: string | readonly string[],
    options: Omit<RevokeOptions, 'terminate'> = {},
  ): Promise<void> {
    return this.revoke(taskIds, { ...options, terminate: true });
  }

  /** Which nodes answer; `timeout` seconds, default 1. */
  ping(options?: CallOptions): Promise<ControlReply[]> {
    return this.#mailbox().call('ping', {}, options);
  }
}
