/**
 * What a call says once its options, the task's declaration and the settings are taken together;
 * the message is made of that.
 */
import { randomUUID } from 'node:crypto';
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { currentTask } from '../../execute/task-context.ts';
import { toIso } from '../../wire/dates.ts';
import type { TaskCall } from '../../wire/messages/task-message.ts';
import { deadlineOf, keptText, momentAfter, momentOf } from '../../wire/moments.ts';
import { DELIVERY_MODES } from '../options/delivery-mode.ts';
import type { Priority } from '../options/priority-names.ts';
import type { ApplyOptions, LinkedCall, TaskOptions } from '../options/task-options.ts';
import type { LocalTime } from '../settings/local-time.ts';
import type { Settings } from '../settings/settings.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';

/** A call whose priority may still be a name, which the broker gives a number. */
export type UnrankedCall = Omit<TaskCall, 'priority'> & {
  readonly priority?: Priority | null | undefined;
};

export interface TaskCallsHost {
  readonly conf: Settings;
  readonly localTime: LocalTime;
  clock(): Clock;
  warn(message: string): void;
}

/** What a declaration says about messages. It counts like options of the call, before a route. */
const DECLARED_OPTIONS = [
  'queue',
  'exchange',
  'routingKey',
  'priority',
  'deliveryMode',
  'mandatory',
  'serializer',
  'compression',
  'expires',
  'timeLimit',
  'softTimeLimit',
] as const satisfies readonly (keyof TaskOptions)[];

/** What holds for every call of a task until a setting changes: kept, as there are many calls. */
interface Defaults {
  readonly revision: number;
  readonly declared: ApplyOptions | undefined;
  readonly ignoreResult: boolean | undefined;
  readonly priority: Priority | null;
  readonly serializer: string;
  readonly compression: string | null;
  readonly deliveryMode: 1 | 2;
  readonly protocol: 1 | 2;
}

const UNKNOWN_TASK = {};

export class TaskCalls {
  readonly #host: TaskCallsHost;
  readonly #replyTo: string;
  readonly #defaults = new WeakMap<object, Defaults>();

  constructor(host: TaskCallsHost, replyTo: string) {
    this.#host = host;
    this.#replyTo = replyTo;
  }

  /** Options of the call that the task's declaration gives; undefined when there are none. */
  declared(definition: TaskDefinition | undefined): ApplyOptions | undefined {
    return definition && this.#defaultsOf(definition).declared;
  }

  /**
   * The call that a user's options make.
   *
   * @param options those of the call with all that lies under them: declaration and route
   * @throws RangeError for a soft limit above the hard one and for a moment that is none,
   *   ImproperlyConfigured
   */
  ofOptions(
    { task, args, definition, argsAsTuple, part }: Call,
    options: ApplyOptions,
  ): UnrankedCall {
    const parent = currentTask()?.request;
    const kwargs = options.kwargs ?? {};
    checkLimits(options);
    const general = this.#general(options, definition);
    // written out: with a spread V8 makes a table of each call, which is three times slower
    return {
      now: general.now,
      utc: general.utc,
      timeLimit: general.timeLimit,
      softTimeLimit: general.softTimeLimit,
      ignoreResult: general.ignoreResult,
      priority: general.priority,
      deliveryMode: general.deliveryMode,
      serializer: general.serializer,
      compression: general.compression,
      protocol: general.protocol,
      task,
      id: options.taskId ?? randomUUID(),
      args,
      kwargs,
      argsAsTuple,
      shadow: options.shadow ?? definition?.options.shadowName?.(args, kwargs),
      callbacks: signatures(options.link),
      errbacks: signatures(options.linkError),
      eta: this.#eta(options),
      expires: this.#expires(options.expires),
      rootId: options.rootId ?? parent?.rootId ?? parent?.id,
      parentId: options.parentId ?? parent?.id,
      headers: options.headers,
      group: part?.groupId,
      groupIndex: part?.groupIndex,
      chain: part?.chain,
      chord: part?.chord,
      stampedHeaders: part?.stampedHeaders,
      stamps: part?.stamps,
      replyTo: options.replyTo ?? this.#replyTo,
      properties: options.properties,
      argsrepr: options.argsrepr,
      kwargsrepr: options.kwargsrepr,
    };
  }

