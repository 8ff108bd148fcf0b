/** The stored result document: fields and their order are those of Celery's `meta`. */

import { DecodeError } from '../errors.ts';
import { jsonDecode, jsonEncode } from '../serializers/json.ts';
import { TypedValue } from '../serializers/typed-value.ts';
import { PENDING } from './states.ts';

export interface ResultMeta {
  readonly task_id: string;
  readonly status: string;
  /** The return value; for RETRY, FAILURE and REVOKED a WireException. */
  readonly result: unknown;
  readonly traceback: string | null;
  /** Result tuples of the tasks that this one published. */
  readonly children: readonly unknown[] | null;
  /** ISO 8601; null for states that are not final. */
  readonly date_done: string | null;
  readonly group_id?: string | undefined;
  readonly parent_id?: string | undefined;
  // with result_extended
  readonly name?: string | undefined;
  readonly args?: unknown;
  readonly kwargs?: unknown;
  readonly worker?: string | undefined;
  readonly retries?: number | undefined;
  readonly queue?: string | null | undefined;
  /** Stamps by name; in the document each is a field of its own, listed in `stamped_headers`. */
  readonly stamps?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The document as text, with Python's field order and spacing. Throws EncodeError naming the
 * part of the result that cannot be written.
 */
export function encodeMeta(meta: ResultMeta): string {
  let text = `{"status": ${json(meta.status)}, "result": ${json(meta.result, 'result')}`;
  text += `, "traceback": ${json(meta.traceback)}, "children": ${json(meta.children)}`;
  text += `, "date_done": ${json(meta.date_done)}`;
  if (meta.group_id) text += `, "group_id": ${json(meta.group_id)}`;
  if (meta.parent_id) text += `, "parent_id": ${json(meta.parent_id)}`;
  for (const field of EXTENDED) {
    const value = meta[field];
    if (value !== undefined) text += `, "${field}": ${json(value, field)}`;
  }
  if (meta.stamps !== undefined) text += stampFields(meta.stamps);
  return `${text}, "task_id": ${json(meta.task_id)}}`;
}

/** The document for serializers other than JSON, with Python's field order. */
export function metaToFields(meta: ResultMeta): Record<string, unknown> {
  const { status, result, traceback, children, date_done, stamps } = meta;
  const fields: Record<string, unknown> = { status, result, traceback, children, date_done };
  if (meta.group_id) fields.group_id = meta.group_id;
  if (meta.parent_id) fields.parent_id = meta.parent_id;
  for (const field of EXTENDED) if (meta[field] !== undefined) fields[field] = meta[field];
  if (stamps !== undefined) {
    const names = Object.keys(stamps).filter(name => !RESERVED.has(name));
    fields.stamped_headers = names;
    for (const name of names) fields[name] = stamps[name];
  }
  fields.task_id = meta.task_id;
  return fields;
}

/** Throws DecodeError when the text is no result document; parts of a wrong type become null. */
export function decodeMeta(text: string): ResultMeta {
  return metaFromFields(jsonDecode(text));
}

/** The same for a document that has been decoded already. */
export function metaFromFields(read: unknown): ResultMeta {
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw new DecodeError('Not a result document: it is not an object.');
  }
  const fields = read as Record<string, unknown>;
  // Python's `update_state(meta=…)` stores None: nothing is known of the state
  const status = fields.status === null ? PENDING : fields.status;
  if (typeof status !== 'string') {
    throw new DecodeError('Not a result document: it has no status.');
  }
  return {
    task_id: textOrUndefined(fields.task_id) ?? '',
    status,
    result: fields.result ?? null,
    traceback: textOrUndefined(fields.traceback) ?? null,
    children: Array.isArray(fields.children) ? fields.children : null,
    date_done: dateText(fields.date_done),
    ...optionalFields(fields),
  };
}

/** Fields of `result_extended`, in the order of the document. */
const EXTENDED = ['name', 'args', 'kwargs', 'worker', 'retries', 'queue'] as const;

function json(value: unknown, name = 'meta'): string {
  return jsonEncode(value, { spacing: 'python', name });
}

function stampFields(stamps: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(stamps).filter(name => !RESERVED.has(name));
  const fields = names.map(name => `, ${json(name)}: ${json(stamps[name], `stamps.${name}`)}`);
  return `, "stamped_headers": ${json(names)}${fields.join('')}`;
}

/** A stamp of one of these names would hide the field itself. */
const RESERVED: ReadonlySet<string> = new Set([
  'status',
  'result',
  'traceback',
  'children',
  'date_done',
  'group_id',
  'parent_id',
  'stamped_headers',
  'task_id',
  ...EXTENDED,
]);

type OptionalFields = Partial<
  Pick<ResultMeta, 'group_id' | 'parent_id' | 'stamps' | (typeof EXTENDED)[number]>
>;

function optionalFields(fields: Record<string, unknown>): OptionalFields {
  const found: { -readonly [K in keyof OptionalFields]: OptionalFields[K] } = {};
  const { group_id, parent_id, name, args, kwargs, worker, retries, queue } = fields;
  if (typeof group_id === 'string') found.group_id = group_id;
  if (typeof parent_id === 'string') found.parent_id = parent_id;
  if (typeof name === 'string') found.name = name;
  if (args !== undefined) found.args = args;
  if (kwargs !== undefined) found.kwargs = kwargs;
  if (typeof worker === 'string') found.worker = worker;
  if (typeof retries === 'number') found.retries = retries;
  if (typeof queue === 'string' || queue === null) found.queue = queue;
  if (Array.isArray(fields.stamped_headers)) {
    found.stamps = readStamps(fields, fields.stamped_headers);
  }
  return found;
}

function readStamps(fields: Record<string, unknown>, names: unknown[]): Record<string, unknown> {
  const stamps: Record<string, unknown> = {};
  for (const name of names) {
    if (typeof name !== 'string' || RESERVED.has(name) || name === '__proto__') continue;
    if (Object.hasOwn(fields, name)) stamps[name] = fields[name];
  }
  return stamps;
}

function textOrUndefined(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Python before 5.4 and some backends store a typed datetime. */
function dateText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  return value instanceof TypedValue ? value.text : null;
}
