/**
 * A call of a task as data: the dictionary that Celery puts on the wire for callbacks,
 * errbacks and the rest of a chain.
 */
import { isMap } from '../base/kind-of.ts';
import { InvalidTaskError } from '../wire/errors.ts';
import type { TaskCall } from '../wire/messages/task-message.ts';
import { PyDateTime } from '../wire/serializers/typed-value.ts';
import { stampHeaders } from './stamps.ts';

export interface SignatureData {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly subtask_type: string | null;
  readonly immutable: boolean;
}

/** Who publishes the signature, and when. */
export interface Applied {
  /** Ids that are handed down. */
  readonly rootId: string;
  readonly parentId: string;
  newId(): string;
  /** Seconds since the epoch, to turn a countdown into a moment. */
  readonly now: number;
}

/** Where the signature itself says it wants to go; undefined parts are for the router. */
export interface SignatureRoute {
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
}

/**
 * Reads one signature of one plain task.
 *
 * @throws InvalidTaskError when it is something else: a group or a chord inside a chain
 *   or callback needs a canvas, and losing it silently would lose work
 */
export function readSignature(data: unknown): SignatureData {
  if (!isMap(data) || typeof data.task !== 'string') {
    throw new InvalidTaskError(`Not a signature: ${JSON.stringify(data)?.slice(0, 200)}`);
  }
  const type = data.subtask_type ?? null;
  const nested = isMap(data.options) ? data.options.chord : undefined;
  if (type !== null || nested) {
    throw new InvalidTaskError(
      `The workflow continues with ${nested ? 'a chord' : `a ${String(type)}`} (${data.task}); this worker runs plain tasks, chains of them and their callbacks.`,
    );
  }
  return {
    task: data.task,
    args: Array.isArray(data.args) ? data.args : [],
    kwargs: isMap(data.kwargs) ? data.kwargs : {},
    options: isMap(data.options) ? data.options : {},
    subtask_type: null,
    immutable: data.immutable === true,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Also what Celery's JSON makes of a datetime. */
function moment(value: unknown): string | number | undefined {
  if (value instanceof PyDateTime) return value.text;
  return value instanceof Date ? value.getTime() / 1000 : text(value);
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function signatureRoute(signature: SignatureData): SignatureRoute {
  const { queue, exchange, routing_key } = signature.options;
  return {
    ...(text(queue) ? { queue: text(queue)! } : {}),
    ...(text(exchange) ? { exchange: text(exchange)! } : {}),
    ...(text(routing_key) ? { routingKey: text(routing_key)! } : {}),
  };
}

/**
 * The call that results from applying a signature. As in Celery, `partial` arguments are
 * put in front unless the signature is immutable.
 */
export function signatureCall(
  signature: SignatureData,
  partial: readonly unknown[],
  { rootId, parentId, newId, now }: Applied,
): TaskCall {
  const { options } = signature;
  const countdown = numeric(options.countdown);
  const expires = numeric(options.expires);
  const call: TaskCall = {
    task: signature.task,
    id: text(options.task_id) ?? newId(),
    args: signature.immutable ? signature.args : [...partial, ...signature.args],
    kwargs: { ...signature.kwargs },
    rootId,
    parentId,
    eta: moment(options.eta) ?? (countdown ? now + countdown : null),
    expires: moment(options.expires) ?? (expires === undefined ? null : now + expires),
    retries: numeric(options.retries) ?? 0,
    timeLimit: numeric(options.time_limit) ?? null,
    softTimeLimit: numeric(options.soft_time_limit) ?? null,
    group: text(options.group_id) ?? null,
    groupIndex: numeric(options.group_index) ?? null,
    ...(typeof options.ignore_result === 'boolean' && { ignoreResult: options.ignore_result }),
    shadow: text(options.shadow) ?? null,
    replyTo: text(options.reply_to) ?? '',
    callbacks: list(options.link),
    errbacks: list(options.link_error),
    chain: Array.isArray(options.chain) ? options.chain : null,
    headers: isMap(options.headers) ? options.headers : {},
    ...stampHeaders(options),
  };
  const priority = numeric(options.priority);
  const serializer = text(options.serializer);
  return {
    ...call,
    ...(priority === undefined ? {} : { priority }),
    ...(serializer === undefined ? {} : { serializer }),
  };
}

function list(value: unknown): unknown[] | null {
  if (value === undefined || value === null) return null;
  return Array.isArray(value) ? value : [value];
}
