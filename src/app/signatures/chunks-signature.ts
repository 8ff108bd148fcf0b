import { chunksGroup } from '../../canvas/shapes.ts';
import type { GroupResult } from '../results/group-result.ts';
import { Group } from './group-signature.ts';
import { Signature } from './signature.ts';

/** Calls of one task in chunks, each chunk one message. Celery: `chunks`. */
export class Chunks<R = unknown> extends Signature<[], R[][], 'immutable', GroupResult<R[][]>> {
  /** A group with a member for each chunk. Celery: `group`. */
  group(): Group<[], R[][], 'immutable'> {
    return new Group(chunksGroup(this), this['~host']);
  }
}
