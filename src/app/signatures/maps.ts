/** One task with many items: `map`, `starmap` and `chunks`. */
import { checkArgument, type Kind } from '../../base/option-kinds.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { chunksSignature, mapSignature, starmapSignature } from '../../canvas/shapes.ts';
import { Chunks } from './chunks-signature.ts';
import type { Args } from './part-types.ts';
import { type AnySignature, plain, Signature } from './signature.ts';

const items: Kind = {
  words: 'a list, or what can be iterated',
  accepts: value => typeof value === 'object' && value !== null && Symbol.iterator in value,
};

export function taskMap<R>(
  task: AnySignature,
  it: Iterable<unknown>,
): Signature<[], R[], 'immutable'> {
  return new Signature(mapSignature(plain(task), listOf(it, 'map')), task['~host']);
}

export function taskStarmap<R>(
  task: AnySignature,
  it: Iterable<Args>,
): Signature<[], R[], 'immutable'> {
  return new Signature(starmapSignature(plain(task), listsOf(it, 'starmap')), task['~host']);
}

export function taskChunks<R>(task: AnySignature, it: Iterable<Args>, n: number): Chunks<R> {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new TypeError(
      `The size of chunks must be a whole number from 1 on, got ${saferepr(n)}: ${task.task}.chunks(items, 10)`,
    );
  }
  return new Chunks<R>(chunksSignature(plain(task), listsOf(it, 'chunks'), n), task['~host']);
}

function listOf(it: Iterable<unknown>, method: string): readonly unknown[] {
  checkArgument(it, items, `What ${method} takes`);
  return [...it];
}

/** Each item is a list of arguments. */
function listsOf(it: Iterable<unknown>, method: string): readonly unknown[] {
  const list = listOf(it, method);
  const wrong = list.findIndex(item => !Array.isArray(item));
  if (wrong < 0) return list;
  throw new TypeError(
    `${method} needs a list of arguments for each call, such as [[1, 2], [3, 4]], got ${saferepr(list[wrong])} as item ${wrong + 1}`,
  );
}
