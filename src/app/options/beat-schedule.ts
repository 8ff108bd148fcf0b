/** What the setting `beat_schedule` may hold. */

import type { CatchUp, Overlap } from '../../schedule-stores/entry.ts';
import type { ScheduleValue } from '../../schedules/from-value.ts';
import type { RouteOptions } from './route-types.ts';
import type { Duration, DurationUnits } from './setting-kinds.ts';

/** Seconds or another duration (`{ minutes: 5 }`, `PT5M`) between runs, a schedule, or its JSON form. */
export type EntrySchedule = ScheduleValue | DurationUnits | `P${string}`;

/** When a periodic task is sent, and how; shared by entries of the setting and `addPeriodicTask`. */
export interface PeriodicOptions {
  /** With false it is kept, and not sent. Default: true. */
  readonly enabled?: boolean;
  /**
   * What becomes of due times that passed while no beat ran: `none` are left out, of all the
   * `last` is sent, or `all` are. Default: `last`, as in Celery.
   */
  readonly catchUp?: CatchUp;
  /** Seconds after which a missed due time is not made up for. Default: null, for ever. */
  readonly maxAge?: Duration | null;
  /**
   * What becomes of a due time when the run before has not ended: `allow` sends it, `skip` leaves it
   * out, `queue-one` sends one when that has ended. Needs a result backend. Default: `allow`.
   */
  readonly overlap?: Overlap;
  /** Sends each run up to so many seconds late, so that not all are sent at once. Default: 0. */
  readonly jitter?: Duration;
  /** For people. */
  readonly description?: string;
}

/** The same in the spelling of settings. */
export interface PeriodicFields {
  /** As `catchUp`. */
  readonly catch_up?: CatchUp;
  /** As `maxAge`. */
  readonly max_age?: Duration | null;
}

/** One periodic task of the setting `beat_schedule`. Celery: the same, without `PeriodicOptions`. */
export interface BeatEntry extends PeriodicOptions, PeriodicFields {
  /** The name of a task, or a task. */
  readonly task: string | { readonly name: string };
  readonly schedule: EntrySchedule;
  readonly args?: readonly unknown[] | null;
  readonly kwargs?: Readonly<Record<string, unknown>> | null;
  /** Options of the call, as `expires` and `queue`. */
  readonly options?: RouteOptions | null;
  /** An interval counts from full days, hours or minutes. Default: false. */
  readonly relative?: boolean | null;
}

export type BeatSchedule = Readonly<Record<string, BeatEntry>>;
