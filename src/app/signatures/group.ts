import { type AnyIterable, LazyParts } from '../../canvas/lazy.ts';
import { groupSignature } from '../../canvas/shapes.ts';
import { Group } from './group-signature.ts';
import { EMPTY_HOST, LazyHost } from './hosts.ts';
import type { MissingOf, MissingOfAll, ModeOfAll, ResultOf, ResultsOf } from './part-types.ts';
import { type AnySignature, hostOf, plain, signatureIn } from './signature.ts';

// biome-ignore lint/suspicious/noExplicitAny: any group, whatever its types
type AnyGroup = Group<any, any, any>;

/**
 * Calls side by side; its result are all of theirs, in their order. The members of a generator, or of
 * anything else that can be iterated, are read when the group is applied, and not all at once: see
 * `applyAsync` of a lazy group in docs/user-guide/canvas.md. Celery: `group`.
 *
 * @param members one after the other, as a list, or as what can be iterated; a group in their place
 *   is itself
 * @throws TypeError for what is no signature
 */
export function group<G extends AnyGroup>(group: G): G;
export function group<const S extends readonly AnySignature[]>(
  ...members: S
): Group<MissingOfAll<S>, ResultsOf<S>, ModeOfAll<S>>;
export function group<const S extends readonly AnySignature[]>(
  members: S,
): Group<MissingOfAll<S>, ResultsOf<S>, ModeOfAll<S>>;
export function group<S extends AnySignature>(
  members: AnyIterable<S>,
): Group<MissingOf<S>, ResultOf<S>[], 'partial'>;
export function group(...given: readonly unknown[]): AnyGroup {
  const [only, ...others] = given;
  if (others.length === 0 && only instanceof Group) return only;
  if (others.length > 0 || !isIterable(only)) return listed(given);
  return Array.isArray(only) ? listed(only) : lazy(only);
}

function listed(given: readonly unknown[]): AnyGroup {
  const members = given.map(memberOf);
  const host = members.length > 0 ? hostOf(members) : EMPTY_HOST;
  return new Group(groupSignature(members.map(plain)), host);
}

function lazy(given: AnyIterable<unknown>): AnyGroup {
  const parts = new LazyParts(given, memberOf);
  return new Group(groupSignature(parts), new LazyHost(parts));
}

export function memberOf(value: unknown, index: number): AnySignature {
  return signatureIn(value, 'group', `member ${index + 1}`);
}

export function isIterable(value: unknown): value is AnyIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}
