/** Between result documents and rows of Python's tables. */
import { fromIso, toIso } from '../../wire/dates.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import { PENDING } from '../../wire/results/states.ts';
import { pickleDecode, pickleEncode } from '../../wire/serializers/pickle.ts';
import type { ResultCodec } from '../result-codec.ts';
import type { TaskRow } from './tables.ts';

/** @throws EncodeError for a result or argument that cannot be written */
export function toRow(meta: ResultMeta, codec: ResultCodec): TaskRow {
  return {
    task_id: meta.task_id,
    status: meta.status,
    result: pickleEncode(meta.result),
    date_done: meta.date_done === null ? null : toDatabaseTime(fromIso(meta.date_done)),
    traceback: meta.traceback,
    name: meta.name ?? null,
    args: toBytes(meta.args, codec),
    kwargs: toBytes(meta.kwargs, codec),
    worker: meta.worker ?? null,
    retries: meta.retries ?? null,
    queue: meta.queue ?? null,
  };
}

/** @throws DecodeError or SecurityError for a result that is not plain data */
export function fromRow(row: TaskRow, codec: ResultCodec): ResultMeta {
  return {
    task_id: row.task_id,
    status: row.status ?? PENDING,
    result: row.result === null ? null : pickleDecode(row.result),
    traceback: row.traceback,
    children: null,
    date_done: row.date_done === null ? null : toIso(fromIso(row.date_done)),
    ...extendedFields(row, codec),
  };
}

/** Columns that hold nothing, or that the table lacks, become absent fields. */
function extendedFields(row: TaskRow, codec: ResultCodec): Partial<ResultMeta> {
  const fields: Record<string, unknown> = {};
  for (const column of ['name', 'worker', 'retries', 'queue'] as const) {
    if (row[column] !== null && row[column] !== undefined) fields[column] = row[column];
  }
  for (const column of ['args', 'kwargs'] as const) {
    const value = fromBytes(row[column], codec);
    if (value !== undefined) fields[column] = value;
  }
  return fields;
}

/** Naive UTC, as SQLAlchemy writes a datetime for SQLite. */
export function toDatabaseTime(epochSeconds: number): string {
  const micros = Math.round(epochSeconds * 1e6);
  const text = new Date(Math.floor(micros / 1000)).toISOString();
  const lowDigits = String(((micros % 1000) + 1000) % 1000).padStart(3, '0');
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${lowDigits}`;
}

function toBytes(value: unknown, codec: ResultCodec): Uint8Array | null {
  if (value === undefined || value === null) return null;
  const written = codec.encode(value);
  return typeof written === 'string' ? Buffer.from(written) : written;
}

function fromBytes(bytes: Uint8Array | null | undefined, codec: ResultCodec): unknown {
  if (!bytes) return undefined;
  try {
    return codec.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    // written with another result_serializer; the result itself is still good
    return undefined;
  }
}
