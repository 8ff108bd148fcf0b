import { pipeAll } from '../../canvas/pipe.ts';
import { plain, Signature } from './signature.ts';

// biome-ignore lint/suspicious/noExplicitAny: any signature, whatever its types
export type AnySignature = Signature<any, any, any>;

type ResultOf<S> = S extends Signature<infer _M, infer R, infer _K> ? R : never;
type MissingOf<S> = S extends Signature<infer M, infer _R, infer _K> ? M : never;
type Last<S extends readonly unknown[]> = S extends readonly [...unknown[], infer L] ? L : never;
type Rest<S extends readonly unknown[]> = S extends readonly [unknown, ...infer R] ? R : [];

/** In the message of the compiler: a step gets what it does not take. */
export interface ChainMismatch<Produced, Wanted> {
  readonly '~chainMismatch': { produced: Produced; wanted: Wanted };
}

type StepAfter<Before, S> =
  S extends Signature<infer M, infer _R, infer K>
    ? [K] extends ['immutable']
      ? S
      : [Before] extends M
        ? S
        : ChainMismatch<Before, M>
    : never;

/** The steps, with a mismatch in the place of each that does not take what the one before gives. */
export type CheckedChain<S extends readonly AnySignature[]> = S extends readonly [
  infer F extends AnySignature,
  infer N extends AnySignature,
  ...infer More extends AnySignature[],
]
  ? readonly [F, StepAfter<ResultOf<F>, N>, ...Rest<CheckedChain<readonly [N, ...More]>>]
  : S;

/**
 * Calls one after the other, each with the result of the one before as its first argument. Its
 * result is that of the last one. Celery: `chain`, `|`.
 *
 * @throws TypeError for what is no signature
 */
export function chain<const S extends readonly [AnySignature, ...AnySignature[]]>(
  ...steps: CheckedChain<S> extends S ? S : CheckedChain<S>
): Signature<MissingOf<S[0]>, ResultOf<Last<S>>, 'partial'> {
  const signatures = steps as readonly unknown[];
  for (const [i, step] of signatures.entries()) {
    if (step instanceof Signature) continue;
    throw new TypeError(
      `chain needs signatures, such as add.s(1, 2), got ${describe(step)} as step ${i + 1}`,
    );
  }
  const known = signatures as readonly AnySignature[];
  return new Signature(pipeAll(known.map(plain)), known[0]!['~host']);
}

const describe = (value: unknown) =>
  typeof value === 'function' ? `a function (${value.name})` : JSON.stringify(value);
