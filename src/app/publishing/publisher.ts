/** Where calls leave the app: each gets its route, becomes complete and is sent. */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { v5 as uuid5 } from 'uuid';
import type { Closing } from '../../base/closing.ts';
import { isMap } from '../../base/kind-of.ts';
import type { SignatureRoute } from '../../canvas/signature.ts';
import { currentTask } from '../../execute/task-context.ts';
import type { Tracing } from '../../tracing/contract.ts';
import { openTracing } from '../../tracing/open.ts';
import type { TaskCall } from '../../wire/messages/task-message.ts';
import type { ApplyOptions } from '../options/task-options.ts';
import type { Queues } from '../routing/queues.ts';
import { mergeOptions, type Route, Router } from '../routing/router.ts';
import { loadRouters } from '../routing/router-modules.ts';
import type { Call } from '../tasks/call.ts';
import type { TaskDefinition } from '../tasks/definition.ts';
import { checkNamedSettings } from './named-settings.ts';
import { Sender, type SenderHost } from './sender.ts';
import { TaskCalls, type TaskCallsHost, type UnrankedCall } from './task-calls.ts';

export interface PublisherHost extends SenderHost, TaskCallsHost {
  readonly main: string;
  readonly queues: () => Queues;
  /** For those who wait, and would for ever otherwise: hears of the app's next `close`. */
  closing(): Closing;
}

export interface Published {
  readonly id: string;
  readonly ignoreResult: boolean;
}

/** Namespace of the ids that reply queues are named after (an arbitrary, fixed UUID). */
const OID_NAMESPACE = '7d3f0c52-6f0a-4c2b-9a53-1b7f3a6f2a10';

export class Publisher {
  readonly #host: PublisherHost;
  /** Names the queue of replies of this app in this process. Celery: `app.oid`. */
  readonly oid: string;
  readonly #calls: TaskCalls;
  readonly #sender: Sender;
  #router: Router | undefined;
  #routerRevision = -1;
  #tracing: Tracing | undefined;
  #tracingRevision = -1;

  constructor(host: PublisherHost) {
    this.#host = host;
    const instance = `${hostname()}.${process.pid}.${host.main}.${randomUUID()}`;
    this.oid = uuid5(instance, OID_NAMESPACE);
    this.#calls = new TaskCalls(host, this.oid);
    this.#sender = new Sender(host, this.oid);
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
   * @throws TypeError, RangeError, EncodeError for what cannot be sent, QueueNotFound,
   *   OperationalError when the broker cannot be reached, ConnectionClosed when the app is closed
   *   meanwhile
   */
  async publish(call: Call): Promise<Published> {
    const closing = this.#host.closing();
    const router = this.#currentRouter ?? (await this.#makeRouter());
    const route = this.#route(router, call);
    const sent = this.#calls.ofOptions(call, route.options);
    await this.#sender.send(sent, route, closing);
    if (call.options.addToParent !== false) {
      currentTask()?.request.children.push([[sent.id, null], null]);
    }
    return { id: sent.id, ignoreResult: sent.ignoreResult ?? false };
  }

  /**
   * Publish a call that stands already, as a retry or a step of a workflow does: it keeps its id.
   */
  async publishCall(
    call: TaskCall,
    address: SignatureRoute,
    definition: TaskDefinition | undefined,
  ): Promise<void> {
    const closing = this.#host.closing();
    const router = this.#currentRouter ?? (await this.#makeRouter());
    const { task, args, kwargs } = call;
    const route = this.#route(router, { task, args, options: { ...address, kwargs }, definition });
    const completed = this.#calls.complete(call, route.options, definition);
    await this.#sender.send(completed, route, closing);
  }

  /**
   * By the settings as they are now; undefined when it is off.
   *
   * @throws ImproperlyConfigured without the package that it needs
   */
  tracing(): Tracing | undefined {
    const { conf, warn } = this.#host;
    if (this.#tracingRevision === conf.revision) return this.#tracing;
    const { revision } = conf;
    const broker = conf.get('broker_write_url');
    this.#tracing = conf.get('task_tracing') ? openTracing({ broker, warn }) : undefined;
    this.#tracingRevision = revision;
    return this.#tracing;
  }

  /** The call as it would be sent, without a route: for a run in this process. */
  unsent(call: Call): UnrankedCall {
    const declared = this.#calls.declared(call.definition);
    return this.#calls.ofOptions(
      call,
      declared ? mergeOptions({ ...call.options }, { ...declared }) : call.options,
    );
  }

  /** Undefined before the first call and when a setting has changed, which may change routes. */
  get #currentRouter(): Router | undefined {
    return this.#routerRevision === this.#host.conf.revision ? this.#router : undefined;
  }

  async #makeRouter(): Promise<Router> {
    const { conf } = this.#host;
    const { revision } = conf;
    checkNamedSettings(conf);
    const routes = await loadRouters(conf.get('task_routes'));
    const router = new Router(this.#host.queues(), conf.get('task_default_queue'), routes);
    this.#sender.tracing = this.tracing();
    this.#sender.mostBytes = conf.get('task_message_max_size');
    this.#router = router;
    this.#routerRevision = revision;
    return router;
  }

  /** A route may say more than where to: `{queue: 'slow', priority: 9}`. */
  #route(router: Router, { task, args, options, definition }: Omit<Call, 'argsAsTuple'>): Route {
    // what is inherited comes before a route, but after the task's own priority
    const isOpen = options.priority == null && definition?.resolved.priority == null;
    const priority = isOpen ? this.#calls.inheritedPriority() : undefined;
    const given: ApplyOptions = priority === undefined ? options : { ...options, priority };
    const defaults = this.#calls.declared(definition);
    const name = routedAs(task, options.kwargs);
    return router.route({ name, args, options: given, task: definition, defaults });
  }
}

const OF_ANOTHER: ReadonlySet<string> = new Set(['celery.map', 'celery.starmap']);

/** A task that only calls another one goes where that one goes, as in Celery. */
function routedAs(task: string, kwargs: ApplyOptions['kwargs']): string {
  if (!OF_ANOTHER.has(task) || !isMap(kwargs?.task)) return task;
  const { task: name } = kwargs.task;
  return typeof name === 'string' ? name : task;
}
