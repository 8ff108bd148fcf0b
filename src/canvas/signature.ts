/**
 * A call of a task as data: the dictionary that Celery puts on the wire for callbacks,
 * errbacks and the rest of a chain.
 */

import { isMap } from '../base/kind-of.ts';
import { saferepr } from '../base/text/saferepr.ts';
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
 * Reads one signature of any kind.
 *
 * @throws InvalidTaskError when it is none, or of a kind that nobody knows: losing it silently would
 *   lose work
 */
export function readSignature(data: unknown): SignatureData {
  if (!isMap(data) || typeof data.task !== 'string') {
    throw new InvalidTaskError(`Not a signature: ${saferepr(data, { maxLength: 200 })}`);
  }
  const type = data.subtask_type ?? null;
  if (type !== null && !KINDS.has(type)) {
    throw new InvalidTaskError(
      `The workflow continues with a ${String(type)} (${data.task}), which is no kind of signature: ${[...KINDS].join(', ')}.`,
    );
  }
  return {
    task: data.task,
    args: Array.isArray(data.args) ? data.args : [],
    kwargs: readParts(isMap(data.kwargs) ? data.kwargs : {}, PARTS[type as keyof typeof PARTS]),
    options: isMap(data.options) ? data.options : {},
    subtask_type: type as string | null,
    immutable: data.immutable === true,
  };
}

/** Where the signatures are that a kind consists of. */
const PARTS = {
  chain: ['tasks'],
  group: ['tasks'],
  chord: ['header', 'body'],
  xmap: ['task'],
  xstarmap: ['task'],
  chunks: ['task'],
} as const;
const KINDS: ReadonlySet<unknown> = new Set(Object.keys(PARTS));

type Kwargs = Readonly<Record<string, unknown>>;

function readParts(kwargs: Kwargs, names: readonly string[] = []): Kwargs {
  if (names.length === 0) return kwargs;
  const parts = names.map(name => [name, readPart(kwargs[name])]);
  return { ...kwargs, ...Object.fromEntries(parts) };
}

const readPart = (part: unknown) =>
  Array.isArray(part) ? part.map(readSignature) : readSignature(part);

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
  const nesting = numeric(options.replaced_task_nesting);
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
    chord: isMap(options.chord) ? options.chord : null,
    ...(nesting === undefined ? {} : { replacedTaskNesting: nesting }),
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
