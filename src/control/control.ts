import type { Bounds } from '../backends/bounded.ts';
import { signalNamed } from '../base/process/signal-names.ts';
import type { ControlReply } from '../wire/messages/control.ts';
import {
  type CallOptions,
  checkCall,
  checkInspect,
  checkNoOptions,
  checkRequest,
  checkRevoke,
  checkSend,
  type RequestOptions,
  type RevokeOptions,
  type SendOptions,
} from './control-options.ts';
import { Inspect } from './inspect.ts';
import type { Mailbox } from './mailbox.ts';
import type { PurgeOptions, WaitingMessages } from './waiting.ts';

/**
 * Commands to the workers of a fleet, ours and Python's, and to their queues. Those that
 * change something are only sent, unless `reply` is true: then the replies are collected, an error
 * as `{error}`. Every method rejects with TypeError for an argument or option that does not exist or is of the wrong kind. Celery:
 * `app.control`.
 */
export class Control {
  readonly #mailbox: () => Mailbox;
  readonly #waiting: WaitingMessages;
  readonly #keepRevoked: (ids: readonly string[]) => Promise<void>;

  constructor(
    mailbox: () => Mailbox,
    waiting: WaitingMessages,
    keepRevoked: (ids: readonly string[]) => Promise<void>,
  ) {
    this.#mailbox = mailbox;
    this.#waiting = waiting;
    this.#keepRevoked = keepRevoked;
  }

