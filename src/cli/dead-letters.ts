import { printable, printableJson, printableLines } from '../base/text/printable.ts';
import type { Delivery } from '../messaging/contract.ts';
import { toIso } from '../wire/dates.ts';
import { type DeadLetter, publishedHeaders, readDeadLetter } from '../wire/messages/dead-letter.ts';
import { bodyBytes, type Message } from '../wire/messages/message.ts';
import { readTaskHeaders } from '../wire/messages/task-message.ts';

export interface Found {
  readonly delivery: Delivery;
  /** Undefined for a message that nobody gave up: it was sent here. */
  readonly letter: DeadLetter | undefined;
  readonly task: string;
  readonly id: string;
  readonly args: string;
  readonly kwargs: string;
}

export interface Filter {
  readonly task?: string;
  /** Seconds since 1970. */
  readonly since?: number;
  readonly reason?: string;
  readonly id?: readonly string[];
}

export function found(delivery: Delivery): Found {
  return {
    delivery,
    letter: readDeadLetter(delivery.message),
    ...subject(delivery.message),
  };
}

/** The body of protocol 1 is read, when it is JSON, since its headers do not name the task. */
function subject(message: Message): Pick<Found, 'task' | 'id' | 'args' | 'kwargs'> {
  try {
    const { task, id, argsrepr, kwargsrepr } = readTaskHeaders(message);
    return { task, id, args: argsrepr, kwargs: kwargsrepr };
  } catch {
    const { task, id } = message.headers;
    return { task: textOf(task), id: textOf(id), args: '', kwargs: '' };
  }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

export function matcher({ task, since, reason, id }: Filter): (found: Found) => boolean {
  const name = task === undefined ? undefined : glob(task);
  return each =>
    (name === undefined || name.test(each.task)) &&
    (id === undefined || id.includes(each.id)) &&
    (reason === undefined || each.letter?.reason === reason) &&
    (since === undefined || (each.letter?.diedAt ?? Number.NEGATIVE_INFINITY) >= since);
}

function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

const COLUMNS = [20, 14, 16, 32, 36] as const;

function row(...cells: readonly string[]): string {
  return cells
    .map((cell, at) => printable(cell).padEnd(COLUMNS[at] ?? 0))
    .join('  ')
    .trimEnd();
}

export const LIST_HEADER = row('DIED', 'REASON', 'QUEUE', 'TASK', 'ID', 'ERROR');

const MOST_ERROR_SHOWN = 100;

export function listLine({ letter, task, id }: Found): string {
  const [error = ''] = (letter?.error ?? '').split('\n');
  return row(
    moment(letter),
    letter?.reason ?? '-',
    letter?.queue ?? '-',
    task || '-',
    id || '-',
    error.slice(0, MOST_ERROR_SHOWN),
  );
}

/** In UTC, since workers may be in several zones, to the second. */
function moment(letter: DeadLetter | undefined): string {
  return letter?.diedAt === undefined ? '-' : `${toIso(letter.diedAt).slice(0, 19)}Z`;
}

export function details(queue: string, each: Found): string {
  const { letter, delivery } = each;
  const { message } = delivery;
  const lines: (readonly [string, string])[] = [
    ['reason', letter ? `${letter.reason}${letter.worker && ` (${letter.worker})`}` : '-'],
    ['error', letter?.error || '-'],
    ['died', moment(letter)],
    ['queue', letter?.queue || '-'],
    ['exchange', letter?.exchange || '-'],
    ['routing key', letter?.routingKey || '-'],
    ['deliveries', letter ? String(letter.deliveries) : '-'],
    ['args', each.args || '-'],
    ['kwargs', each.kwargs || '-'],
    ['headers', json(publishedHeaders(message.headers))],
    ['properties', json(message.properties)],
    ['content', `${message.contentType} ${message.contentEncoding}`],
    ['body', body(message)],
  ];
  const head = `${queue}: ${each.task || 'no task'}[${each.id || '?'}]`;
  const more = lines.map(([name, value]) => `    ${name.padEnd(11)} ${indented(value)}`);
  return [printable(head), ...more, ''].join('\n');
}

function indented(value: string): string {
  return printableLines(value).replaceAll('\n', `\n${' '.repeat(16)}`);
}

export function listJson(queue: string, { letter, task, id, args, kwargs }: Found): string {
  return json({
    dead_letter_queue: queue,
    task,
    id,
    reason: letter?.reason ?? null,
    error: letter?.error ?? null,
    died_at: letter?.diedAt === undefined ? null : toIso(letter.diedAt),
    queue: letter?.queue ?? null,
    exchange: letter?.exchange ?? null,
    routing_key: letter?.routingKey ?? null,
    deliveries: letter?.deliveries ?? null,
    worker: letter?.worker || null,
    args,
    kwargs,
  });
}

export function detailsJson(queue: string, each: Found): string {
  const { message } = each.delivery;
  const text = plainText(message);
  return json({
    ...(JSON.parse(listJson(queue, each)) as object),
    headers: message.headers,
    properties: message.properties,
    content_type: message.contentType,
    content_encoding: message.contentEncoding,
    ...(text === undefined
      ? { body_base64: bodyBytes(message).toString('base64') }
      : { body: text }),
  });
}

function body(message: Message): string {
  return plainText(message) ?? `base64:${bodyBytes(message).toString('base64')}`;
}

function plainText(message: Message): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bodyBytes(message));
  } catch {
    return undefined;
  }
}

function json(value: unknown): string {
  return printableJson(
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)),
  );
}