  /**
   * A call that stands already, as a retry or a step of a workflow does, with what it leaves open
   * taken from `options` (declaration and route), and from the settings.
   */
  complete(call: TaskCall, options: ApplyOptions, definition?: TaskDefinition): UnrankedCall {
    const isRetry = (call.retries ?? 0) > 0;
    const expires = this.#written(call.expires);
    const completed: Record<string, unknown> = {
      ...call,
      replyTo: call.replyTo || this.#replyTo,
      shadow: call.shadow ?? definition?.options.shadowName?.(call.args, call.kwargs),
      eta: this.#written(call.eta),
      expires: expires ?? (isRetry ? null : this.#expires(options.expires)),
    };
    for (const [field, value] of Object.entries(this.#general(options, definition))) {
      completed[field] ??= value;
    }
    return completed as unknown as UnrankedCall;
  }

  inheritedPriority(): number | undefined {
    if (!this.#host.conf.get('task_inherit_parent_priority')) return undefined;
    return currentTask()?.request.deliveryInfo.priority ?? undefined;
  }

  #general(options: ApplyOptions, definition: TaskDefinition | undefined) {
    const defaults = this.#defaultsOf(definition);
    const { timeLimit, softTimeLimit, deliveryMode } = options;
    return {
      now: this.#host.clock().now(),
      utc: this.#host.conf.enable_utc,
      timeLimit,
      softTimeLimit,
      ignoreResult: options.ignoreResult ?? defaults.ignoreResult,
      priority: options.priority ?? defaults.priority ?? this.inheritedPriority(),
      deliveryMode:
        deliveryMode == null ? defaults.deliveryMode : DELIVERY_MODES.get(deliveryMode)!,
      serializer: options.serializer ?? defaults.serializer,
      compression: options.compression ?? defaults.compression,
      protocol: defaults.protocol,
    };
  }

  #defaultsOf(definition: TaskDefinition | undefined): Defaults {
    const key = definition ?? UNKNOWN_TASK;
    const known = this.#defaults.get(key);
    if (known?.revision === this.#host.conf.revision) return known;
    const defaults = this.#makeDefaults(definition);
    this.#defaults.set(key, defaults);
    return defaults;
  }

  #makeDefaults(definition: TaskDefinition | undefined): Defaults {
    const { conf } = this.#host;
    const resolved = definition?.resolved;
    return {
      revision: conf.revision,
      declared: definition && declaredOptions(definition.options),
      ignoreResult: resolved?.ignoreResult,
      priority: resolved?.priority ?? null,
      serializer: resolved?.serializer ?? conf.get('task_serializer'),
      compression: resolved?.compression ?? conf.get('task_compression'),
      deliveryMode: conf.get('task_default_delivery_mode'),
      protocol: protocol(conf.get('task_protocol')),
    };
  }

  #eta({ eta, countdown }: ApplyOptions): number | string | undefined {
    const { zone } = this.#host.localTime;
    if (eta !== undefined && eta !== null) {
      return this.#written(keptText(eta, momentOf(eta, 'eta', zone), zone));
    }
    if (countdown === undefined || countdown === null) return undefined;
    const due = momentAfter(countdown, 'countdown', this.#host.clock().now());
    return countdown > 0 ? this.#written(due) : undefined;
  }

  #expires(expires: ApplyOptions['expires']): number | string | undefined {
    if (expires === undefined || expires === null) return undefined;
    const { zone } = this.#host.localTime;
    const now = this.#host.clock().now();
    const moment = deadlineOf(expires, 'expires', now, zone);
    if (moment < now) this.#host.warn('The expiration of a message lies in the past.');
    return this.#written(keptText(expires, moment, zone));
  }

  /** Moments are written as clocks of the app's time zone show them, as in Celery. */
  #written<T extends number | string | null | undefined>(moment: T): T | string {
    if (typeof moment !== 'number') return moment;
    const { zone } = this.#host.localTime;
    return zone === undefined ? moment : toIso(moment, zone);
  }
}

function declaredOptions(options: TaskOptions): ApplyOptions | undefined {
  const said = DECLARED_OPTIONS.filter(option => options[option] != null);
  if (said.length === 0) return undefined;
  return Object.fromEntries(said.map(option => [option, options[option]]));
}

function checkLimits({ timeLimit, softTimeLimit }: ApplyOptions): void {
  if (!timeLimit || !softTimeLimit || softTimeLimit <= timeLimit) return;
  throw new RangeError(
    `soft_time_limit must be less than or equal to time_limit, got ${softTimeLimit} and ${timeLimit}`,
  );
}

const EMPTY_CALL = { args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };

function signatures(
  given: LinkedCall | readonly LinkedCall[] | undefined,
): readonly SignatureData[] | null {
  if (given === undefined) return null;
  const calls = (Array.isArray(given) ? given : [given]) as readonly LinkedCall[];
  return calls.map(({ task, ...call }) => ({ task, ...EMPTY_CALL, ...call }));
}

function protocol(setting: number): 1 | 2 {
  if (setting === 1 || setting === 2) return setting;
  throw new ImproperlyConfigured(`task_protocol must be 1 or 2, got ${setting}`);
}
