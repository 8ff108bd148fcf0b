/** What nodes answer, ours and Python's. */

/** By node name. */
export type Replies<T> = Readonly<Record<string, T | ErrorReply>>;

/** A command that a node did not do; Python's words. */
export interface ErrorReply {
  readonly error: string;
}

export interface OkReply {
  readonly ok: string;
}

/** A task as `active`, `reserved`, `scheduled` and `query_task` show it. */
export interface TaskInfo {
  readonly id: string;
  /** The name it is shown under (`shadow`), else its own. */
  readonly name: string;
  /** Values, or texts when they were asked for as such (`safe`). */
  readonly args: readonly unknown[] | string;
  readonly kwargs: Readonly<Record<string, unknown>> | string;
  /** Its own name. */
  readonly type: string;
  readonly hostname: string;
  /** When its code started, in seconds since 1970. */
  readonly time_start: number | null;
  readonly acknowledged: boolean;
  readonly delivery_info: {
    readonly exchange: string;
    readonly routing_key: string;
    readonly priority: number | null;
    readonly redelivered: boolean | null;
  };
  readonly worker_pid: number | null;
}

export interface ScheduledTask {
  /** ISO 8601. */
  readonly eta: string;
  readonly priority: number;
  readonly request: TaskInfo;
}

/** `reserved` and `scheduled` are told apart by `inspect.reserved` and `inspect.scheduled`. */
export type QueriedTasks = Readonly<
  Record<string, readonly ['active' | 'reserved' | 'ready', TaskInfo]>
>;

export interface ExchangeInfo {
  readonly name: string;
  readonly type: string;
  readonly arguments: Readonly<Record<string, unknown>> | null;
  readonly durable: boolean;
  readonly passive: boolean;
  readonly auto_delete: boolean;
  readonly delivery_mode: number | null;
  readonly no_declare: boolean;
}

export interface QueueInfo {
  readonly name: string;
  readonly exchange: ExchangeInfo;
  readonly routing_key: string;
  readonly queue_arguments: Readonly<Record<string, unknown>> | null;
  readonly binding_arguments: Readonly<Record<string, unknown>> | null;
  readonly consumer_arguments: Readonly<Record<string, unknown>> | null;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly auto_delete: boolean;
  readonly no_ack: boolean;
  readonly alias: string | null;
  readonly bindings: readonly unknown[];
  readonly no_declare: boolean | null;
  readonly expires: number | null;
  readonly message_ttl: number | null;
  readonly max_length: number | null;
  readonly max_length_bytes: number | null;
  readonly max_priority: number | null;
}

export interface WorkerStats {
  /** Started so far, by name. */
  readonly total: Readonly<Record<string, number>>;
  readonly pid: number;
  readonly clock: string;
  /** Seconds. */
  readonly uptime: number;
  readonly pool: Readonly<Record<string, unknown>>;
  readonly broker: Readonly<Record<string, unknown>>;
  readonly prefetch_count: number;
  readonly rusage: Readonly<Record<string, number>> | 'N/A';
  /** With `--autoscale`: its bounds, the children there are, and the tasks that run or wait for a place. */
  readonly autoscaler?: {
    readonly max: number;
    readonly min: number;
    readonly current: number;
    readonly qty: number;
  };
}
