/**
 * Replies on their way from one process to another. Nearly all tell of a success, and an object
 * with names in it costs four times as much there as a number.
 */
import type { TaskReply } from '../outcome.ts';

/** Of a success only the seconds that it took, with the text of its result when that is wanted. */
export type PackedReply = number | readonly [runtime: number, result: string] | TaskReply;

export function packReply(reply: TaskReply): PackedReply {
  const { kind, runtime, texts } = reply;
  if (kind !== 'success') return reply;
  if (texts === undefined) return runtime;
  return texts.result === undefined ? reply : [runtime, texts.result];
}

export function unpackReply(packed: PackedReply): TaskReply {
  if (typeof packed === 'number') return { kind: 'success', runtime: packed };
  if ('kind' in packed) return packed;
  const [runtime, result] = packed;
  return { kind: 'success', runtime, texts: { result } };
}
