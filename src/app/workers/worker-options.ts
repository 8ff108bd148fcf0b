/**
 * The options of a worker: under these names in code, under the same ones with dashes on the
 * command line (`cli/declarations/worker.ts`).
 */
import { isMap } from '../../base/kind-of.ts';
import { type LogLevel, levelNamed } from '../../base/logger.ts';
import {
  any,
  checkOptions,
  code,
  count,
  firstSlip,
  flag,
  type Kind,
  type Kinds,
  name,
  names,
  oneOf,
  seconds,
  slipIn,
  wait,
} from '../../base/option-kinds.ts';
import type { SettingName, SettingValues } from '../settings/tables/table.ts';
import type { LogSink } from '../signals/signals.ts';

/** Those that stand for a setting, which says what values they take. */
export const WORKER_SETTINGS = {
  logfile: 'worker_logfile',
  statedb: 'worker_state_db',
  disablePrefetch: 'worker_disable_prefetch',
  prefetchMultiplier: 'worker_prefetch_multiplier',
  taskEvents: 'worker_send_task_events',
  concurrency: 'worker_concurrency',
  pool: 'worker_pool',
  slots: 'worker_child_slots',
  timeLimit: 'task_time_limit',
  softTimeLimit: 'task_soft_time_limit',
  maxTasksPerChild: 'worker_max_tasks_per_child',
  maxMemoryPerChild: 'worker_max_memory_per_child',
  healthPort: 'worker_health_port',
  healthHost: 'worker_health_host',
  healthSocket: 'worker_health_socket',
  healthFile: 'worker_health_file',
  metricsPort: 'worker_metrics_port',
} as const satisfies Record<string, SettingName>;

type SettingOptions = {
  readonly [Name in keyof typeof WORKER_SETTINGS]?: SettingValues[(typeof WORKER_SETTINGS)[Name]];
};

/** What `app.worker` takes. Each option is that of `tscelery worker`, unless it says otherwise. */
export interface WorkerOptions extends SettingOptions {
  /** Consume from these queues only. Default: all of the app's. */
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
  /** Node name. Default `celery@<host>`, and `celery2@<host>` for the second of a process. */
  readonly hostname?: string;
  readonly optimization?: 'default' | 'fair';
  /**
   * Have as many children as there is work for: `max` at most (1 or more), and at least `min`, default 0.
   * Takes the place of `concurrency`. For the pools `prefork` and `threads`.
   */
  readonly autoscale?: { readonly max: number; readonly min?: number };
  /** Do not ask other workers at start which tasks are revoked. */
  readonly withoutMingle?: boolean;
  /** Do not listen to other workers, and take no part in elections. */
  readonly withoutGossip?: boolean;
  /** Seconds between two heartbeats in events, 0.1 or more; default 2. */
  readonly heartbeatInterval?: number;
  /** Tell nothing in events of the worker itself. */
  readonly withoutHeartbeat?: boolean;
  /** Modules to import at the start. */
  readonly include?: readonly string[];
  /** Delete all waiting messages of the queues first. */
  readonly purge?: boolean;
  /** Least level that is logged, in any case as on the command line; default `warning`. */
  readonly loglevel?: LogLevel | Uppercase<LogLevel>;
  readonly logFormat?: 'text' | 'json';
  /** Gets the lines of the worker itself, instead of `logfile` or stderr; children write there. */
  readonly log?: LogSink;
  /**
   * The module that exports the app, as a URL, a path or what follows `-A`. Children of the pools
   * `prefork` and `threads` load it; the others need none.
   */
  readonly module?: string | URL;
}

/** As on the command line: a shorter one would only flood the broker. */
const interval: Kind = {
  ...seconds,
  words: 'a number of seconds, 0.1 or more',
  accepts: value => seconds.accepts(value) && (value as number) >= 0.1,
};

const AUTOSCALE = { max: count, min: count };

/** Which is the larger one can be told apart here: no swapping as on the command line. */
const autoscaleRange: Kind = {
  words: 'the bounds { max, min }, whole numbers with max at least 1 and not below min',
  accepts(value) {
    if (!isMap(value) || slipIn(value, AUTOSCALE) !== undefined) return false;
    const { max = 0, min = 0 } = value as { max?: number; min?: number };
    return max >= 1 && min <= max;
  },
  hint: value => firstSlip([value], AUTOSCALE),
};

const OTHERS: Kinds<Omit<WorkerOptions, keyof SettingOptions>> = {
  queues: names,
  excludeQueues: names,
  hostname: name,
  optimization: oneOf('default', 'fair'),
  autoscale: autoscaleRange,
  withoutMingle: flag,
  withoutGossip: flag,
  heartbeatInterval: interval,
  withoutHeartbeat: flag,
  include: names,
  purge: flag,
  loglevel: {
    ...oneOf('debug', 'info', 'warning', 'error', 'critical'),
    accepts: value => typeof value === 'string' && levelNamed(value) !== undefined,
  },
  logFormat: oneOf('text', 'json'),
  log: code,
  module: {
    words: 'a URL, a path or what follows -A',
    accepts: value => name.accepts(value) || value instanceof URL,
  },
};

/** A setting says itself what values it takes. */
const WORKER: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(Object.keys(WORKER_SETTINGS).map(option => [option, any])),
  ...OTHERS,
};

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkWorkerOptions(options: WorkerOptions): void {
  checkOptions(options, WORKER, 'a worker');
}

/** What a function in the setting `worker_autoscaler` gets; it returns how many children there should be. */
export interface AutoscaleLoad {
  /** Tasks here that run or wait for a place. */
  readonly reserved: number;
  /** Children there are, those that are starting included. */
  readonly children: number;
  /** The bounds; what is returned is brought between them. */
  readonly max: number;
  readonly min: number;
}

/** The settings that the options stand for. */
export function workerSettings(options: WorkerOptions): Record<string, unknown> {
  const given = Object.entries(WORKER_SETTINGS).map(
    ([name, setting]) => [setting, options[name as keyof SettingOptions]] as const,
  );
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Without the one that is given as nothing. */
export function autoscale({ autoscale: range }: Pick<WorkerOptions, 'autoscale'>): {
  autoscale?: { max: number; min: number };
} {
  return range ? { autoscale: { max: range.max, min: range.min ?? 0 } } : {};
}

/** How often the worker tells of itself. */
export function heartbeat({
  heartbeatInterval,
  withoutHeartbeat,
}: Pick<WorkerOptions, 'heartbeatInterval' | 'withoutHeartbeat'>): {
  heartbeatInterval?: number | null;
} {
  if (withoutHeartbeat) return { heartbeatInterval: null };
  return heartbeatInterval === undefined ? {} : { heartbeatInterval };
}

export interface StopOptions {
  /** Seconds for tasks that run, which are then killed, or abandoned in this process. Default for ever. */
  readonly timeout?: number;
}

const STOP: Kinds<StopOptions> = { timeout: wait };

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkStopOptions(options: StopOptions): void {
  checkOptions(options, STOP, 'stop');
}
