/** Lets a chord go on that stands still, through the store alone: as a worker that tells its parts. */
import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import type { ChordPart } from '../../backends/contract.ts';
import { counted } from '../../base/text/counted.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { SUCCESS } from '../../wire/results/states.ts';
import { CommandError } from '../parsing/command-error.ts';
import {
  type ChordState,
  type CountingBackend,
  endedUncounted,
  isUnsent,
  type UncountedTask,
} from './chord-state.ts';
import { completeHere } from './complete-here.ts';

export interface Repair {
  readonly app: Celery;
  readonly backend: CountingBackend;
  readonly body: SignatureData | undefined;
}

export interface Repaired {
  /** Ids of the tasks that were counted. */
  readonly counted: readonly string[];
  /** Null while tasks have still to end. */
  readonly body: 'sent' | 'given up' | 'sent before' | null;
  /** Why the body was given up. */
  readonly reason?: string;
}

/** @throws CommandError when something has to be told first, or somebody else is at it */
export async function repairChord(repair: Repair, state: ChordState): Promise<Repaired> {
  const { groupId, size } = state;
  if (size === undefined) {
    throw new CommandError(
      `The size of the chord ${groupId} was never stored: say with --size how many tasks its header has.`,
    );
  }
  const missing = placed(state, endedUncounted(state));
  const willBeComplete = state.counted.length + missing.length >= size;
  if (willBeComplete) {
    requiredBody(repair, groupId);
    // nothing is begun that cannot be ended: a body that cannot be sent would be given up
    await (await repair.app[INTERNALS].transport()).connect();
  }
  const parts = await countAll(repair, groupId, isUnsent(state) ? [state.counted[0]!] : missing);
  const ids = missing.map(({ taskId }) => taskId);
  if (parts) {
    const body = requiredBody(repair, groupId);
    return { counted: ids, ...(await end(repair, { groupId, body, parts })) };
  }
  if (!willBeComplete) return { counted: ids, body: null };
  throw new CommandError(
    `The body of the chord ${groupId} is being sent by somebody else. Look again in half a minute.`,
  );
}

/** @returns all parts, when it is for us to send the body */
async function countAll(
  { backend }: Repair,
  groupId: string,
  parts: readonly ChordPart[],
): Promise<readonly ChordPart[] | undefined> {
  let all: readonly ChordPart[] | undefined;
  for (const part of parts) all = (await backend.chords.addPart(groupId, part)) ?? all;
  return all;
}

async function end(
  { app, backend }: Repair,
  chord: { groupId: string; body: SignatureData; parts: readonly ChordPart[] },
): Promise<Pick<Repaired, 'body' | 'reason'>> {
  const { task_id: id } = chord.body.options;
  // its worker died after it had sent the body, and the body has run since
  if (typeof id === 'string' && (await backend.fetch(id))) {
    await backend.chords.close(chord.groupId);
    return { body: 'sent before' };
  }
  const reason = await completeHere(app, chord);
  await backend.chords.close(chord.groupId);
  return reason === undefined ? { body: 'sent' } : { body: 'given up', reason };
}

function requiredBody({ body }: Repair, groupId: string): SignatureData {
  if (body) return body;
  throw new CommandError(
    `All parts of the chord ${groupId} have ended, but its body is not in the store: only the messages of its tasks had it. Give it with --body.`,
  );
}

/** @throws CommandError when the body would get its values in an order that nobody knows */
function placed(state: ChordState, ended: readonly UncountedTask[]): ChordPart[] {
  const { groupId, counted: known, source } = state;
  const isLost = [...known, ...ended].some(({ status }) => status !== SUCCESS);
  const homeless = ended.filter(({ place }) => place === null);
  if (homeless.length > 0 && source === 'found' && !isLost) {
    throw new CommandError(
      `Nobody knows the place of ${counted(homeless.length, 'task')} in the header of the chord ${groupId}: give the ids of all its tasks, in their order, with --task.`,
    );
  }
  return ended.map(({ taskId, place, status, meta }) => ({
    taskId,
    index: place,
    status,
    result: meta!.result,
  }));
}
