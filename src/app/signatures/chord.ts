import { type AnyIterable, LazyParts } from '../../canvas/lazy.ts';
import { chordSignature, isKind, lazyPartsOf, type Parts, tasksOf } from '../../canvas/shapes.ts';
import { isIterable } from './group.ts';
import type { Group } from './group-signature.ts';
import type {
  AnyTyped,
  HandleOf,
  MissingOf,
  MissingOfAll,
  ResultOf,
  ResultsOf,
  Typed,
} from './part-types.ts';
import { type AnySignature, hostOf, plain, type Signature, signatureIn } from './signature.ts';

/** In the message of the compiler: the body gets the list of the header's results, and does not take it. */
export interface ChordMismatch<Results, Wanted> {
  readonly '~chordMismatch': { results: Results; bodyTakes: Wanted };
}

/** What may stand before the body of a chord. */
export type Header = AnySignature | readonly AnySignature[] | AnyIterable<AnySignature>;

type HeaderResults<H> =
  H extends Group<infer _M, infer R, infer _K>
    ? R
    : H extends readonly AnySignature[]
      ? ResultsOf<H>
      : H extends AnyIterable<infer S>
        ? ResultOf<S>[]
        : ResultOf<H>[];

type HeaderMissing<H> = H extends readonly AnySignature[]
  ? MissingOfAll<H>
  : H extends AnyIterable<infer S>
    ? MissingOf<S>
    : MissingOf<H>;

/** The body, or a mismatch in its place. */
export type BodyAfter<Results, B> =
  B extends Typed<infer M, infer _R, infer K, infer _H>
    ? [K] extends ['immutable']
      ? B
      : [[Results]] extends [M]
        ? B
        : ChordMismatch<Results, M>
    : never;

/**
 * A group, and after all of it one call, which gets the list of its results. When a member fails the
 * body does not run, and its result is a ChordError. Celery: `chord`.
 *
 * @param header a list of calls, a group, one call, or what can be iterated, which is read when the
 *   chord is applied. As in Celery a chain in its place is its steps, side by side: put it in a list
 * @param body takes that list as its first argument, or is immutable
 * @throws TypeError for what is no signature
 */
export function chord<const H extends Header, B extends AnyTyped>(
  header: H,
  body: BodyAfter<HeaderResults<H>, B> extends B ? B : BodyAfter<HeaderResults<H>, B>,
): Signature<HeaderMissing<H>, ResultOf<B>, 'partial', HandleOf<B>> {
  const last = signatureIn(body, 'chord', 'its body');
  const { parts, members } = partsOf(header);
  const host = hostOf([last, ...members]);
  const data = chordSignature(parts, plain(last));
  return host.signature(data) as Signature<HeaderMissing<H>, ResultOf<B>, 'partial', HandleOf<B>>;
}

function partsOf(header: unknown): { parts: Parts; members: readonly AnySignature[] } {
  if (Array.isArray(header)) {
    const members = header.map(partOf);
    return { parts: members.map(plain), members };
  }
  if (isIterable(header)) return { parts: new LazyParts(header, partOf), members: [] };
  const one = signatureIn(header, 'chord', 'its header');
  const hasTasks = isKind(one, 'group') || isKind(one, 'chain');
  return { parts: hasTasks ? (lazyPartsOf(one) ?? tasksOf(one)) : [plain(one)], members: [one] };
}

const partOf = (value: unknown, index: number) =>
  signatureIn(value, 'chord', `part ${index + 1} of its header`);
