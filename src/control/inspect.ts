/** Looking at the nodes of a fleet, ours and Python's. Celery: `app.control.inspect`. */
import type { ControlReply } from '../wire/messages/control.ts';
import { type CallOptions, checkCall } from './control-options.ts';
import type { Mailbox } from './mailbox.ts';
import type {
  OkReply,
  QueriedTasks,
  QueueInfo,
  Replies,
  ScheduledTask,
  TaskInfo,
  WorkerStats,
} from './replies.ts';

/** Celery's name of the warning about nodes that share theirs. */
export const DUPLICATE_NODENAME = 'DuplicateNodenameWarning';

/**
 * Each method asks the nodes and resolves with what they answered, by node name: an empty object
 * when none did. They reject with OperationalError when the broker cannot be reached, and with
 * ConnectionClosed when the app is closed meanwhile.
 */
export class Inspect {
  readonly #mailbox: () => Mailbox;
  readonly #options: CallOptions;

  constructor(mailbox: () => Mailbox, options: CallOptions) {
    this.#mailbox = mailbox;
    this.#options = options;
  }

  /**
   * Any command that only looks, also an app's own. Arguments keep Celery's spelling for Python
   * workers.
   */
  async call<T = unknown>(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<Replies<T>> {
    checkCall(command, args, this.#options);
    return byNode(await this.#mailbox().call(command, args, this.#options)) as Replies<T>;
  }

  /** Who is there. */
  ping(): Promise<Replies<OkReply>> {
    return this.call('ping');
  }

  /**
   * Tasks that run now.
   *
   * @param options.safe arguments as texts instead of values
   */
  active(options: { safe?: boolean } = {}): Promise<Replies<TaskInfo[]>> {
    return this.call('active', { safe: options.safe ?? null });
  }

  /** Tasks that wait in a node for a place of the pool, or for their rate limit. */
  reserved(): Promise<Replies<TaskInfo[]>> {
    return this.call('reserved');
  }

  /** Tasks that wait in a node for their ETA, the next one first. */
  scheduled(): Promise<Replies<ScheduledTask[]>> {
    return this.call('scheduled');
  }

  /** Ids of revoked tasks. */
  revoked(): Promise<Replies<string[]>> {
    return this.call('revoked');
  }

  /**
   * The tasks each node knows: `name [rate_limit=10/m]`.
   *
   * @param attributes those of each task to show, in Celery's spelling; by default exchange,
   *   routing_key and rate_limit
   */
  registered(...attributes: string[]): Promise<Replies<string[]>> {
    return this.call('registered', { taskinfoitems: attributes });
  }

  /** Counters of each node, its pool and its process. */
  stats(): Promise<Replies<WorkerStats>> {
    return this.call('stats');
  }

  /** The queues that each node consumes. Celery: `active_queues` */
  activeQueues(): Promise<Replies<QueueInfo[]>> {
    return this.call('active_queues');
  }

  /**
   * The settings of each node, without secrets.
   *
   * @param options.withDefaults also those that nobody set
   */
  conf(options: { withDefaults?: boolean } = {}): Promise<Replies<Record<string, unknown>>> {
    return this.call('conf', { with_defaults: options.withDefaults ?? false });
  }

  /** Where tasks are: `active`, `reserved`, or `ready` (waiting for their ETA). Celery: `query_task` */
  queryTask(...ids: string[]): Promise<Replies<QueriedTasks>> {
    return this.call('query_task', { ids });
  }

  /** What a bug report needs of each node. */
  report(): Promise<Replies<OkReply>> {
    return this.call('report');
  }

  /** The logical clock of each node. */
  clock(): Promise<Replies<{ clock: number }>> {
    return this.call('clock');
  }

  /** The memory that each node uses now, as `47.617MB`. */
  memsample(): Promise<Replies<string | null>> {
    return this.call('memsample');
  }

  /** The last samples that `memsample` took, and one more; by default 10. */
  memdump(samples = 10): Promise<Replies<string>> {
    return this.call('memdump', { samples });
  }

  /**
   * Has each node write what is in its memory to a file there, as it holds secrets, and tell its
   * name.
   */
  objgraph(): Promise<Replies<{ filename: string }>> {
    return this.call('objgraph');
  }
}

/** The last reply of each node; `warn` is told of names that several nodes have. */
export function byNode(
  replies: readonly ControlReply[],
  warn: (text: string) => void = text => process.emitWarning(text, DUPLICATE_NODENAME),
): Readonly<Record<string, unknown>> {
  const nodes = new Map<string, unknown>();
  for (const { node, value } of replies) {
    if (nodes.has(node)) {
      warn(
        `Received multiple replies from node name: ${node}. Give each node a name of its own (worker -n).`,
      );
    }
    nodes.set(node, value);
  }
  return Object.fromEntries(nodes);
}
