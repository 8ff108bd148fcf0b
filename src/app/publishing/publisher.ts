/**
 * Turns calls into messages and sends them: options, route, ids, retry policy.
 */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { v5 as uuid5 } from 'uuid';
import { arm } from '../../backends/bounded.ts';
import type { Closing } from '../../base/closing.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { type RetryPolicy, sleep, withRetries } from '../../base/time/backoff.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { SignatureData, SignatureRoute } from '../../canvas/signature.ts';
import { currentTask } from '../../execute/task-context.ts';
import type { Transport } from '../../messaging/contract.ts';
import type { Queue } from '../../messaging/entities.ts';
import { toIso } from '../../wire/dates.ts';
import { buildTaskMessage, type TaskCall } from '../../wire/messages/task-message.ts';
import { deadlineOf, keptText, momentAfter, momentOf } from '../../wire/moments.ts';
import { type Priority, priorityNumber } from '../options/priority-names.ts';
import type {
  ApplyOptions,
  DeliveryMode,
  LinkedCall,
  TaskOptions,
} from '../options/task-options.ts';
import type { Queues } from '../routing/queues.ts';
import { type Route, Router } from '../routing/router.ts';
import { loadRouters } from '../routing/router-modules.ts';
import type { LocalTime } from '../settings/local-time.ts';
import type { Settings } from '../settings/settings.ts';
import type { PublishEvent, Signals } from '../signals/signals.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { checkNamedSettings } from './named-settings.ts';
import { NativeDelays } from './native-delays.ts';

export interface PublisherHost {
  readonly conf: Settings;
  readonly main: string;
  readonly queues: () => Queues;
  transport(): Promise<Transport>;
  /** Be ready for the result of a task; undefined when nothing has to be waited for. */
  expectReply(): Promise<unknown> | undefined;
  /** For those who wait: hears of the app's next `close`. */
  closing(): Closing;
  readonly signals: Signals;
  clock(): Clock;
  readonly localTime: LocalTime;
  warn(message: string): void;
}

/** What was sent. */
export interface Published {
  readonly id: string;
  readonly ignoreResult: boolean;
}

/** A call whose priority may still be a name, which the broker gives a number. */
export type UnrankedCall = Omit<TaskCall, 'priority'> & {
  readonly priority?: Priority | null | undefined;
};

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

type SendOptions = Pick<ApplyOptions, 'retry' | 'retryPolicy' | 'mandatory' | 'signal'>;

/** Namespace of the ids that reply queues are named after (an arbitrary, fixed UUID). */
const OID_NAMESPACE = '7d3f0c52-6f0a-4c2b-9a53-1b7f3a6f2a10';

export class Publisher {
  readonly #host: PublisherHost;
  /** Names the queue of replies of this app in this process. Celery: `app.oid`. */
  readonly oid: string;
  readonly #delays: NativeDelays;
  #router: Router | undefined;
  #routerRevision = -1;
  readonly #declared = new WeakMap<TaskDefinition, Readonly<Record<string, unknown>>>();

  constructor(host: PublisherHost) {
    this.#host = host;
    this.#delays = new NativeDelays(host);
    const instance = `${hostname()}.${process.pid}.${host.main}.${randomUUID()}`;
    this.oid = uuid5(instance, OID_NAMESPACE);
  }

