/** Sends what a plan begins with, so that no part of a chord can end before its number is known. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { type ResultNode, resultTuple } from './freeze.ts';
import type { Plan, PlannedChord } from './plan.ts';
import type { SignatureData } from './signature.ts';
import type { StoredList } from './stored.ts';

/** What has to be known of a plan's chords before their parts are sent. */
export interface PlanStore {
  /** Undefined in stores that cannot count. */
  readonly chords?: { setSize(groupId: string, size: number): Promise<void> } | undefined;
  storeGroup(groupId: string, tuple: unknown, what?: string): Promise<void>;
}

export interface PlanPorts {
  /** Asked for a plan with chords, or with what is to be stored, only; undefined where no results are kept. */
  store(): PlanStore | undefined | Promise<PlanStore | undefined>;
  /** Publish one message. Resolves when the broker has it. */
  send(signature: SignatureData): Promise<unknown>;
}

/** Messages that are on their way to the broker together. */
export const MOST_AT_ONCE = 1000;

/** @throws ImproperlyConfigured for a chord where nobody can count its parts */
export async function sendPlan(
  { sends, chords, stored }: Omit<Plan, 'result'>,
  ports: PlanPorts,
): Promise<void> {
  if (chords.length > 0 || stored.length > 0) {
    const store = await ports.store();
    await Promise.all(stored.map(list => keep(list, store)));
    await Promise.all(chords.map(chord => announce(chord, store)));
  }
  // at once, so that a broker gets them in few round trips, but never a list of any length
  for (let at = 0; at < sends.length; at += MOST_AT_ONCE) {
    const batch = sends.slice(at, at + MOST_AT_ONCE);
    await Promise.all(batch.map(signature => ports.send(signature)));
  }
}

/** What follows, of which messages carry only where it is. */
async function keep({ id, signatures }: StoredList, store: PlanStore | undefined): Promise<void> {
  if (store) return store.storeGroup(id, signatures, 'the rest of a workflow');
  throw new ImproperlyConfigured(
    'task_inline_workflow_size needs a result backend that keeps results for everybody, as redis:// and db+sqlite:// do.',
  );
}

/** Tells how many parts of a chord answer, and what they are when some of them are groups. */
export async function announce(chord: PlannedChord, store: PlanStore | undefined): Promise<void> {
  if (!store?.chords) {
    throw new ImproperlyConfigured(
      `The result backend cannot count the parts of a chord (${chord.body.task} waits for ${chord.size}): ` +
        'set result_backend to one that keeps results for everybody, as redis:// and db+sqlite:// do.',
    );
  }
  const { groupId, size, header } = chord;
  if (isNested(header)) await store.storeGroup(groupId, resultTuple(header));
  await store.chords.setSize(groupId, size);
}

/** Some of its values are lists, which the parts alone do not tell. */
const isNested = ({ members = [] }: ResultNode) => members.some(member => member.members);
