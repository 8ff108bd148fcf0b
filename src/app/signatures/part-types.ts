/** What the compiler knows of signatures, and how it follows from that of their parts. */
import type { AsyncResult } from '../results/async-result.ts';
import type { EagerResult } from '../results/eager-result.ts';
import type { GroupResult } from '../results/group-result.ts';

export type Args = readonly unknown[];
/** Whether the result of what comes before is its first argument. */
export type SignatureMode = 'partial' | 'immutable';

/** Every tail of a list of parameters: of `[a, b]` these are `[a, b]`, `[b]` and `[]`. */
export type Tail<A extends Args> =
  | A
  | (A extends readonly [unknown?, ...infer R]
      ? A extends readonly []
        ? never
        : number extends A['length']
          ? never
          : Tail<R>
      : never);

/** The parameters that are still missing when their tail is given. */
export type Missing<A extends Args, T extends Args> = T extends readonly [unknown, ...infer TR]
  ? A extends readonly [...infer AR, unknown]
    ? Missing<AR, TR>
    : number extends A['length']
      ? A
      : never
  : A;

/** A signature, as the compiler tells them apart. */
export interface Typed<M, R, K, H> {
  readonly '~types'?: { missing: M; result: R; mode: K; handle: H };
}

// biome-ignore lint/suspicious/noExplicitAny: any signature, whatever its types
export type AnyTyped = Typed<any, any, any, any>;

export type ResultOf<S> = S extends Typed<infer _M, infer R, infer _K, infer _H> ? R : never;
export type MissingOf<S> = S extends Typed<infer M, infer _R, infer _K, infer _H> ? M : never;
export type HandleOf<S> = S extends Typed<infer _M, infer _R, infer _K, infer H> ? H : never;

/** What comes of a call that runs here instead of being sent. */
export type EagerHandle<H> =
  H extends GroupResult<infer R>
    ? GroupResult<R>
    : H extends AsyncResult<infer R>
      ? EagerResult<R>
      : never;

/** In the message of the compiler: a step gets what it does not take. */
export interface ChainMismatch<Produced, Wanted> {
  readonly '~chainMismatch': { produced: Produced; wanted: Wanted };
}

/** The step, or a mismatch in its place. */
export type StepAfter<Before, S> =
  S extends Typed<infer M, infer _R, infer K, infer _H>
    ? [K] extends ['immutable']
      ? S
      : [Before] extends M
        ? S
        : ChainMismatch<Before, M>
    : never;

/** A group is its members where it is one of several. */
interface AnyGroup extends AnyTyped {
  skew(...options: never[]): unknown;
}

/** Values of several, in their order. */
export type ResultsOf<S extends readonly unknown[]> = S extends readonly []
  ? []
  : S extends readonly [infer F, ...infer More]
    ? [...MembersOf<F>, ...ResultsOf<More>]
    : MembersOf<S[number]>[number][];

type MembersOf<S> = S extends AnyGroup ? ListIn<ResultOf<S>> : [ResultOf<S>];
type ListIn<R> = R extends readonly unknown[] ? R : never;

/** What all of several lack: each gets the same arguments, and immutable ones none. */
export type MissingOfAll<S extends readonly unknown[]> = number extends S['length']
  ? MissingOf<S[number]>
  : OrNothing<MeetAll<S>>;

/** Nothing in it takes arguments when that holds for all of its members. */
export type ModeOfAll<S extends readonly unknown[]> = number extends S['length']
  ? ModeOf<S[number]>
  : [MeetAll<S>] extends [undefined]
    ? 'immutable'
    : 'partial';

type ModeOf<S> = S extends Typed<infer _M, infer _R, infer K, infer _H> ? K : never;

type OrNothing<M> = [M] extends [Args] ? M : [M] extends [undefined] ? [] : never;

/** Undefined when none of them takes arguments. */
type MeetAll<S extends readonly unknown[]> = S extends readonly [infer F, ...infer More]
  ? Meet<MissingIn<F>, MeetAll<More>>
  : undefined;

type MissingIn<S> = ModeOf<S> extends 'immutable' ? undefined : MissingOf<S>;

type Meet<Own, Others> = [Own] extends [undefined]
  ? Others
  : [Others] extends [undefined]
    ? Own
    : [Own] extends [Others]
      ? Own
      : [Others] extends [Own]
        ? Others
        : never;
