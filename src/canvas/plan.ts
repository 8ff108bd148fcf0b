/**
 * What has to be sent for a workflow to begin: one message for a chain, one for each member of a
 * group, and for a chord what its header will be counted by. Celery: `apply_async` of each kind.
 */
import { freeze, type Ids, idOf, type Place, type ResultNode } from './freeze.ts';
import { link, linkError, linksOf } from './links.ts';
import { merged, type SignatureParts } from './merge.ts';
import { answersOf, membersOf } from './pipe.ts';
import {
  bodyOf,
  groupSignature,
  headerOf,
  isKind,
  starmapSignature,
  tasksOf,
  withOptions,
} from './shapes.ts';
import type { SignatureData } from './signature.ts';

/** A chord whose header is about to be sent. */
export interface PlannedChord {
  readonly groupId: string;
  /** How many parts will answer before the body is sent. */
  readonly size: number;
  /** With its id. */
  readonly body: SignatureData;
  readonly header: ResultNode;
}

export interface Plan {
  /** Each is one message of one task, with everything that it carries among its options. */
  readonly sends: readonly SignatureData[];
  /** To be known before the last part of their headers is sent. */
  readonly chords: readonly PlannedChord[];
  /** Undefined for an empty chain. */
  readonly result: ResultNode | undefined;
}

/** Options that belong to one call, and not to each of its parts. */
type Call = SignatureParts & { readonly place?: Place };

/** @throws InvalidTaskError for a signature with parts missing */
export function plan(signature: SignatureData, call: Call, ids: Ids): Plan {
  const planner = new Planner(ids);
  const result = planner.apply(signature, call);
  return { sends: planner.sends, chords: planner.chords, result };
}

class Planner {
  readonly sends: SignatureData[] = [];
  readonly chords: PlannedChord[] = [];
  readonly #ids: Ids;

  constructor(ids: Ids) {
    this.#ids = ids;
  }

  apply(signature: SignatureData, call: Call): ResultNode | undefined {
    if (isKind(signature, 'chain')) return this.#chain(signature, call);
    if (isKind(signature, 'group')) return this.#group(signature, call);
    if (isKind(signature, 'chord')) return this.#chord(signature, call);
    if (isKind(signature, 'chunks')) return this.#group(chunksGroup(signature), call);
    return this.#task(signature, call);
  }

  #task(signature: SignatureData, { place = {}, ...parts }: Call): ResultNode {
    const { signature: frozen, result } = freeze(merged(signature, parts), place, this.#ids);
    this.sends.push(frozen);
    return result;
  }

  /** The first step is sent, and carries the others: the next one last, since it is taken from there. */
  #chain(signature: SignatureData, { place = {}, ...parts }: Call): ResultNode | undefined {
    const { args = [], kwargs = {}, options = {} } = parts;
    const { task_id: id, chain: after, link: callbacks, link_error: errbacks, ...others } = options;
    const given = linked(merged(signature, {}), { link: callbacks, link_error: errbacks });
    const frozen = freeze(given, typeof id === 'string' ? { ...place, id } : place, this.#ids);
    const [first, ...rest] = tasksOf(frozen.signature);
    if (first === undefined) return undefined;
    const chain = [...(Array.isArray(after) ? after : []), ...rest.reverse()];
    this.apply(first, {
      ...(signature.immutable ? {} : { args: [...args, ...signature.args], kwargs }),
      options: { ...others, ...(chain.length > 0 && { chain }) },
    });
    return frozen.result;
  }

  #group(signature: SignatureData, { place = {}, ...parts }: Call): ResultNode {
    const { options = {}, ...given } = parts;
    const { task_id: id, ...others } = { ...signature.options, ...options };
    const groupId = typeof id === 'string' ? id : this.#ids.newId();
    const { chord = others.chord, rootId, parentId } = place as Place & { chord?: unknown };
    const members = tasksOf(signature).flatMap(membersOf);
    const results = members.map((member, groupIndex) =>
      this.apply(member, {
        ...given,
        options: shared(others),
        place: { groupId, groupIndex, rootId, parentId, chord: chord as SignatureData | undefined },
      }),
    );
    const [only, ...more] = results;
    // a group of one chain that ends in a group is that group
    if (only?.members && more.length === 0) return only;
    return { id: groupId, members: results.filter(isThere), parent: undefined };
  }

  #chord(signature: SignatureData, call: Call): ResultNode | undefined {
    const { place = {}, args = [], kwargs = {}, options = {} } = call;
    const { task_id: id, ...others } = options;
    const groupId = idOf(signature) ?? this.#ids.newId();
    const given = merged(bodyOf(signature), { options: others });
    const { rootId } = place;
    const bodyPlace = {
      ...place,
      id: typeof id === 'string' ? id : undefined,
      groupId: place.groupId ?? groupId,
    };
    const body = freeze(given, bodyPlace, this.#ids);
    const header = headerOf(signature);
    if (header.length === 0) return this.apply(body.signature, { args: [[]] });
    const members = groupSignature(header, { task_id: groupId });
    const { chain: _, chord: __, ...forHeader } = others;
    const at = this.chords.length;
    const result = this.#group(members, {
      ...(signature.immutable ? {} : { args, kwargs }),
      options: forHeader,
      place: { rootId, parentId: place.parentId, chord: body.signature },
    });
    this.chords.splice(at, 0, {
      groupId,
      size: answersOf(members),
      body: body.signature,
      header: result,
    });
    // as in Celery, also when the body is a chain, whose other results are left out then
    body.result.parent = result;
    return body.result;
  }
}

const isThere = (result: ResultNode | undefined): result is ResultNode => result !== undefined;

const OF_PLACE = new Set(['chord', 'group_id', 'group_index', 'root_id', 'parent_id']);

/** What all members of a group get from it; what says where the group belongs is not theirs. */
function shared(options: SignatureData['options']): SignatureData['options'] {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !OF_PLACE.has(name)));
}

function linked(
  signature: SignatureData,
  options: Readonly<Record<string, unknown>>,
): SignatureData {
  const holder = withOptions({ ...signature, options: {} }, options);
  const called = linksOf(holder, 'link').reduce(link, signature);
  return linksOf(holder, 'link_error').reduce((each, errback) => linkError(each, errback), called);
}

/** `n` items for each message. */
export function chunksGroup({ kwargs }: SignatureData): SignatureData {
  const { task, it, n } = kwargs as { task: SignatureData; it: readonly unknown[]; n: number };
  const parts: SignatureData[] = [];
  for (let i = 0; i < it.length; i += n) parts.push(starmapSignature(task, it.slice(i, i + n)));
  return groupSignature(parts);
}
