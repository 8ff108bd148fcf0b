import { pipeAll } from '../../canvas/pipe.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { Group } from './group-signature.ts';
import type { HandleOf, MissingOf, ResultOf, StepAfter } from './part-types.ts';
import { type AnySignature, hostOf, plain, type Signature, signatureIn } from './signature.ts';

type Last<S extends readonly unknown[]> = S extends readonly [...unknown[], infer L] ? L : never;
type Rest<S extends readonly unknown[]> = S extends readonly [unknown, ...infer R] ? R : [];

/** A group of one is that one in a chain. */
type Unrolled<S> =
  S extends Group<infer _M, infer R, infer _K>
    ? R extends readonly [infer One]
      ? One
      : R
    : ResultOf<S>;

type UnrolledHandle<S> =
  S extends Group<infer _M, infer R, infer _K>
    ? R extends readonly [infer One]
      ? AsyncResult<One>
      : HandleOf<S>
    : HandleOf<S>;

/** What a chain of these steps is. */
export type Chained<S extends readonly AnySignature[]> = S extends readonly [
  infer Only extends AnySignature,
]
  ? Signature<MissingOf<Only>, ResultOf<Only>, 'partial', HandleOf<Only>>
  : Signature<MissingOf<S[0]>, Unrolled<Last<S>>, 'partial', UnrolledHandle<Last<S>>>;

/** The steps, with a mismatch in the place of each that does not take what the one before gives. */
export type CheckedChain<S extends readonly AnySignature[]> = S extends readonly [
  infer F extends AnySignature,
  infer N extends AnySignature,
  ...infer More extends AnySignature[],
]
  ? readonly [F, StepAfter<Unrolled<F>, N>, ...Rest<CheckedChain<readonly [N, ...More]>>]
  : S;

/**
 * Calls one after the other, each with the result of the one before as its first argument. Its
 * result is that of the last one. A group in it gives the list of its results to the step after it,
 * which is a chord then; a group of one call is that call. Celery: `chain`, `|`.
 *
 * @param steps one after the other, or as a list
 * @throws TypeError for what is no signature, and for no steps
 */
export function chain<const S extends readonly [AnySignature, ...AnySignature[]]>(
  ...steps: CheckedChain<S> extends S ? S : CheckedChain<S>
): Chained<S>;
/** Of a list whose length is known when it runs only; that its steps fit is not checked. */
export function chain<S extends AnySignature>(
  steps: readonly S[],
): Signature<MissingOf<S>, unknown, 'partial', AsyncResult<unknown>>;
export function chain(...steps: readonly unknown[]): AnySignature {
  const [only, ...more] = steps;
  const given: readonly unknown[] = more.length === 0 && Array.isArray(only) ? only : steps;
  if (given.length === 0) throw new TypeError('chain needs a step at least, such as add.s(1, 2)');
  const known = given.map((step, i) => signatureIn(step, 'chain', `step ${i + 1}`));
  return hostOf(known).signature(pipeAll(known.map(plain)));
}