  /**
   * Find everything that the settings name: serializers, compressions, routers and their queues.
   * The first call does it by itself.
   *
   * @throws ImproperlyConfigured naming the setting
   */
  async prepare(): Promise<void> {
    if (!this.#currentRouter) await this.#makeRouter();
  }

  /**
   * Publish a call of a task by name.
   *
   * @param definition the task when it is known here: its options are defaults of the call
   * @throws TypeError, RangeError, EncodeError for what cannot be sent, QueueNotFound,
   *   OperationalError when the broker cannot be reached, ConnectionClosed when the app is closed
   *   meanwhile
   */
  async publish(
    name: string,
    args: readonly unknown[],
    options: ApplyOptions,
    definition?: TaskDefinition,
    argsAsTuple = false,
  ): Promise<Published> {
    const closing = this.#host.closing();
    const router = this.#currentRouter ?? (await this.#makeRouter());
    const route = this.#route(router, name, args, options, definition);
    // a route may say more than where to: `{queue: 'slow', priority: 9}`
    const routed = { ...(route.options as ApplyOptions), kwargs: options.kwargs ?? {} };
    const sent = this.call(name, args, routed, definition, argsAsTuple);
    await this.#send(sent, route, routed, closing);
    if (options.addToParent !== false) {
      currentTask()?.request.children.push([[sent.id, null], null]);
    }
    return { id: sent.id, ignoreResult: sent.ignoreResult ?? false };
  }

  /** Publish a call that is complete, as a retry or a step of a workflow is. */
  async publishCall(
    call: TaskCall,
    route: SignatureRoute,
    definition?: TaskDefinition,
  ): Promise<void> {
    const closing = this.#host.closing();
    const router = this.#currentRouter ?? (await this.#makeRouter());
    const given = { ...route, kwargs: call.kwargs };
    const routed = this.#route(router, call.task, call.args, given, definition);
    const { priority, mandatory = false } = routed.options as ApplyOptions;
    await this.#send(this.#complete(call, priority, definition), routed, { mandatory }, closing);
  }

  /** What the call leaves open, from the task's declaration and the settings. */
  #complete(
    call: TaskCall,
    priority: Priority | undefined,
    definition?: TaskDefinition,
  ): UnrankedCall {
    const { conf } = this.#host;
    const declared = definition?.options;
    const now = this.#host.clock().now();
    const isRetry = (call.retries ?? 0) > 0;
    return {
      ...call,
      now,
      utc: conf.enable_utc,
      replyTo: call.replyTo || this.oid,
      shadow: call.shadow ?? declared?.shadowName?.(call.args, call.kwargs),
      eta: this.#written(call.eta),
      expires: this.#written(call.expires) ?? (isRetry ? null : this.#expires(declared?.expires)),
      timeLimit: call.timeLimit ?? declared?.timeLimit,
      softTimeLimit: call.softTimeLimit ?? declared?.softTimeLimit,
      ignoreResult: call.ignoreResult ?? definition?.resolved.ignoreResult,
      priority:
        call.priority ?? priority ?? definition?.resolved.priority ?? this.#inheritedPriority(),
      serializer: call.serializer ?? definition?.resolved.serializer ?? conf.get('task_serializer'),
      compression:
        call.compression ?? definition?.resolved.compression ?? conf.get('task_compression'),
      deliveryMode:
        call.deliveryMode ??
        deliveryMode(declared?.deliveryMode ?? conf.get('task_default_delivery_mode')),
      protocol: call.protocol ?? protocol(conf.get('task_protocol')),
    };
  }

  /** The call that options and the task's declaration make. */
  call(
    name: string,
    args: readonly unknown[],
    given: ApplyOptions,
    definition?: TaskDefinition,
    argsAsTuple = false,
  ): UnrankedCall {
    const options = withTaskOptions(given, definition);
    const { conf } = this.#host;
    const parent = currentTask()?.request;
    const { timeLimit, softTimeLimit } = options;
    if (timeLimit && softTimeLimit && softTimeLimit > timeLimit) {
      throw new RangeError(
        `soft_time_limit must be less than or equal to time_limit, got ${softTimeLimit} and ${timeLimit}`,
      );
    }
    return {
      task: name,
      id: options.taskId ?? randomUUID(),
      args,
      kwargs: options.kwargs ?? {},
      argsAsTuple,
      shadow: options.shadow ?? definition?.options.shadowName?.(args, options.kwargs ?? {}),
      callbacks: signatures(options.link),
      errbacks: signatures(options.linkError),
      eta: this.#eta(options),
      expires: this.#expires(options.expires),
      now: this.#host.clock().now(),
      utc: conf.enable_utc,
      timeLimit,
      softTimeLimit,
      rootId: options.rootId ?? parent?.rootId ?? parent?.id,
      parentId: options.parentId ?? parent?.id,
      ignoreResult: options.ignoreResult,
      headers: options.headers,
      replyTo: options.replyTo ?? this.oid,
      priority: options.priority ?? this.#inheritedPriority(),
      deliveryMode: deliveryMode(options.deliveryMode ?? conf.get('task_default_delivery_mode')),
      serializer: options.serializer ?? conf.get('task_serializer'),
      compression: options.compression ?? conf.get('task_compression'),
      properties: options.properties,
      argsrepr: options.argsrepr,
      kwargsrepr: options.kwargsrepr,
      protocol: protocol(conf.get('task_protocol')),
    };
  }

