/**
 * One signature after another: what `|` makes in Celery. A group that something follows becomes a
 * chord, what follows a chord goes into its body, and chains are one chain.
 */
import { link, linkError, linksOf } from './links.ts';
import {
  bodyOf,
  chainSignature,
  chordSignature,
  chunksGroup,
  isKind,
  lazyPartsOf,
  tasksOf,
  withBody,
} from './shapes.ts';
import type { SignatureData } from './signature.ts';

export function pipe(left: SignatureData, right: SignatureData): SignatureData {
  if (isKind(left, 'chain')) return afterChain(left, right);
  if (isKind(left, 'group')) return afterGroup(left, right);
  if (isKind(left, 'chord')) return afterChord(left, right);
  return afterTask(left, right);
}

/** As `chain(...)` in Celery: from left to right, beginning with nothing. */
export function pipeAll(steps: readonly SignatureData[]): SignatureData {
  const [only] = steps;
  // one step stays what it is, even a group
  if (steps.length === 1 && only !== undefined && !isKind(only, 'chain')) {
    return chainSignature([only]);
  }
  return steps.reduce(pipe, chainSignature([]));
}

function afterTask(left: SignatureData, right: SignatureData): SignatureData {
  if (isKind(right, 'chain')) return chainSignature([left, ...unchained(right)]);
  return chainSignature([left, unrolled(right)]);
}

function afterGroup(left: SignatureData, right: SignatureData): SignatureData {
  if (isKind(right, 'group') && tasksOf(right).length === 0) return left;
  return chordSignature(lazyPartsOf(left) ?? tasksOf(left), right);
}

function afterChord(left: SignatureData, given: SignatureData): SignatureData {
  if (isKind(given, 'chain')) return chainSignature([left, ...unchained(given)]);
  const right = unrolled(given);
  if (isKind(right, 'group')) return chainSignature([left, right]);
  return withBody(left, pipe(bodyOf(left), right));
}

function afterChain(left: SignatureData, given: SignatureData): SignatureData {
  if (isKind(given, 'chain')) return unchained(given).reduce(pipe, left);
  const tasks = unchained(left);
  // it stays one whose members are not known yet
  if (tasks.length === 0 && lazyPartsOf(given)) return given;
  const right = unrolled(given);
  const last = tasks.at(-1);
  if (last === undefined) return isKind(right, 'group') ? right : chainSignature([right]);
  const before = tasks.slice(0, -1);
  if (isKind(last, 'group') && !isKind(right, 'group')) {
    return joined(before, chordSignature(tasksOf(last), right));
  }
  if (isKind(last, 'chord') && !isKind(right, 'chord')) {
    return chainSignature([...before, withBody(last, pipe(bodyOf(last), right))]);
  }
  return chainSignature([...tasks, right]);
}

/** A chord that has become one comes into the body of the one before it. */
function joined(before: readonly SignatureData[], chord: SignatureData): SignatureData {
  const previous = before.at(-1);
  if (previous === undefined || !isKind(previous, 'chord')) {
    return chainSignature([...before, chord]);
  }
  const body = pipe(bodyOf(previous), chord);
  return chainSignature([...before.slice(0, -1), withBody(previous, body)]);
}

/** A group of one is that one. */
export function unrolled(signature: SignatureData): SignatureData {
  if (!isKind(signature, 'group')) return signature;
  const [only, ...others] = tasksOf(signature);
  return only !== undefined && others.length === 0 ? only : signature;
}

/** The steps of a chain with what was linked to it: callbacks go to the last, errbacks to all. */
export function unchained(chain: SignatureData): readonly SignatureData[] {
  const [callbacks, errbacks] = [linksOf(chain, 'link'), linksOf(chain, 'link_error')];
  const tasks = tasksOf(chain);
  if (callbacks.length + errbacks.length === 0) return tasks;
  return tasks.map((task, i) => {
    const called = i === tasks.length - 1 ? callbacks.reduce(link, task) : task;
    return errbacks.reduce((each, errback) => linkError(each, errback), called);
  });
}

/** How many parts of a chord's header will answer: a chain by its last step, a chord by its body. */
export function answersOf(signature: SignatureData): number {
  if (isKind(signature, 'group')) {
    return tasksOf(signature).reduce((sum, each) => sum + answersOf(each), 0);
  }
  if (isKind(signature, 'chord')) return answersOf(bodyOf(signature));
  if (isKind(signature, 'chunks')) return tasksOf(chunksGroup(signature)).length;
  if (!isKind(signature, 'chain')) return 1;
  return (
    tasksOf(signature)
      .map(answersOf)
      .findLast(count => count > 0) ?? 0
  );
}

/** A group in a group is its members. */
export function membersOf(signature: SignatureData): readonly SignatureData[] {
  return isKind(signature, 'group') ? tasksOf(signature).flatMap(membersOf) : [signature];
}
