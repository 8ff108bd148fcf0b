/**
 * What has to be sent for a workflow to begin: one message for a chain, one for each member of a
 * group, and for a chord what its header will be counted by. Celery: `apply_async` of each kind.
 */
import { type Frozen, freeze, type Ids, idOf, type Place, type ResultNode } from './freeze.ts';
import { link, linkError, linksOf } from './links.ts';
import { merged, type SignatureParts } from './merge.ts';
import { answersOf, membersOf } from './pipe.ts';
import {
  bodyOf,
  chunksGroup,
  groupSignature,
  headerOf,
  isKind,
  tasksOf,
  withOptions,
} from './shapes.ts';
import type { SignatureData } from './signature.ts';
import { Packing, type PackingOptions, type StoredList } from './stored.ts';

export interface PlanOptions extends Ids {
  /** Undefined: each message carries what follows. */
  readonly packing?: PackingOptions | undefined;
}

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
  /** To be kept before anything is sent. */
  readonly stored: readonly StoredList[];
  /** Undefined for an empty chain. */
  readonly result: ResultNode | undefined;
}

/** Options that belong to one call, and not to each of its parts. */
type Call = SignatureParts & { readonly place?: Place };

/** @throws InvalidTaskError for a signature with parts missing */
export function plan(signature: SignatureData, call: Call, options: PlanOptions): Plan {
  const planner = new Planner(options);
  const result = planner.apply(signature, call);
  return { ...planner.planned, result };
}

/** Planned bit by bit, when a group or the header of a chord has more members than are known at once. */
export interface PlannedStream {
  readonly groupId: string;
  /** The body of a chord, with its id. */
  readonly body: SignatureData | undefined;
  /** Without members. */
  readonly result: ResultNode;
  /** @param from place of the first of these among all members */
  batch(members: readonly SignatureData[], from: number): PlannedMembers;
}

export interface PlannedMembers extends Omit<Plan, 'result'> {
  readonly results: readonly ResultNode[];
  /** How many parts of a chord they are. */
  readonly answers: number;
  /** Those that they count as in the group, which is more than are planned when one is a group. */
  readonly count: number;
}

export function planStream(
  signature: SignatureData,
  call: Call,
  options: PlanOptions,
): PlannedStream {
  const planner = new Planner(options);
  const chord = isKind(signature, 'chord') ? planner.chordShape(signature, call) : undefined;
  const shape = chord
    ? planner.groupShape(groupSignature([], { task_id: chord.groupId }), chord.header)
    : planner.groupShape(signature, call);
  let { stored } = planner.planned;
  const header: ResultNode = { id: shape.groupId, members: [], parent: undefined };
  const result = chord ? { ...chord.body.result, parent: header } : header;
  const batch = (members: readonly SignatureData[], from: number): PlannedMembers => {
    const each = new Planner(options);
    const { results, count } = each.members(members, from, shape);
    const answers = members.reduce((sum, member) => sum + answersOf(member), 0);
    const { planned } = each;
    const kept = [...stored, ...planned.stored];
    stored = [];
    return { ...planned, stored: kept, results, answers, count };
  };
  return { groupId: shape.groupId, body: chord?.body.signature, result, batch };
}

/** What all members of a group get. */
interface GroupShape {
  readonly groupId: string;
  readonly parts: SignatureParts;
  readonly place: Place;
}

interface ChordShape {
  readonly groupId: string;
  readonly body: Frozen;
  readonly header: Call;
}

class Planner {
  readonly #sends: SignatureData[] = [];
  readonly #chords: PlannedChord[] = [];
  readonly #ids: Ids;
  readonly #packing: Packing;

  constructor(options: PlanOptions) {
    this.#ids = options;
    this.#packing = new Packing(options.packing, () => options.newId());
  }