  #inheritedPriority(): number | undefined {
    if (!this.#host.conf.get('task_inherit_parent_priority')) return undefined;
    return currentTask()?.request.deliveryInfo.priority ?? undefined;
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

  /** Moments are written as clocks of the app's time zone show them. */
  #written<T extends number | string | null | undefined>(moment: T): T | string {
    if (typeof moment !== 'number') return moment;
    const { zone } = this.#host.localTime;
    return zone === undefined ? moment : toIso(moment, zone);
  }

  /** Undefined before the first call and when a setting has changed. */
  get #currentRouter(): Router | undefined {
    return this.#routerRevision === this.#host.conf.revision ? this.#router : undefined;
  }

  async #makeRouter(): Promise<Router> {
    const { conf } = this.#host;
    const { revision } = conf;
    checkNamedSettings(conf);
    const routes = await loadRouters(conf.get('task_routes'));
    const router = new Router(this.#host.queues(), conf.get('task_default_queue'), routes);
    this.#router = router;
    this.#routerRevision = revision;
    return router;
  }

  #route(
    router: Router,
    name: string,
    args: readonly unknown[],
    options: ApplyOptions,
    definition?: TaskDefinition,
  ): Route {
    const { kwargs = {}, ...given } = options;
    // what is inherited comes before a route, but after the task's own priority
    const isOpen = options.priority == null && definition?.resolved.priority == null;
    const inherited = isOpen ? this.#inheritedPriority() : undefined;
    const defaults = definition && this.#declaredOptions(definition);
    return router.route({
      name,
      args,
      kwargs,
      options: inherited === undefined ? given : { ...given, priority: inherited },
      task: definition,
      ...(defaults && { defaults }),
    });
  }

  #declaredOptions(definition: TaskDefinition): Readonly<Record<string, unknown>> | undefined {
    let declared = this.#declared.get(definition);
    if (declared === undefined) {
      const { options } = definition;
      const said = DECLARED_OPTIONS.filter(option => options[option] != null);
      declared = Object.fromEntries(said.map(option => [option, options[option]]));
      this.#declared.set(definition, declared);
    }
    return Object.keys(declared).length > 0 ? declared : undefined;
  }

  /** The number of a priority's name with this broker and queue. */
  async #ranked(call: UnrankedCall, queue: Queue | undefined): Promise<TaskCall> {
    const { priority } = call;
    if (typeof priority !== 'string') return call as TaskCall;
    const { servesLargestPriorityFirst = false } = await this.#host.transport();
    return { ...call, priority: priorityNumber(priority, servesLargestPriorityFirst, queue) };
  }

  async #send(
    unranked: UnrankedCall,
    route: Route,
    options: SendOptions,
    closing: Closing,
  ): Promise<void> {
    const { queue, exchange, routingKey } = route;
    const isNamed = typeof unranked.priority === 'string';
    const call = isNamed ? await this.#ranked(unranked, queue) : (unranked as TaskCall);
    const message = buildTaskMessage(call);
    const { eta } = call;
    const { mandatory = false } = options;
    const atOnce = mandatory ? { mandatory } : undefined;
    const isAnswered = call.replyTo === this.oid && !call.ignoreResult;
    const attempt = async () => {
      // it would open the app again
      closing.throwIfClosed();
      options.signal?.throwIfAborted();
      const transport = await this.#host.transport();
      if (queue) await transport.declare(queue);
      closing.throwIfClosed();
      // the queue has to be there before the first result is sent to it
      const listening = isAnswered ? this.#host.expectReply() : undefined;
      if (listening) await listening;
      const delay = eta == null ? undefined : await this.#delays.delay(transport, route, eta);
      options.signal?.throwIfAborted();
      const how = delay === undefined ? atOnce : { mandatory, delay };
      await transport.publish(message, { exchange, routingKey }, how);
    };
    const { signals } = this.#host;
    const event: PublishEvent = {
      task: call.task,
      id: call.id,
      headers: message.headers,
      properties: message.properties,
      exchange: exchange.name,
      routingKey,
      queue: queue?.name,
      message,
    };
    await signals.beforeTaskPublish.send(call.task, event);
    try {
      await attempt();
    } catch (error) {
      await this.#tryAgain(error, attempt, options, closing);
    }
    await signals.afterTaskPublish.send(call.task, event);
  }

  /** @param error what the first attempt failed with; thrown when there are no others */
  async #tryAgain(
    error: unknown,
    attempt: () => Promise<void>,
    options: SendOptions,
    closing: Closing,
  ): Promise<void> {
    const { conf } = this.#host;
    if (!(options.retry ?? conf.get('task_publish_retry'))) throw error;
    let attempts = 0;
    const next = async () => {
      attempts += 1;
      if (attempts === 1) throw error;
      await attempt();
    };
    await withRetries(next, this.#retryPolicy(options.retryPolicy), {
      isRetryable: failure => (failure as { recoverable?: boolean }).recoverable === true,
      pause: seconds => pauseUnless(seconds, options.signal, closing),
    });
  }

  #retryPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
    const policy = this.#host.conf.get('task_publish_retry_policy') as Record<
      string,
      number | null
    >;
    return {
      maxRetries: policy.max_retries === undefined ? 3 : policy.max_retries,
      intervalStart: policy.interval_start ?? 0,
      intervalStep: policy.interval_step ?? 0.2,
      intervalMax: policy.interval_max ?? 1,
      ...given,
    };
  }
}

