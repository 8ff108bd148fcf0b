/** What can be known of a chord whose body was not sent: from the store, and from whoever asks. */
import type { ChordPart, ResultBackend } from '../../backends/contract.ts';
import { fetchMany } from '../../backends/wait-many.ts';
import { taskIdsIn } from '../../wire/result-shapes.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import { PENDING, READY_STATES } from '../../wire/results/states.ts';

/** A store that keeps results for everybody and counts. */
export type CountingBackend = ResultBackend & Required<Pick<ResultBackend, 'chords'>>;

/** A task of the header that was not counted. */
export interface UncountedTask {
  readonly taskId: string;
  /** Its place in the header; null when nobody knows it. */
  readonly place: number | null;
  /** PENDING when nothing is stored of it. */
  readonly status: string;
  readonly meta: ResultMeta | undefined;
}

/** Where the ids of the header are known from. */
export type HeaderSource = 'told' | 'saved' | 'found' | 'unknown';

export interface ChordState {
  readonly groupId: string;
  readonly size: number | undefined;
  readonly counted: readonly ChordPart[];
  readonly uncounted: readonly UncountedTask[];
  readonly source: HeaderSource;
}

/** @returns undefined for a chord whose body was sent, that expired, or that was never there */
export async function chordState(
  backend: CountingBackend,
  groupId: string,
  told: readonly string[] | undefined,
): Promise<ChordState | undefined> {
  const progress = await backend.chords.progress(groupId);
  if (!progress) return undefined;
  const { size, parts: counted } = progress;
  const { source, ids, metas, isOrdered } = await header(
    backend,
    groupId,
    told,
    isComplete(size, counted),
  );
  const isCounted = new Set(counted.map(({ taskId }) => taskId));
  const uncounted = ids
    .map((taskId, i) => ({
      taskId,
      place: isOrdered ? i : null,
      status: metas[i]?.status ?? PENDING,
      meta: metas[i],
    }))
    .filter(({ taskId }) => !isCounted.has(taskId));
  return { groupId, size, counted, uncounted: withGap(uncounted, size, counted), source };
}

interface Header {
  readonly source: HeaderSource;
  readonly ids: readonly string[];
  readonly metas: readonly (ResultMeta | undefined)[];
  /** The ids are in the order of the header, one for each of its members. */
  readonly isOrdered: boolean;
}

async function header(
  backend: CountingBackend,
  groupId: string,
  told: readonly string[] | undefined,
  complete: boolean,
): Promise<Header> {
  if (told) {
    return { source: 'told', ids: told, metas: await fetchMany(backend, told), isOrdered: true };
  }
  const group = await backend.fetchGroup(groupId);
  const saved = taskIdsIn(group);
  if (saved) {
    const metas = await fetchMany(backend, saved);
    return {
      source: 'saved',
      ids: saved,
      metas,
      isOrdered: membersOf(group).length === saved.length,
    };
  }
  const metas = complete ? [] : await backend.fetchOfGroup?.(groupId);
  if (!metas) return { source: 'unknown', ids: [], metas: [], isOrdered: false };
  return { source: 'found', ids: metas.map(({ task_id }) => task_id), metas, isOrdered: false };
}

function membersOf(tuple: unknown): readonly unknown[] {
  const [, members] = Array.isArray(tuple) ? (tuple as unknown[]) : [];
  return Array.isArray(members) ? members : [];
}

/** The only task that is missing has the only place that is free. */
function withGap(
  uncounted: readonly UncountedTask[],
  size: number | undefined,
  counted: readonly ChordPart[],
): readonly UncountedTask[] {
  const [only, ...more] = uncounted;
  if (!only || more.length > 0 || only.place !== null || counted.length + 1 !== size) {
    return uncounted;
  }
  const taken = new Set(counted.map(({ index }) => index));
  const free = Array.from({ length: size }, (_, i) => i).filter(i => !taken.has(i));
  return free.length === 1 ? [{ ...only, place: free[0]! }] : uncounted;
}

function isComplete(size: number | undefined, counted: readonly ChordPart[]): boolean {
  return size !== undefined && counted.length >= size;
}

/** Whether all parts were counted, so that only the body is missing. */
export const isUnsent = ({ size, counted }: ChordState) => isComplete(size, counted);

/** Tasks that have ended, as their stored results tell, and were not counted. */
export const endedUncounted = ({ uncounted }: ChordState) =>
  uncounted.filter(({ status }) => READY_STATES.has(status));
