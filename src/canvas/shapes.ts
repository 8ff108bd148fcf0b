/**
 * Signatures of every kind, as the plain dictionaries that Celery writes, and how their parts are
 * found. Whatever is made here is new: a signature that somebody holds never changes.
 */

import { isMap } from '../base/kind-of.ts';
import { saferepr } from '../base/text/saferepr.ts';
import { InvalidTaskError } from '../wire/errors.ts';
import { LazyParts } from './lazy.ts';
import type { SignatureData } from './signature.ts';

/** Celery's names of what is more than a task; it registers them under these. */
export type SubtaskType = 'chain' | 'group' | 'chord' | 'xmap' | 'xstarmap' | 'chunks';

type Options = SignatureData['options'];

/** Of a group or of a chord's header. */
export type Parts = readonly SignatureData[] | LazyParts;

const NO_ARGS: readonly unknown[] = [];

function ofKind(
  type: SubtaskType,
  kwargs: SignatureData['kwargs'],
  options: Options,
  immutable = false,
): SignatureData {
  const task = type.startsWith('x') ? `celery.${type.slice(1)}` : `celery.${type}`;
  return { task, args: NO_ARGS, kwargs, options, subtask_type: type, immutable };
}

export function taskSignature(
  task: string,
  parts: Partial<Pick<SignatureData, 'args' | 'kwargs' | 'options' | 'immutable'>> = {},
): SignatureData {
  const { args = NO_ARGS, kwargs = {}, options = {}, immutable = false } = parts;
  return { task, args, kwargs, options, subtask_type: null, immutable };
}

/** In the order in which they run. */
export function chainSignature(
  tasks: readonly SignatureData[],
  options: Options = {},
): SignatureData {
  return ofKind('chain', { tasks }, options);
}

export function groupSignature(tasks: Parts, options: Options = {}): SignatureData {
  return ofKind('group', { tasks }, options);
}

export function chordSignature(
  header: Parts,
  body: SignatureData,
  options: Options = {},
): SignatureData {
  return ofKind('chord', { kwargs: {}, header, body }, options);
}

/** One message: the task is called with each item after the other. */
export function mapSignature(task: SignatureData, it: readonly unknown[]): SignatureData {
  return ofKind('xmap', { task, it }, {}, true);
}

/** The same with the items as lists of arguments. */
export function starmapSignature(task: SignatureData, it: readonly unknown[]): SignatureData {
  return ofKind('xstarmap', { task, it }, {}, true);
}

/** Becomes a group of `starmap`s with `n` items each when it is applied. */
export function chunksSignature(
  task: SignatureData,
  it: readonly unknown[],
  n: number,
): SignatureData {
  return ofKind('chunks', { task, it, n }, {}, true);
}

/**
 * What chunks are when they are applied: `n` items for each message.
 *
 * @throws InvalidTaskError for a size that is none, which would give chunks without end
 */
export function chunksGroup(chunks: SignatureData): SignatureData {
  const { kwargs, options } = chunks;
  const { task, it, n } = kwargs as { task: SignatureData; it: readonly unknown[]; n: number };
  if (!Array.isArray(it) || !Number.isSafeInteger(n) || n < 1) {
    const given = saferepr({ it, n }, { maxLength: 200 });
    throw new InvalidTaskError(`${chunks.task} needs a list and a size from 1 on, got ${given}`);
  }
  const parts: SignatureData[] = [];
  for (let i = 0; i < it.length; i += n) parts.push(starmapSignature(task, it.slice(i, i + n)));
  return groupSignature(parts, options);
}

export function isKind(signature: SignatureData, type: SubtaskType): boolean {
  return signature.subtask_type === type;
}

/** Of a chain or a group. @throws InvalidTaskError for one without */
export function tasksOf(signature: SignatureData): readonly SignatureData[] {
  return listOf(signature.kwargs.tasks, signature);
}

/**
 * What has to be done before the body: a list, or a group once it was frozen.
 *
 * @throws InvalidTaskError for a chord without
 */
export function headerOf(chord: SignatureData): readonly SignatureData[] {
  const { header } = chord.kwargs;
  if (header instanceof LazyParts) return header.list;
  return isMap(header) ? tasksOf(header as unknown as SignatureData) : listOf(header, chord);
}

/** @throws InvalidTaskError for a chord without */
export function bodyOf(chord: SignatureData): SignatureData {
  const { body } = chord.kwargs;
  if (!isMap(body)) throw new InvalidTaskError('A chord has no body.');
  return body as unknown as SignatureData;
}

/** What a group or a chord runs side by side, as long as not all of it is known. */
export function lazyPartsOf({ subtask_type: type, kwargs }: SignatureData): LazyParts | undefined {
  const parts = type === 'group' ? kwargs.tasks : type === 'chord' ? kwargs.header : undefined;
  return parts instanceof LazyParts && !parts.isList ? parts : undefined;
}

/** The same signature with all of its parts as lists, as it travels. */
export function withLists(signature: SignatureData): SignatureData {
  switch (signature.subtask_type) {
    case 'chain':
    case 'group':
      return withTasks(signature, tasksOf(signature).map(withLists));
    case 'chord':
      return withBody(withHeaderList(signature), withLists(bodyOf(signature)));
    default:
      return signature;
  }
}

function withHeaderList(chord: SignatureData): SignatureData {
  const { header } = chord.kwargs;
  const isGroup = isMap(header) && !(header instanceof LazyParts);
  const listed = isGroup
    ? withLists(header as unknown as SignatureData)
    : headerOf(chord).map(withLists);
  return withKwargs(chord, { ...chord.kwargs, header: listed });
}

function listOf(value: unknown, { task }: SignatureData): readonly SignatureData[] {
  if (Array.isArray(value)) return value as readonly SignatureData[];
  if (value instanceof LazyParts) return value.list;
  throw new InvalidTaskError(`A ${task} has no list of signatures.`);
}

export function withTasks(signature: SignatureData, tasks: readonly SignatureData[]) {
  return withKwargs(signature, { ...signature.kwargs, tasks });
}

export function withBody(chord: SignatureData, body: SignatureData): SignatureData {
  return withKwargs(chord, { ...chord.kwargs, body });
}

export function withHeader(chord: SignatureData, header: readonly SignatureData[]): SignatureData {
  return withKwargs(chord, { ...chord.kwargs, header });
}

function withKwargs(signature: SignatureData, kwargs: SignatureData['kwargs']): SignatureData {
  return { ...signature, kwargs };
}

/** The options of it with these over them. */
export function withOptions(signature: SignatureData, options: Options): SignatureData {
  return { ...signature, options: { ...signature.options, ...options } };
}
