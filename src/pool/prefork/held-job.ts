import type { Job } from '../contract.ts';
import type { Limited } from '../deadlines.ts';
import type { ChildProcess } from './child-process.ts';

/** A job between `submit` and its answer. */
export class HeldJob implements Limited {
  readonly job: Job;
  /** pending: no child has it; released: its place is free, its reply is not there yet. */
  state: 'pending' | 'sent' | 'started' | 'released' = 'pending';
  /** Whether `onStarted` was called. */
  isAnnounced = false;
  child: ChildProcess | undefined;
  /** Number of its last sending, see messages.ts. */
  ticket = 0;
  sentAt = 0;
  softAt = Number.POSITIVE_INFINITY;
  hardAt = Number.POSITIVE_INFINITY;
  /** Why its child is being killed. */
  doom: 'time limit' | 'request' | undefined;

  constructor(job: Job) {
    this.job = job;
  }
}
