/** What schedules have in common: all of the contract follows from `nextRun`, or from Celery's `isDue`. */
import { type TimeZone, timeZone } from '../base/time/time-zone.ts';
import type { DueState, Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import { InvalidSchedule } from './errors.ts';

const DEFAULT_CONTEXT: ScheduleContext = { timezone: 'UTC', now: () => Date.now() / 1000 };
/** So often a class with nothing but `isDue` is asked before it counts as one that is never due. */
const MOST_QUESTIONS = 1000;
/** A Date knows nothing between two of these. */
const TICK = 0.001;

let askIn: <T>(
  schedule: BaseSchedule,
  context: ScheduleContext,
  question: (schedule: BaseSchedule) => T,
) => T;

/**
 * Base of all schedules, and of those that a program defines itself: a subclass gives `nextRun`, or
 * Celery's `isDue`, and the rest follows. Celery: `celery.schedules.BaseSchedule`.
 *
 * ```ts
 * class EveryFullMoon extends BaseSchedule {
 *   override nextRun(after: Date) { return fullMoonAfter(after); }
 * }
 * ```
 */
export abstract class BaseSchedule implements Schedule {
  #context: ScheduleContext;

  /** @param context zone and clock; those of beat when left out, which come by `within` */
  constructor(context: Partial<ScheduleContext> = {}) {
    this.#context = merged(DEFAULT_CONTEXT, context);
  }

  /**
   * The first due time after a moment; null when there will be none any more. It has to depend on
   * nothing but that moment and the zone, and to be later than it.
   *
   * A class that gives `isDue` only is asked at the times that it names itself, beginning with
   * `after`, as if it had run last at `after`. One that is due at once is so after `next` seconds.
   */
  nextRun(after: Date): Date | null {
    if (this.isDue === BaseSchedule.prototype.isDue) {
      const name = this.constructor.name || 'The schedule';
      throw new InvalidSchedule(`${name} has no due times: give it nextRun(after).`);
    }
    const start = after.getTime() / 1000;
    let moment = start;
    for (let asked = 0; asked < MOST_QUESTIONS; asked++) {
      const state = this.#in({ now: () => moment }, () => this.isDue(after));
      if (state.isDue && moment > start) return dateOf(moment);
      moment += Math.max(state.next, TICK);
      if (state.isDue) return dateOf(moment);
      if (!Number.isFinite(moment)) return null;
    }
    return null;
  }

  /**
   * The last due time later than `after` and not later than `until`; null when there is none. A
   * class whose due times depend on the run before, as those of an interval do, gives a better one.
   */
  lastRun(after: Date, until: Date): Date | null {
    const end = until.getTime();
    let found = this.nextRun(after);
    if (found === null || found.getTime() > end) return null;
    let tooLate = end;
    for (let next = this.nextRun(found); isUntil(next, end); next = this.nextRun(found)) {
      found = next;
      // halve what is left: there may be years of due times in it
      const middle = Math.floor((found.getTime() + tooLate) / 2);
      const later = this.nextRun(new Date(middle));
      if (isUntil(later, end)) found = later;
      else tooLate = middle;
    }
    return found;
  }

  /** Celery: `is_due`. `next` is Infinity when there are no due times any more. */
  isDue(lastRunAt: Date): DueState {
    const now = this.now();
    const left = this.#secondsUntil(this.nextRun(lastRunAt), now);
    if (left > 0) return { isDue: false, next: left };
    const next = this.#secondsUntil(this.nextRun(new Date(now * 1000)), now);
    return { isDue: true, next: Math.max(0, next) };
  }

  /** Celery: `remaining_estimate`. Infinity when there are no due times any more. */
  remainingEstimate(lastRunAt: Date): number {
    return this.#secondsUntil(this.nextRun(lastRunAt), this.now());
  }

  within(context: Partial<ScheduleContext>): Schedule {
    // not a copy: a class of the user's may have private fields, or count its objects
    return new BoundSchedule(this, merged(this.#context, context));
  }

  /** Whether it has the same due times, as far as that can be told by its data. */
  equals(other: Schedule): boolean {
    const data = this.toJSON();
    if (data === undefined) return (this as Schedule) === other;
    return JSON.stringify(data) === JSON.stringify(other.toJSON());
  }

  toString(): string {
    return `<${this.constructor.name}>`;
  }

  toJSON(): ScheduleData | undefined {
    return undefined;
  }

  /** Seconds since the epoch, by the clock of the context. Celery: `now()`. */
  now(): number {
    return this.#context.now();
  }

  /** The name of the zone whose clocks it reads. Celery: `tz`. */
  get timezone(): string {
    return this.#context.timezone;
  }

  protected get context(): ScheduleContext {
    return this.#context;
  }

  protected get zone(): TimeZone {
    return timeZone(this.timezone);
  }

  static {
    askIn = (schedule, context, question) => schedule.#in(context, () => question(schedule));
  }

  #in<T>(context: Partial<ScheduleContext>, run: () => T): T {
    const own = this.#context;
    this.#context = merged(own, context);
    try {
      return run();
    } finally {
      this.#context = own;
    }
  }

  #secondsUntil(due: Date | null, now: number): number {
    return due === null ? Number.POSITIVE_INFINITY : due.getTime() / 1000 - now;
  }
}

/** A schedule for another zone and clock than it was made with. */
class BoundSchedule implements Schedule {
  readonly #schedule: BaseSchedule;
  readonly #context: ScheduleContext;

  constructor(schedule: BaseSchedule, context: ScheduleContext) {
    this.#schedule = schedule;
    this.#context = context;
  }

  nextRun(after: Date): Date | null {
    return this.#ask(schedule => schedule.nextRun(after));
  }

  lastRun(after: Date, until: Date): Date | null {
    return this.#ask(schedule => schedule.lastRun(after, until));
  }

  isDue(lastRunAt: Date): DueState {
    return this.#ask(schedule => schedule.isDue(lastRunAt));
  }

  remainingEstimate(lastRunAt: Date): number {
    return this.#ask(schedule => schedule.remainingEstimate(lastRunAt));
  }

  within(context: Partial<ScheduleContext>): Schedule {
    return new BoundSchedule(this.#schedule, merged(this.#context, context));
  }

  equals(other: Schedule): boolean {
    const theirs = other instanceof BoundSchedule ? other.#schedule : other;
    return this.#schedule.equals(theirs);
  }

  toString(): string {
    return this.#schedule.toString();
  }

  toJSON(): ScheduleData | undefined {
    return this.#schedule.toJSON();
  }

  #ask<T>(question: (schedule: BaseSchedule) => T): T {
    return askIn(this.#schedule, this.#context, question);
  }
}

function merged(context: ScheduleContext, changes: Partial<ScheduleContext>): ScheduleContext {
  return { timezone: changes.timezone ?? context.timezone, now: changes.now ?? context.now };
}

/** A moment, or null for one that is later than all that a Date can tell. */
export function dateOf(seconds: number): Date | null {
  const date = new Date(Math.round(seconds * 1000));
  return Number.isNaN(date.getTime()) ? null : date;
}

function isUntil(due: Date | null, end: number): due is Date {
  return due !== null && due.getTime() <= end;
}
