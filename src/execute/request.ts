import type { Message } from '../wire/message.ts';
import { customHeaders, type TaskBody, type TaskHeaders } from '../wire/task-message.ts';

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
  /** True when the function was called as a function, without a message. */
  readonly calledDirectly: boolean;
  /** True when the call ran where it was made (`apply`, `task_always_eager`). */
  readonly isEager: boolean;
  /** Result tuples of the tasks published by this one so far. */
  readonly children: unknown[];
}

export interface RequestSource {
  readonly message: Message;
  readonly headers: TaskHeaders;
  readonly body: TaskBody;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly hostname: string;
  readonly ignoreResult: boolean;
  readonly isEager?: boolean | undefined;
}

export function requestFromMessage(source: RequestSource): TaskRequest {
  const { headers, body, message } = source;
  const priority = message.properties.priority;
  return {
    id: headers.id,
    task: headers.task,
    args: body.args,
    kwargs: body.kwargs,
    rootId: headers.rootId,
    parentId: headers.parentId,
    group: headers.group,
    groupIndex: headers.groupIndex,
    retries: headers.retries,
    eta: headers.eta,
    expires: headers.expires,
    timelimit: headers.timelimit,
    ignoreResult: source.ignoreResult,
    shadow: headers.shadow,
    origin: headers.origin,
    hostname: source.hostname,
    deliveryInfo: {
      exchange: source.exchange,
      routing_key: source.routingKey,
      priority: typeof priority === 'number' ? priority : null,
      redelivered: source.redelivered,
    },
    replyTo: headers.replyTo,
    correlationId: headers.correlationId,
    headers: customHeaders(message.headers),
    calledDirectly: false,
    isEager: source.isEager ?? false,
    children: [],
  };
}

/** The request of a task that is called like a function. */
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
    calledDirectly: true,
    isEager: false,
    children: [],
  };
}