  get planned() {
    return { sends: this.#sends, chords: this.#chords, stored: this.#packing.stored };
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
    this.#sends.push(frozen);
    return result;
  }

  /** The first step is sent, and carries the others: the next one last, since it is taken from there. */
  #chain(signature: SignatureData, { place = {}, ...parts }: Call): ResultNode | undefined {
    const { args = [], kwargs = {}, options = {} } = parts;
    const { task_id: id, chain: after, link: callbacks, link_error: errbacks, ...given } = options;
    const whole = linked(merged(signature, {}), { link: callbacks, link_error: errbacks });
    const frozen = freeze(whole, typeof id === 'string' ? { ...place, id } : place, this.#ids);
    const [first, ...rest] = tasksOf(frozen.signature);
    if (first === undefined) return undefined;
    const following = [...(Array.isArray(after) ? after : []), ...rest.reverse()];
    const chain = this.#packing.chain(following);
    this.apply(first, {
      ...(signature.immutable ? {} : { args: [...args, ...signature.args], kwargs }),
      options: { ...ownOptions(signature), ...given, ...(chain.length > 0 && { chain }) },
    });
    return frozen.result;
  }

  #group(signature: SignatureData, call: Call): ResultNode {
    const shape = this.groupShape(signature, call);
    const { results } = this.members(tasksOf(signature), 0, shape);
    const [only, ...more] = results;
    // a group of one chain that ends in a group is that group
    if (only?.members && more.length === 0) return only;
    return { id: shape.groupId, members: results, parent: undefined };
  }

  groupShape(signature: SignatureData, { place = {}, ...parts }: Call): GroupShape {
    const { options = {}, ...given } = parts;
    const { task_id: id, ...others } = { ...signature.options, ...options };
    const groupId = typeof id === 'string' ? id : this.#ids.newId();
    const { chord = others.chord, rootId, parentId } = place as Place & { chord?: unknown };
    return {
      groupId,
      parts: { ...given, options: shared(others) },
      place: { groupId, rootId, parentId, chord: chord as SignatureData | undefined },
    };
  }

  /** @param from place of the first one */
  members(given: readonly SignatureData[], from: number, { parts, place }: GroupShape) {
    const members = given.flatMap(membersOf);
    const results = members.map((member, i) =>
      this.apply(member, { ...parts, place: { ...place, groupIndex: from + i } }),
    );
    return { results: results.filter(isThere), count: members.length };
  }

  /** The body with its id, and how the header is called. */
  chordShape(signature: SignatureData, call: Call): ChordShape {
    const { place = {}, args = [], kwargs = {}, options = {} } = call;
    const { task_id: id, ...others } = { ...ownOptions(signature), ...options };
    const groupId = idOf(signature) ?? this.#ids.newId();
    const given = merged(bodyOf(signature), { options: others });
    const { rootId, parentId } = place;
    const bodyPlace = {
      ...place,
      id: typeof id === 'string' ? id : undefined,
      groupId: place.groupId ?? groupId,
    };
    const body = freeze(given, bodyPlace, this.#ids);
    const { chain: _, chord: __, ...forHeader } = others;
    const header = {
      ...(signature.immutable ? {} : { args, kwargs }),
      options: forHeader,
      place: { rootId, parentId, chord: this.#packing.body(body.signature) },
    };
    return { groupId, body, header };
  }

  #chord(signature: SignatureData, call: Call): ResultNode | undefined {
    const { groupId, body, header } = this.chordShape(signature, call);
    const parts = headerOf(signature);
    if (parts.length === 0) return this.apply(body.signature, { args: [[]] });
    const members = groupSignature(parts, { task_id: groupId });
    const at = this.#chords.length;
    const result = this.#group(members, header);
    this.#chords.splice(at, 0, {
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

/** Those of a chain or a chord that are for its parts: what is linked to it is linked to them. */
function ownOptions({ options }: SignatureData): SignatureData['options'] {
  const { task_id: _, reply_to: __, link: ___, link_error: ____, ...own } = shared(options);
  return own;
}

function linked(
  signature: SignatureData,
  options: Readonly<Record<string, unknown>>,
): SignatureData {
  const holder = withOptions({ ...signature, options: {} }, options);
  const called = linksOf(holder, 'link').reduce(link, signature);
  return linksOf(holder, 'link_error').reduce((each, errback) => linkError(each, errback), called);
}