  /**
   * Any command, without waiting for replies. Arguments keep Celery's spelling for Python workers.
   */
  async broadcast(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<void> {
    checkRequest(command, args, options);
    const kept = this.#keep(command, args);
    return whenKept(kept, this.#mailbox().cast(command, args, options));
  }

  /** Any command, with the replies of the nodes that answered. */
  async call(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<ControlReply[]> {
    checkCall(command, args, options);
    const kept = this.#keep(command, args);
    return whenKept(kept, this.#mailbox().call(command, args, options));
  }

  /**
   * Look at the nodes.
   *
   * @param options.timeout seconds to wait for the next reply, default 1
   */
  inspect(options: CallOptions = {}): Inspect {
    checkInspect(options);
    return new Inspect(this.#mailbox, options);
  }

  /** Which nodes answer; `timeout` seconds, default 1. */
  async ping(options?: CallOptions): Promise<ControlReply[]> {
    checkCall('ping', {}, options);
    return this.#mailbox().call('ping', {}, options);
  }

  /**
   * Tell every worker not to run these tasks. Resolves when the broker has the request, and with
   * `task_durable_revokes` the result backend, too.
   *
   * @throws BackendStoreError when the result backend does not take it; the workers know by then
   */
  async revoke(
    taskIds: string | readonly string[],
    options: RevokeOptions = {},
  ): Promise<ControlReply[]> {
    checkRevoke(taskIds, options);
    const { terminate = false, signal = 'SIGTERM', ...send } = options;
    const args = { task_id: taskIds, terminate, signal: signalNamed(signal) };
    return whenKept(this.#keepRevoked([taskIds].flat()), this.#send('revoke', args, send));
  }

  /** Revoke, and kill what runs. */
  async terminate(
    taskIds: string | readonly string[],
    options: Omit<RevokeOptions, 'terminate'> = {},
  ): Promise<ControlReply[]> {
    checkRevoke(taskIds, options);
    return this.revoke(taskIds, { ...options, terminate: true });
  }

  /**
   * Start tasks of this name no more often than that.
   *
   * @param limit as `10/m`, or starts per second; 0 and null are no limit
   */
  async rateLimit(
    task: string,
    limit: string | number | null,
    options: SendOptions = {},
  ): Promise<ControlReply[]> {
    const args = { task_name: task, rate_limit: limit };
    checkSend('rate_limit', { ...args, rate_limit: limit ?? 0 }, options);
    return this.#send('rate_limit', args, options);
  }

  /** Give tasks of this name so many seconds; a limit that is left out is none. */
  async timeLimit(
    task: string,
    limits: { readonly soft?: number | null; readonly hard?: number | null },
    options: SendOptions = {},
  ): Promise<ControlReply[]> {
    const args = { task_name: task, soft: limits.soft ?? null, hard: limits.hard ?? null };
    checkSend('time_limit', args, options);
    return this.#send('time_limit', args, options);
  }

  /**
   * Consume from a queue too.
   *
   * @param declaration of a queue that the workers do not know, as in the setting `task_queues`
   */
  async addConsumer(
    queue: string,
    declaration: Readonly<Record<string, unknown>> = {},
    options: SendOptions = {},
  ): Promise<ControlReply[]> {
    const args = { queue, ...declaration };
    checkNoOptions(declaration, 'addConsumer', 'the declaration of the queue');
    checkSend('add_consumer', args, options);
    return this.#send('add_consumer', args, options);
  }

  /** Consume from a queue no more. */
  async cancelConsumer(queue: string, options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('cancel_consumer', { queue }, options);
    return this.#send('cancel_consumer', { queue }, options);
  }

  /** Add places to each pool. */
  async poolGrow(n = 1, options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('pool_grow', { n }, options);
    return this.#send('pool_grow', { n }, options);
  }

  /** Take places from each pool. */
  async poolShrink(n = 1, options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('pool_shrink', { n }, options);
    return this.#send('pool_shrink', { n }, options);
  }

  /**
   * Let the pools of workers that were started with `--autoscale` have so many children.
   *
   * @param range one of the bounds may be left out, and stays; `max` is at least 1 and not below `min`
   */
  async autoscale(
    range: { readonly max?: number | null; readonly min?: number | null },
    options: SendOptions = {},
  ): Promise<ControlReply[]> {
    const args = { max: range.max ?? null, min: range.min ?? null };
    checkSend('autoscale', args, options);
    return this.#send('autoscale', args, options);
  }

  /** Replace the children of each pool, which load the code anew (setting `worker_pool_restarts`). */
  async poolRestart(options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('pool_restart', {}, options);
    return this.#send('pool_restart', {}, options);
  }

  /** Have workers tell in events what becomes of tasks, as with `-E`. */
  async enableEvents(options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('enable_events', {}, options);
    return this.#send('enable_events', {}, options);
  }

  /** Have workers tell nothing of tasks in events any more. */
  async disableEvents(options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('disable_events', {}, options);
    return this.#send('disable_events', {}, options);
  }

  /** Have workers send a heartbeat event now, so that monitors know at once who is there. */
  async heartbeat(options: SendOptions = {}): Promise<ControlReply[]> {
    checkSend('heartbeat', {}, options);
    return this.#send('heartbeat', {}, options);
  }

  /** Stop the workers, when what runs has ended. Nobody answers, since the nodes are gone then. */
  async shutdown(options: RequestOptions = {}): Promise<void> {
    return this.broadcast('shutdown', {}, options);
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

  /** The command line, and whoever spells a command out, revoke no less. */
  async #keep(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<void> {
    if (command !== 'revoke' && command !== 'terminate') return;
    await this.#keepRevoked([args.task_id].flat().filter(id => typeof id === 'string'));
  }

  /** Without `reply` nobody is waited for, and the list is empty. */
  async #send(
    command: string,
    args: Readonly<Record<string, unknown>>,
    { reply = false, ...options }: SendOptions,
  ): Promise<ControlReply[]> {
    if (reply) return this.#mailbox().call(command, args, options);
    const { timeout: _timeout, limit: _limit, onReply: _onReply, ...request } = options;
    await this.#mailbox().cast(command, args, request);
    return [];
  }
}

/** A store that is away must not keep a command from those who hear it, nor be hidden by them. */
async function whenKept<T>(kept: Promise<void>, sent: Promise<T>): Promise<T> {
  kept.catch(() => {});
  const result = await sent;
  await kept;
  return result;
}
