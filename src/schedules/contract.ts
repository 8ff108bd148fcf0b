/** When a periodic task is due. Schedules are immutable data with arithmetic; none looks at a clock unasked. */

/** What `isDue` tells, as Celery's `schedstate`. */
export interface DueState {
  readonly isDue: boolean;
  /** Seconds until it is worth asking again: until the next due time when it is due now. */
  readonly next: number;
}

/** The zone whose clocks a schedule reads, and the time it is now; given by beat, or by a test. */
export interface ScheduleContext {
  /** Name of an IANA zone. */
  readonly timezone: string;
  /** Seconds since the epoch. */
  readonly now: () => number;
}

/**
 * The JSON form, for stores of schedules. `interval` and `crontab` are spelled as RedBeat spells
 * them, so that both can share a schedule; the others are ours.
 */
export type ScheduleData =
  | { readonly __type__: 'interval'; readonly every: number; readonly relative?: boolean }
  | ({ readonly __type__: 'crontab'; readonly timezone?: string } & CrontabData)
  | { readonly __type__: 'cron'; readonly expression: string; readonly timezone?: string }
  | {
      readonly __type__: 'solar';
      readonly event: string;
      readonly latitude: number;
      readonly longitude: number;
    }
  | { readonly __type__: 'clocked'; readonly at: string };

export interface CrontabData {
  readonly minute: string;
  readonly hour: string;
  readonly day_of_week: string;
  readonly day_of_month: string;
  readonly month_of_year: string;
}

/** Celery: `celery.schedules.BaseSchedule`. */
export interface Schedule {
  /** The first due time after a moment; null when there will be none any more. Pure. */
  nextRun(after: Date): Date | null;
  /**
   * The last due time later than `after` and not later than `until`; null when there is none.
   * Cheap however many due times lie between the two: what was missed is one run.
   */
  lastRun(after: Date, until: Date): Date | null;
  /** Celery's answer to "it ran last at …, what now?"; now is that of the context. */
  isDue(lastRunAt: Date): DueState;
  /** Seconds until the due time that follows `lastRunAt`; negative when it has passed. */
  remainingEstimate(lastRunAt: Date): number;
  /** The same schedule for a zone and a clock; one that has a zone of its own keeps it. */
  within(context: Partial<ScheduleContext>): Schedule;
  /** As Celery writes it: `<crontab: 0 4 * * * (m/h/dM/MY/d)>`, `<freq: 30.00 seconds>`. */
  toString(): string;
  /** Undefined for one that is code only (a class of the user's): it cannot be kept in a store. */
  toJSON(): ScheduleData | undefined;
}
