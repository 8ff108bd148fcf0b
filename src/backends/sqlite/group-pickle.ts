/** Saved groups, as Python's database backend keeps them: pickled GroupResult objects. */
import { DecodeError, EncodeError } from '../../wire/errors.ts';
import type { ResultTuple } from '../../wire/result-shapes.ts';
import { pickleDecode, pickleGroup } from '../../wire/serializers/pickle.ts';

/**
 * Python reads it as a GroupResult. The parent of a group is lost, as in Python.
 *
 * @throws EncodeError when `tuple` is not a result tuple
 */
export function encodeGroup(tuple: unknown): Uint8Array {
  if (!isResultTuple(tuple)) {
    throw new EncodeError('A group is saved as its result tuple: [[id, parent], [members]].');
  }
  return pickleGroup(tuple);
}

/** @throws SecurityError or DecodeError when it is anything but a group of results */
export function decodeGroup(pickle: Uint8Array): ResultTuple {
  const value = pickleDecode(pickle);
  if (isResultTuple(value)) return value;
  throw new DecodeError('a saved group is a pickled GroupResult.');
}

function isResultTuple(value: unknown): value is ResultTuple {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [head, members]: unknown[] = value;
  if (!Array.isArray(head) || typeof head[0] !== 'string') return false;
  if (head[1] !== null && head[1] !== undefined && !isResultTuple(head[1])) return false;
  return members === null || (Array.isArray(members) && members.every(isResultTuple));
}