/** Rejects at once when the app is closed or the caller gives up. */
async function pauseUnless(
  seconds: number,
  signal: AbortSignal | undefined,
  closing: Closing,
): Promise<void> {
  const givenUp = new AbortController();
  const disarm = arm({ signal, closing }, reason => givenUp.abort(reason));
  try {
    signal?.throwIfAborted();
    closing.throwIfClosed();
    await sleep(seconds, undefined, givenUp.signal);
  } finally {
    disarm();
  }
}

/** Options of the declaration are defaults of the call. */
function withTaskOptions(options: ApplyOptions, definition?: TaskDefinition): ApplyOptions {
  if (!definition) return options;
  const { options: declared, resolved } = definition;
  const merged: Record<string, unknown> = {
    ...declared,
    ignoreResult: resolved.ignoreResult,
    serializer: resolved.serializer,
    compression: resolved.compression ?? undefined,
    priority: resolved.priority ?? undefined,
  };
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined) merged[key] = value;
  }
  return merged as ApplyOptions;
}

const EMPTY_CALL = { args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };

function signatures(
  given: LinkedCall | readonly LinkedCall[] | undefined,
): readonly SignatureData[] | null {
  if (given === undefined) return null;
  const calls = (Array.isArray(given) ? given : [given]) as readonly LinkedCall[];
  return calls.map(({ task, ...call }) => ({ task, ...EMPTY_CALL, ...call }));
}

/** @throws TypeError for anything but a delivery mode */
function deliveryMode(given: DeliveryMode): 1 | 2 {
  if (given === 1 || given === 'transient') return 1;
  if (given === 2 || given === 'persistent') return 2;
  throw new TypeError(
    `deliveryMode must be 1, 2, 'transient' or 'persistent', got ${JSON.stringify(given)}.${didYouMean(String(given), ['transient', 'persistent'])}`,
  );
}

function protocol(setting: number): 1 | 2 {
  if (setting === 1 || setting === 2) return setting;
  throw new ImproperlyConfigured(`task_protocol must be 1 or 2, got ${setting}`);
}
