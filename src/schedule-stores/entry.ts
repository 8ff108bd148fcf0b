/** An entry of a schedule: which task is sent when, and what beat remembers of it. */
import type { Schedule } from '../schedules/contract.ts';

/** What to do about due times that passed while nobody sent. */
export type CatchUp = 'none' | 'last' | 'all';

/** What to do when the run before has not ended yet. */
export type Overlap = 'allow' | 'skip' | 'queue-one';

export interface Entry {
  readonly name: string;
  readonly task: string;
  readonly schedule: Schedule;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Of the call, spelled as in a setting: `expires`, `queue`, `priority` … */
  readonly options: Readonly<Record<string, unknown>>;
  /** A paused entry has no due times. */
  readonly enabled: boolean;
  /** Default `last`: one run for everything that was missed, as in Celery. */
  readonly catchUp: CatchUp;
  /** Seconds after which a missed due time is not made up for; null is for ever. */
  readonly maxAge: number | null;
  readonly overlap: Overlap;
  /** Each run is sent up to so many seconds late, by a number that depends on entry and due time. */
  readonly jitter: number;
  /** Of the code (`beat_schedule`, `addPeriodicTask`), which takes back what it no longer names, or of an operator. */
  readonly origin: 'code' | 'store';
  readonly description: string;
}

/** What beat remembers of an entry; seconds since the epoch. */
export interface EntryState {
  /** The due time that was sent last, or when the entry was first seen: nothing is due before it. */
  readonly lastRunAt: number;
  readonly totalRunCount: number;
  /** When it was last resumed, if nothing was sent since: what fell into a pause is not due. */
  readonly resumedAt?: number;
}

/** Nothing is due until then; seconds since the epoch. */
export function beginOf({ lastRunAt, resumedAt = lastRunAt }: EntryState): number {
  return Math.max(lastRunAt, resumedAt);
}

/** The last moment that a Date can have, in seconds. */
const LAST_MOMENT = 8.64e12;

/** Whether it is a number of seconds since the epoch that is a date. */
export function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= LAST_MOMENT;
}

export interface StoredEntry {
  readonly entry: Entry;
  /** Undefined for one that nobody has seen yet. */
  readonly state: EntryState | undefined;
}
