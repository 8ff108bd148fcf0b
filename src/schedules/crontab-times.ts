/** When a crontab is due on a clock that never changes; times are seconds, given as if they were UTC. */
import { dateOfDay, dayOfDate, daysInMonth, weekdayOf } from './calendar.ts';
import type { CrontabFieldName, FieldNumbers } from './crontab-field.ts';

const MINUTES_OF_DAY = 1440;
/** Every day of February 29 falls on every weekday within so many years, across 2100, too. */
const YEARS_AHEAD = 41;

export type CrontabNumbers = Readonly<Record<CrontabFieldName, FieldNumbers>>;

export class CrontabTimes {
  readonly #fields: CrontabNumbers;
  readonly #firstTime: number;

  constructor(fields: CrontabNumbers) {
    this.#fields = fields;
    this.#firstTime = fields.hour.first * 60 + fields.minute.first;
  }

  /** Whether there is any day for it: there is none on February 30. */
  get isPossible(): boolean {
    const { dayOfMonth, monthOfYear } = this.#fields;
    const LEAP_YEAR = 2000;
    return monthOfYear.values.some(month => dayOfMonth.first <= daysInMonth(LEAP_YEAR, month));
  }

  /** The first due time later than `wall`; undefined at the end of time. */
  after(wall: number): number | undefined {
    const minute = Math.floor(wall / 60) + 1;
    const day = Math.floor(minute / MINUTES_OF_DAY);
    const { year, month, day: ofMonth } = dateOfDay(day);
    if (this.#hasDay(day, month, ofMonth)) {
      const time = this.#timeFrom(minute - day * MINUTES_OF_DAY);
      if (time >= 0) return (day * MINUTES_OF_DAY + time) * 60;
    }
    const next = this.#dayFrom(year, month, ofMonth + 1);
    return next === undefined ? undefined : (next * MINUTES_OF_DAY + this.#firstTime) * 60;
  }

  #hasDay(day: number, month: number, ofMonth: number): boolean {
    const { dayOfWeek, dayOfMonth, monthOfYear } = this.#fields;
    return monthOfYear.has(month) && dayOfMonth.has(ofMonth) && dayOfWeek.has(weekdayOf(day));
  }

  /** Minutes since midnight of the first time of a day that is not before `minutes`, or -1. */
  #timeFrom(minutes: number): number {
    const { minute, hour } = this.#fields;
    const now = Math.floor(minutes / 60);
    if (hour.has(now)) {
      const found = minute.from(minutes - now * 60);
      if (found >= 0) return now * 60 + found;
    }
    const next = hour.from(now + 1);
    return next < 0 ? -1 : next * 60 + minute.first;
  }

  #dayFrom(year: number, month: number, ofMonth: number): number | undefined {
    const { monthOfYear } = this.#fields;
    let from = month;
    for (let y = year; y <= year + YEARS_AHEAD; y++) {
      for (let m = monthOfYear.from(from); m > 0; m = monthOfYear.from(m + 1)) {
        const day = this.#dayOfMonthFrom(y, m, y === year && m === month ? ofMonth : 1);
        if (day !== undefined) return day;
      }
      from = 1;
    }
    return undefined;
  }

  #dayOfMonthFrom(year: number, month: number, from: number): number | undefined {
    const { dayOfWeek, dayOfMonth } = this.#fields;
    const length = daysInMonth(year, month);
    const before = dayOfDate(year, month, 1) - 1;
    for (let d = dayOfMonth.from(from); d > 0 && d <= length; d = dayOfMonth.from(d + 1)) {
      if (dayOfWeek.has(weekdayOf(before + d))) return before + d;
    }
    return undefined;
  }
}
