import type { Bounds } from '../backends/bounded.ts';
import type { ControlReply } from '../wire/messages/control.ts';
import {
  type CallOptions,
  checkCall,
  checkRequest,
  checkRevoke,
  type RequestOptions,
  type RevokeOptions,
} from './control-options.ts';
import type { Mailbox } from './mailbox.ts';
import type { PurgeOptions, WaitingMessages } from './waiting.ts';

/**
 * Commands to the workers of a fleet, ours and Python's, and to their queues. Every method rejects
 * with TypeError for an argument or option that does not exist or is of the wrong kind. Celery:
 * `app.control`.
 */
export class Control {
  readonly #mailbox: () => Mailbox;
  readonly #waiting: WaitingMessages;

  constructor(mailbox: () => Mailbox, waiting: WaitingMessages) {
    this.#mailbox = mailbox;
    this.#waiting = waiting;
  }

  /** Any command, without waiting for replies. Arguments keep Celery's spelling. */
  async broadcast(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<void> {
    checkRequest(command, args, options);
    return this.#mailbox().cast(command, args, options);
  }

  /** Any command, with the replies of the nodes that answered. */
  async call(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<ControlReply[]> {
    checkCall(command, args, options);
    return this.#mailbox().call(command, args, options);
  }

  /** Tell every worker not to run these tasks. Resolves when the broker has the request. */
  async revoke(taskIds: string | readonly string[], options: RevokeOptions = {}): Promise<void> {
    checkRevoke(taskIds, options);
    const { terminate = false, signal = 'SIGTERM', ...request } = options;
    return this.#mailbox().cast('revoke', { task_id: taskIds, terminate, signal }, request);
  }

  /** Revoke, and kill what runs. */
  async terminate(
    taskIds: string | readonly string[],
    options: Omit<RevokeOptions, 'terminate'> = {},
  ): Promise<void> {
    checkRevoke(taskIds, options);
    return this.revoke(taskIds, { ...options, terminate: true });
  }

  /** Which nodes answer; `timeout` seconds, default 1. */
  async ping(options?: CallOptions): Promise<ControlReply[]> {
    checkCall('ping', {}, options);
    return this.#mailbox().call('ping', {}, options);
  }

  /**
   * Delete the messages that wait in queues, also those with an ETA or countdown that no worker
   * has taken yet. What workers hold stays. There is no undo. Celery: `app.control.purge`.
   *
   * @param options.queues names; default all queues that the app knows
   * @param options.timeout seconds, default as long as the broker takes
   * @param options.signal gives up when it aborts; what was asked may happen all the same
   * @returns the number of messages deleted
   * @throws OperationalError when the broker cannot be reached, TimeoutError, the signal's reason,
   *   ConnectionClosed when the app is closed meanwhile, TypeError for a wrong option
   */
  async purge(options: PurgeOptions = {}): Promise<number> {
    return this.#waiting.purge(options);
  }

  /**
   * How many messages wait in a queue: neither those that workers hold nor those that run. A queue
   * that does not exist has 0. kombu: `queue_declare(passive=True).message_count`.
   *
   * @throws like `purge`
   */
  async queueLength(queue: string, options: Bounds = {}): Promise<number> {
    return this.#waiting.count(queue, options);
  }
}
