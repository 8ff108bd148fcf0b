import { checkOptions, type Kinds, seconds } from '../../base/option-kinds.ts';
import { type Skew, skewed } from '../../canvas/group-options.ts';
import type { GroupResult } from '../results/group-result.ts';
import type { Args, SignatureMode } from './part-types.ts';
import { plain, Signature } from './signature.ts';

const SKEW: Kinds<Skew> = { start: seconds, stop: seconds, step: seconds };

/** Calls side by side. Celery: `group`. */
export class Group<
  M extends Args = Args,
  R extends readonly unknown[] = unknown[],
  K extends SignatureMode = SignatureMode,
> extends Signature<M, R, K, GroupResult<R>> {
  /**
   * The same with a countdown for each member, in seconds: `start` (1) for the first, `step` (1) more
   * for each, and from `stop` on no more than that. Celery: `skew`.
   */
  skew(options: Skew = {}): this {
    checkOptions(options, SKEW, 'skew');
    const data = skewed(plain(this), options);
    return new Group(data, this['~host']) as unknown as this;
  }
}
