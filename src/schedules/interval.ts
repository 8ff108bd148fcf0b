/** Every so many seconds. */
import { saferepr } from '../base/text/saferepr.ts';
import { LONGEST_SECONDS, secondsHint } from '../base/time/seconds.ts';
import { BaseSchedule, dateOf } from './base-schedule.ts';
import type { Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import { InvalidSchedule } from './errors.ts';

const DAY = 86_400;
const HOUR = 3600;
const MINUTE = 60;
/** Dates have milliseconds. */
const SHORTEST = 0.001;

const UNITS = [
  ['day', DAY],
  ['hour', HOUR],
  ['minute', MINUTE],
  ['second', 1],
] as const;

export interface IntervalOptions {
  /**
   * Round due times down to the resolution of the interval: days begin at midnight of the zone,
   * hours at minute 0, minutes at second 0. Default false: counted from the last run.
   */
  readonly relative?: boolean;
}

/**
 * An interval between runs. Whole days are days of the calendar, so that a daily task keeps its
 * time of day when clocks change; everything else is time that has passed. Celery:
 * `celery.schedules.schedule`.
 */
export class IntervalSchedule extends BaseSchedule {
  /** Seconds. Celery: `run_every`. */
  readonly every: number;
  readonly relative: boolean;
  /** Due times begin at multiples of it on the clocks of the zone; 0 when they begin anywhere. */
  readonly #resolution: number;
  readonly #isCalendar: boolean;
  /** Seconds between two due times when no clock changes. */
  readonly #step: number;

  /** @throws InvalidSchedule for what is no number of seconds, or shorter than a millisecond */
  constructor(every: number, options: IntervalOptions = {}, context?: Partial<ScheduleContext>) {
    super(context);
    this.every = checked(every);
    this.relative = options.relative ?? false;
    this.#resolution = this.relative ? resolutionOf(every) : 0;
    this.#isCalendar = every % DAY === 0 || this.#resolution === DAY;
    this.#step = this.#rounded(Math.round(every * 1000) / 1000);
  }

  override nextRun(after: Date): Date | null {
    return dateOf(this.#next(after.getTime() / 1000));
  }

  override lastRun(after: Date, until: Date): Date | null {
    const end = until.getTime() / 1000;
    let due = this.#next(after.getTime() / 1000);
    if (due > end) return null;
    const step = this.#step;
    for (;;) {
      // between two changes of the clocks due times are equally far from each other
      const change = this.#dependsOnZone() ? this.zone.nextChange(due, end) : undefined;
      const last = due + Math.floor((end - due + 1e-6) / step) * step;
      if (change === undefined) return dateOf(last);
      due += Math.max(0, Math.ceil((change - due) / step) - 1) * step;
      const next = this.#next(due);
      if (next > end) return dateOf(due);
      due = next;
    }
  }

  override within(context: Partial<ScheduleContext>): Schedule {
    return new IntervalSchedule(this.every, this, { ...this.context, ...context });
  }

  override toString(): string {
    const seconds = Number(this.every.toFixed(2));
    const unit = UNITS.find(([, size]) => seconds >= size);
    if (unit === undefined) return '<freq: now>';
    const count = seconds / unit[1];
    return `<freq: ${count.toFixed(2)} ${unit[0]}${count === 1 ? '' : 's'}>`;
  }

  override toJSON(): ScheduleData {
    return { __type__: 'interval', every: this.every, relative: this.relative };
  }

  #next(after: number): number {
    const due = after + this.every;
    if (!this.#dependsOnZone()) return this.#rounded(due);
    const { zone } = this;
    if (this.#isCalendar) return zone.instantOf(this.#rounded(due + zone.offsetAt(after)));
    const offset = zone.offsetAt(due);
    return this.#rounded(due + offset) - offset;
  }

  #rounded(wall: number): number {
    if (this.#resolution === 0) return wall;
    return Math.floor(wall / this.#resolution) * this.#resolution;
  }

  #dependsOnZone(): boolean {
    return (this.#isCalendar || this.#resolution > 0) && !this.zone.isUtc;
  }
}

function resolutionOf(every: number): number {
  if (every >= DAY) return DAY;
  if (every >= HOUR) return HOUR;
  if (every >= MINUTE) return MINUTE;
  return every >= 1 ? 1 : 0;
}

function checked(every: unknown): number {
  if (typeof every !== 'number' || Number.isNaN(every)) {
    throw new InvalidSchedule(`An interval is a number of seconds, got ${saferepr(every)}.`);
  }
  if (every < SHORTEST || every >= LONGEST_SECONDS) {
    throw new InvalidSchedule(
      `An interval is at least a millisecond long, got ${every} seconds.${secondsHint(every)}`,
    );
  }
  return every;
}

/**
 * A schedule that is due every so many seconds, counted from the last run. Celery: `schedule`.
 *
 * @param every seconds
 * @throws InvalidSchedule for what is no number of seconds, or shorter than a millisecond
 */
export function interval(every: number, options?: IntervalOptions): IntervalSchedule {
  return new IntervalSchedule(every, options);
}
