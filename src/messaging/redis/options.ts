/** `broker_transport_options` of the Redis transport: names, defaults, checks. */

import { ImproperlyConfigured } from '../../base/errors.ts';
import { refusedValue } from '../../base/text/mask-url.ts';
import { isSeconds, secondsHint } from '../../base/time/seconds.ts';
import type { TransportOptions } from '../contract.ts';
import { unusedOptions } from '../unused-options.ts';

export type QueueOrder = 'round_robin' | 'priority' | 'sorted';

/** Durations in seconds. */
export interface RedisOptions {
  readonly visibilityTimeout: number;
  readonly unackedKey: string;
  readonly unackedIndexKey: string;
  readonly unackedMutexKey: string;
  readonly unackedMutexExpire: number;
  readonly unackedRestoreLimit: number | undefined;
  /** Time between two sweeps for what dead Python workers left: kombu's interval × throttle. */
  readonly restoreEvery: number;
  readonly globalKeyprefix: string;
  readonly sep: string;
  /** Ascending; the first is the step of the bare key, as in kombu. */
  readonly prioritySteps: readonly number[];
  readonly queueOrder: QueueOrder;
  readonly fanoutPrefix: boolean | string;
  readonly fanoutPatterns: boolean;
  /** Without an answer for so long the socket counts as dead. */
  readonly socketTimeout: number;
  readonly connectTimeout: number;
  readonly healthCheckInterval: number;
  readonly clientName: string | undefined;
  readonly masterName: string | undefined;
  readonly sentinelKwargs: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

/**
 * Below the 10 s after which others take us for dead (`leases.ts`), so that a half-open
 * connection is replaced before that; above the pauses a busy server makes.
 */
const DEFAULT_SOCKET_TIMEOUT = 8;

const USED = [
  'unacked_restore_interval',
  'unacked_restore_throttle',
  'sentinel_kwargs',
  'visibility_timeout',
  'unacked_key',
  'unacked_index_key',
  'unacked_mutex_key',
  'unacked_mutex_expire',
  'unacked_restore_limit',
  'global_keyprefix',
  'sep',
  'priority_steps',
  'queue_order_strategy',
  'fanout_prefix',
  'fanout_patterns',
  'socket_timeout',
  'socket_connect_timeout',
  'health_check_interval',
  'client_name',
  'master_name',
];

class Reader {
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(given: Readonly<Record<string, unknown>>) {
    this.#given = given;
  }

  #refuse(name: string, wanted: string, hint = ''): never {
    throw new ImproperlyConfigured(
      `broker_transport_options.${name} should be ${wanted}, not ${refusedValue(name, this.#given[name])}.${hint}`,
    );
  }

  text(name: string, fallback: string): string {
    const value = this.#given[name] ?? fallback;
    return typeof value === 'string' ? value : this.#refuse(name, 'a string');
  }

  seconds(name: string, fallback: number): number {
    const value = this.#given[name] ?? fallback;
    return isSeconds(value) && value > 0
      ? value
      : this.#refuse(name, 'a number of seconds above 0', secondsHint(value));
  }

  count(name: string): number | undefined {
    const value = this.#given[name] ?? undefined;
    if (value === undefined) return undefined;
    const fits = Number.isSafeInteger(value) && (value as number) > 0;
    return fits ? (value as number) : this.#refuse(name, 'a whole number above 0');
  }

  steps(name: string): number[] {
    const value = this.#given[name] ?? [0, 3, 6, 9];
    const fits =
      Array.isArray(value) &&
      value.length > 0 &&
      value.every(step => Number.isSafeInteger(step) && step >= 0);
    if (!fits) return this.#refuse(name, 'a list of whole numbers such as [0, 3, 6, 9]');
    return [...new Set(value as number[])].sort((a, b) => a - b);
  }

  order(name: string): QueueOrder {
    const value = this.#given[name] ?? 'round_robin';
    if (value === 'round_robin' || value === 'priority' || value === 'sorted') return value;
    return this.#refuse(name, "'round_robin', 'priority' or 'sorted'");
  }

  prefix(name: string): boolean | string {
    const value = this.#given[name] ?? true;
    if (typeof value === 'boolean' || typeof value === 'string') return value;
    return this.#refuse(name, 'true, false or a string');
  }
}

export function readRedisOptions(options: TransportOptions): RedisOptions {
  const given = options.transportOptions;
  const read = new Reader(given);
  const interval = read.seconds('unacked_restore_interval', 10);
  const throttle = read.seconds('unacked_restore_throttle', 10);
  const kwargs = given.sentinel_kwargs;
  return {
    visibilityTimeout: read.seconds('visibility_timeout', 3600),
    unackedKey: read.text('unacked_key', 'unacked'),
    unackedIndexKey: read.text('unacked_index_key', 'unacked_index'),
    unackedMutexKey: read.text('unacked_mutex_key', 'unacked_mutex'),
    unackedMutexExpire: read.seconds('unacked_mutex_expire', 300),
    unackedRestoreLimit: read.count('unacked_restore_limit'),
    restoreEvery: interval * throttle,
    globalKeyprefix: read.text('global_keyprefix', ''),
    sep: read.text('sep', '\x06\x16'),
    prioritySteps: read.steps('priority_steps'),
    queueOrder: read.order('queue_order_strategy'),
    fanoutPrefix: read.prefix('fanout_prefix'),
    fanoutPatterns: given.fanout_patterns !== false,
    socketTimeout: read.seconds('socket_timeout', DEFAULT_SOCKET_TIMEOUT),
    connectTimeout: read.seconds('socket_connect_timeout', options.connectTimeout),
    healthCheckInterval: read.seconds('health_check_interval', 25),
    clientName: read.text('client_name', '') || undefined,
    masterName: read.text('master_name', '') || undefined,
    sentinelKwargs: typeof kwargs === 'object' && kwargs !== null ? { ...kwargs } : {},
    warnings: unusedOptions(given, USED, 'Redis'),
  };
}
