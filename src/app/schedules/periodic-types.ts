/** What the compiler knows of the call of a periodic task: that no argument is missing. */
import type { BeatLazy } from '../../schedule-stores/lazy.ts';
import type { Args, MissingOf } from '../signatures/part-types.ts';
import type { AnySignature } from '../signatures/signature.ts';
import type { PeriodicTaskOptions } from './periodic-tasks.ts';

/** Each of them may be computed when it is sent. */
type PeriodicArgs<A extends Args> = { readonly [I in keyof A]: A[I] | BeatLazy };

type WithKeywords = PeriodicTaskOptions & {
  readonly kwargs: Readonly<Record<string, unknown>>;
};

type WithArguments<A extends Args> =
  | (PeriodicTaskOptions & { readonly args: PeriodicArgs<A> })
  | WithKeywords;

type OptionsOfTask<A extends Args> = [] extends A
  ? [options?: (PeriodicTaskOptions & { readonly args?: PeriodicArgs<A> }) | WithKeywords]
  : [options: WithArguments<A>];

type OptionsOfSignature<M> = [] extends M
  ? [options?: PeriodicTaskOptions]
  : [options: (PeriodicTaskOptions & { readonly args: Args }) | WithKeywords];

/** The options of `addPeriodicTask`; with those arguments that the task or the signature still lacks. */
export type OptionsOfPeriodic<T> = T extends AnySignature
  ? OptionsOfSignature<MissingOf<T>>
  : T extends (...args: infer A) => unknown
    ? OptionsOfTask<A>
    : [options?: PeriodicTaskOptions];
