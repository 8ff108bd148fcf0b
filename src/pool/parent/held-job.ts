import type { Job } from '../contract.ts';
import type { Limited } from '../deadlines.ts';

/** Bytes: more may be on its way for longer than a child has to start a job. */
const LARGE = 256 * 1024;

/** A job between `submit` and its answer; `C` is what may hold it. */
export class HeldJob<C = unknown> implements Limited {
  readonly job: Job;
  readonly size: number;
  /** pending: no child has it; released: its place is free, its reply is not there yet. */
  state: 'pending' | 'sent' | 'started' | 'released' = 'pending';
  isAnnounced = false;
  child: C | undefined;
  /** Number of its last sending, see messages.ts. */
  ticket = 0;
  sentAt = 0;
  softAt = Number.POSITIVE_INFINITY;
  hardAt = Number.POSITIVE_INFINITY;
  /** How often a child that had its parcel, or part of it, did not get round to it. */
  parcelsInVain = 0;
  /** Why its child is being killed. */
  doom: 'time limit' | 'request' | undefined;

  constructor(job: Job) {
    this.job = job;
    const { payload } = job;
    this.size = job.size ?? (typeof payload === 'string' ? payload.length : 0);
  }

  get isLarge(): boolean {
    return this.size >= LARGE;
  }
}
