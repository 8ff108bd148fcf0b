import type { Message } from '../wire/messages/message.ts';
import { customHeaders, type TaskBody, type TaskHeaders } from '../wire/messages/task-message.ts';

/** Where and how the message of a request came. */
export interface DeliveryInfo {
  readonly exchange: string;
  readonly routing_key: string;
  readonly priority: number | null;
  readonly redelivered: boolean;
}

/**
 * What a running task can know about the call that started it (Celery: `task.request`).
 * Names are camelCase because this is code; values are what the message said.
 */
export interface TaskRequest {
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly rootId: string | null;
  readonly parentId: string | null;
  readonly group: string | null;
  readonly groupIndex: number | null;
  readonly retries: number;
  /** Seconds since the epoch. */
  readonly eta: number | null;
  /** Seconds since the epoch. */
  readonly expires: number | null;
  /** `[hard, soft]` in seconds. */
  readonly timelimit: readonly [number | null, number | null];
  readonly ignoreResult: boolean;
  readonly shadow: string | null;
  readonly origin: string | null;
  /** Node name of the worker that runs the task; null when called directly. */
  readonly hostname: string | null;
  readonly deliveryInfo: DeliveryInfo;
  readonly replyTo: string | null;
  readonly correlationId: string | null;
  /** Headers that the caller added; never null. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Signatures, as they came, of what is sent with the result; null when there are none. */
  readonly callbacks: readonly unknown[] | null;
  /** The same for when the task fails. */
  readonly errbacks: readonly unknown[] | null;
  /** Remaining steps of a chain, the next one last, as on the wire; null outside chains. */
  readonly chain: readonly unknown[] | null;
  /** The body of the chord that waits for it, a signature as it came; null outside of chords. */
  readonly chord: unknown;
  /** Names of the headers that the caller stamped on it; null when there are none. */
  readonly stampedHeaders: readonly string[] | null;
  /** The values of those. */
  readonly stamps: Readonly<Record<string, unknown>>;
  /** True when the function was called as a function, without a message. */
  readonly calledDirectly: boolean;
  /** True when the call ran where it was made (`apply`, `task_always_eager`). */
  readonly isEager: boolean;
  /** Result tuples of the tasks published by this one so far. */
  readonly children: unknown[];
}

export interface RequestOrigin {
  readonly message: Message;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly isEager?: boolean | undefined;
}

/** A class and not a literal: one is made for every task, and most of it is never looked at. */
class MessageRequest implements TaskRequest {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly hostname: string;
  readonly ignoreResult: boolean;
  readonly children: unknown[] = [];
  readonly calledDirectly = false;
  readonly #headers: TaskHeaders;
  readonly #origin: RequestOrigin;
  readonly #body: TaskBody;

  constructor(
    origin: RequestOrigin,
    headers: TaskHeaders,
    body: TaskBody,
    node: { readonly hostname: string; readonly ignoreResult: boolean },
  ) {
    this.args = body.args;
    this.kwargs = body.kwargs;
    this.hostname = node.hostname;
    this.ignoreResult = node.ignoreResult;
    this.#headers = headers;
    this.#origin = origin;
    this.#body = body;
  }

  get id(): string {
    return this.#headers.id;
  }

  get task(): string {
    return this.#headers.task;
  }

  get rootId(): string {
    return this.#headers.rootId;
  }

  get parentId(): string | null {
    return this.#headers.parentId;
  }

  get stampedHeaders(): readonly string[] | null {
    return this.#headers.stampedHeaders;
  }

  get stamps(): Readonly<Record<string, unknown>> {
    return this.#headers.stamps;
  }

  get group(): string | null {
    return this.#headers.group;
  }

  get groupIndex(): number | null {
    return this.#headers.groupIndex;
  }

  get retries(): number {
    return this.#headers.retries;
  }

  get eta(): number | null {
    return this.#headers.eta;
  }

  get expires(): number | null {
    return this.#headers.expires;
  }

  get timelimit(): readonly [number | null, number | null] {
    return this.#headers.timelimit;
  }

  get shadow(): string | null {
    return this.#headers.shadow;
  }

  get origin(): string {
    return this.#headers.origin;
  }

  get replyTo(): string {
    return this.#headers.replyTo;
  }

  get correlationId(): string {
    return this.#headers.correlationId;
  }

  get callbacks(): readonly unknown[] | null {
    return this.#body.callbacks;
  }

  get errbacks(): readonly unknown[] | null {
    return this.#body.errbacks;
  }

  get chain(): readonly unknown[] | null {
    return this.#body.chain;
  }

  get chord(): unknown {
    return this.#body.chord ?? null;
  }

  get isEager(): boolean {
    return this.#origin.isEager ?? false;
  }

  get headers(): Readonly<Record<string, unknown>> {
    return customHeaders(this.#origin.message.headers);
  }

  get deliveryInfo(): DeliveryInfo {
    const { message, exchange, routingKey, redelivered } = this.#origin;
    const { priority } = message.properties;
    return {
      exchange,
      routing_key: routingKey,
      priority: typeof priority === 'number' ? priority : null,
      redelivered,
    };
  }

  /** Getters are no properties: without this a request would look empty in logs and results. */
  toJSON(): Record<string, unknown> {
    const shown = ['id', 'task', 'args', 'kwargs', 'retries', 'hostname', 'rootId', 'parentId'];
    const more = ['eta', 'expires', 'timelimit', 'headers', 'deliveryInfo'];
    return Object.fromEntries([...shown, ...more].map(key => [key, this[key as keyof this]]));
  }
}

export function requestFromMessage(
  origin: RequestOrigin,
  headers: TaskHeaders,
  body: TaskBody,
  node: { readonly hostname: string; readonly ignoreResult: boolean },
): TaskRequest {
  return new MessageRequest(origin, headers, body, node);
}

export function directRequest(
  task: string,
  id: string,
  args: readonly unknown[],
  parent: TaskRequest | undefined,
): TaskRequest {
  return {
    id,
    task,
    args,
    kwargs: {},
    rootId: parent?.rootId ?? parent?.id ?? id,
    parentId: parent?.id ?? null,
    group: null,
    groupIndex: null,
    retries: 0,
    eta: null,
    expires: null,
    timelimit: [null, null],
    ignoreResult: true,
    shadow: null,
    origin: null,
    hostname: null,
    deliveryInfo: { exchange: '', routing_key: '', priority: null, redelivered: false },
    replyTo: null,
    correlationId: null,
    headers: {},
    callbacks: null,
    errbacks: null,
    chain: null,
    chord: null,
    stampedHeaders: null,
    stamps: {},
    calledDirectly: true,
    isEager: false,
    children: [],
  };
}
