/**
 * What Celery's Redis store keeps of one part of a chord that has ended: `[1, id, state, result]`,
 * in the spacing of Python's json. The text is what tells parts apart, so it has to be the same
 * whoever wrote it.
 */
import { DecodeError } from '../errors.ts';
import { groupMetaKey } from './result-keys.ts';

export interface ChordPartFields {
  readonly taskId: string;
  readonly status: string;
  readonly result: unknown;
}

const FORMAT = 1;

export function chordPartTuple({ taskId, status, result }: ChordPartFields): unknown[] {
  return [FORMAT, taskId, status, result];
}

/** @throws DecodeError */
export function chordPartFields(tuple: unknown): ChordPartFields {
  if (Array.isArray(tuple) && tuple.length >= 4) {
    const [, taskId, status, result] = tuple as unknown[];
    if (typeof taskId === 'string' && typeof status === 'string') return { taskId, status, result };
  }
  throw new DecodeError('a part of a chord is a list of 1, the id, the state and the result.');
}

/** How the text of every part of this task begins, when it is JSON. */
export function chordPartHead(text: string, taskId: string, encodeId: (id: string) => string) {
  const head = `[${FORMAT}, ${encodeId(taskId)}, `;
  return text.startsWith(head) ? head : '';
}

export interface ChordKeys {
  /** A sorted set of the parts that have ended, by their place in the header; or a list. */
  readonly parts: string;
  readonly size: string;
  /** How many parts were added to the chord after it was sent. */
  readonly grown: string;
}

export function chordKeys(groupId: string, prefix = ''): ChordKeys {
  const key = groupMetaKey(groupId, prefix);
  return { parts: `${key}.j`, size: `${key}.s`, grown: `${key}.t` };
}
