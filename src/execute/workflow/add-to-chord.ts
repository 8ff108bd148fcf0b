import { answersOf } from '../../canvas/pipe.ts';
import { withOptions } from '../../canvas/shapes.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import type { Execution } from '../execution.ts';
import { sendSignature } from './send-signature.ts';

/**
 * One part more for the chord that this run is part of. Its number is told first: the chord cannot be
 * complete before this run has ended.
 *
 * @returns the id of the task
 * @throws TypeError outside of a chord
 */
export async function addToChord(x: Execution, signature: SignatureData): Promise<string> {
  const { group } = x.headers;
  const { chord } = x.continuation;
  const chords = x.ports.workflows?.chords;
  if (!chord || group === null || !chords) {
    throw new TypeError('addToChord needs a task that is part of a chord.');
  }
  await chords.grow(group, answersOf(signature));
  const part = withOptions(signature, { task_id: null });
  const result = await sendSignature(x, part, { place: { groupId: group, chord } });
  return result!.id;
}
