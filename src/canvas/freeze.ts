/**
 * Ids for every part of a workflow before any of it is sent, so that results can be waited for and
 * each part knows where it belongs. Celery: `Signature.freeze`, `chain.prepare_steps`.
 */

import { membersOf, unchained, unrolled } from './pipe.ts';
import {
  bodyOf,
  chordSignature,
  chunksGroup,
  groupSignature,
  headerOf,
  isKind,
  tasksOf,
  withOptions,
  withTasks,
} from './shapes.ts';
import type { SignatureData } from './signature.ts';

/** What becomes of a workflow: a result, and before it those that it came of. */
export interface ResultNode {
  readonly id: string;
  /** Of a group, in the order of its members. */
  readonly members?: readonly ResultNode[];
  parent: ResultNode | undefined;
}

/** Where a part stands in a workflow. */
export interface Place {
  readonly id?: string | undefined;
  readonly groupId?: string | undefined;
  readonly groupIndex?: number | undefined;
  /** The body of the chord that waits for it. */
  readonly chord?: SignatureData | undefined;
  readonly rootId?: string | undefined;
  readonly parentId?: string | undefined;
}

export interface Ids {
  newId(): string;
  /** Queue for results that are sent back. */
  readonly replyTo: string;
}

export interface Frozen {
  readonly signature: SignatureData;
  readonly result: ResultNode;
}

export function freeze(signature: SignatureData, place: Place, ids: Ids): Frozen {
  if (isKind(signature, 'chain')) return freezeChain(signature, place, ids);
  if (isKind(signature, 'group')) return freezeGroup(signature, place, ids);
  if (isKind(signature, 'chord')) return freezeChord(signature, place, ids);
  if (isKind(signature, 'chunks')) return freezeGroup(chunksGroup(signature), place, ids);
  return freezeTask(signature, place, ids);
}

function freezeTask(signature: SignatureData, place: Place, ids: Ids): Frozen {
  const { options } = signature;
  const id = idOf(signature) ?? place.id ?? ids.newId();
  const frozen = withOptions(signature, {
    task_id: id,
    reply_to: options.reply_to ?? ids.replyTo,
    ...placed(signature, place),
  });
  return { signature: frozen, result: { id, parent: undefined } };
}

/** Options that say where it belongs. Whoever is in a group stays in it. */
function placed({ options }: SignatureData, place: Place): SignatureData['options'] {
  const { chord, groupId, groupIndex, parentId, rootId } = place;
  return {
    ...(rootId !== undefined && { root_id: rootId }),
    ...(parentId !== undefined && { parent_id: parentId }),
    ...(groupId !== undefined && options.group_id == null && { group_id: groupId }),
    ...(chord !== undefined && { chord }),
    ...(groupIndex !== undefined && { group_index: groupIndex }),
  };
}

export function idOf({ options }: SignatureData): string | undefined {
  return typeof options.task_id === 'string' ? options.task_id : undefined;
}

/** A chain answers by its last step, which alone belongs to the group and the chord around it. */
function freezeChain(chain: SignatureData, place: Place, ids: Ids): Frozen {
  const steps = preparedSteps(chain);
  const lastId = idOf(chain) ?? place.id;
  const frozen: Frozen[] = [];
  for (const [i, step] of steps.entries()) {
    const isLast = i === steps.length - 1;
    const { rootId } = place;
    const each = freeze(step, isLast ? { ...place, id: lastId } : { rootId }, ids);
    const before = frozen.at(-1);
    if (before) oldest(each.result).parent = before.result;
    frozen.push(each);
  }
  const last = frozen.at(-1);
  const result = last?.result ?? { id: lastId ?? ids.newId(), parent: undefined };
  const tasks = frozen.map(each => each.signature);
  return { signature: withOptions(withTasks(chain, tasks), { task_id: result.id }), result };
}

/**
 * What a chain runs, one after the other: chains in it taken apart, groups of one unrolled, empty
 * ones left out, and a group that something follows as a chord with that as its body.
 */
function preparedSteps(chain: SignatureData): readonly SignatureData[] {
  const flat = flatSteps(chain);
  const some = flat.filter(step => !isKind(step, 'group') || tasksOf(step).length > 0);
  const steps: SignatureData[] = [];
  // nothing but empty groups is one of them
  for (const step of (some.length > 0 ? some : flat.slice(0, 1)).reverse()) {
    const next = steps[0];
    if (next === undefined || !isKind(step, 'group')) steps.unshift(step);
    else steps[0] = chordSignature(tasksOf(step), next);
  }
  return steps;
}

function flatSteps(chain: SignatureData): SignatureData[] {
  return unchained(chain).flatMap(task => {
    const step = unrolled(isKind(task, 'chunks') ? chunksGroup(task) : task);
    return isKind(step, 'chain') ? flatSteps(step) : [step];
  });
}

/**
 * The members do not carry the chord that waits for them, but the group does, which gives it to them
 * when they are sent: a workflow would grow with each level by the number of its members.
 */
function freezeGroup(group: SignatureData, place: Place, ids: Ids): Frozen {
  const id = idOf(group) ?? place.id ?? ids.newId();
  const { groupId, parentId, rootId } = place;
  const members = tasksOf(group)
    .flatMap(membersOf)
    .map((member, groupIndex) => freeze(member, { groupId, groupIndex, parentId, rootId }, ids));
  const signatures = members.map(member => member.signature);
  const options = { ...placed(group, place), task_id: id };
  return {
    signature: withOptions(withTasks(group, signatures), options),
    result: { id, members: members.map(resultOf), parent: undefined },
  };
}

const resultOf = ({ result }: Frozen) => result;

/** The body knows the chord around it. */
function freezeChord(chord: SignatureData, place: Place, ids: Ids): Frozen {
  const { parentId, rootId, ...outer } = place;
  const body = freeze(bodyOf(chord), { ...outer, rootId }, ids);
  const header = freezeHeader(chord, { parentId, rootId }, ids);
  oldest(body.result).parent = header.result;
  const { options, kwargs } = chord;
  const frozen = {
    ...chord,
    kwargs: { ...kwargs, header: header.signature, body: body.signature },
  };
  return {
    signature: { ...frozen, options: { ...options, task_id: header.result.id } },
    result: body.result,
  };
}

/** The group that a chord's header is, with the id of the chord. */
function freezeHeader(chord: SignatureData, place: Place, ids: Ids): Frozen {
  const { header } = chord.kwargs as { header?: Partial<SignatureData> };
  const options = header?.options ?? {};
  const group = groupSignature(headerOf(chord), options);
  return freeze(group, { ...place, id: idOf(group) ?? idOf(chord) }, ids);
}

/** The first result of all that came before. */
export function oldest(result: ResultNode): ResultNode {
  let first = result;
  while (first.parent) first = first.parent;
  return first;
}

/** `[[id, parent], members]`, as results travel and are stored. */
export function resultTuple({ id, members, parent }: ResultNode): unknown {
  return [[id, parent ? resultTuple(parent) : null], members?.map(resultTuple) ?? null];
}
