/** What the stores of chords have in common. */
import { SUCCESS } from '../wire/results/states.ts';
import type { ChordPart } from './contract.ts';

/** Seconds that whoever got the parts of a chord has for sending its body, before another gets them. */
export const CHORD_LEASE = 30;

/** One part of each task, a success if there is one, as for its result document. */
export function firstOfEach(parts: readonly ChordPart[]): ChordPart[] {
  const byTask = new Map<string, ChordPart>();
  for (const part of parts) {
    const known = byTask.get(part.taskId);
    if (!known || (known.status !== SUCCESS && part.status === SUCCESS)) {
      byTask.set(part.taskId, part);
    }
  }
  return [...byTask.values()];
}
