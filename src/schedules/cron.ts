/** Schedules in the dialect of cron itself, for lines that come from elsewhere. */
import { createRequire } from 'node:module';
import { saferepr } from '../base/text/saferepr.ts';
import { BaseSchedule } from './base-schedule.ts';
import type { Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import { InvalidSchedule } from './errors.ts';
import { ownZone } from './own-zone.ts';

type CronParser = typeof import('cron-parser');
type Expression = ReturnType<CronParser['CronExpressionParser']['parse']>;

const DAY = 86_400;
const NICKNAME = /^@[a-z]+$/;
/** `H` stands for a number that is drawn when the line is read. */
const DRAWN = /(^|[\s,])H(?![a-z])/i;

const require = createRequire(import.meta.url);

/** Loaded when the first such schedule is made: it takes 40 ms, and most programs have none. */
function cronParser(): CronParser {
  return require('cron-parser') as CronParser;
}

export interface CronOptions {
  /** An IANA zone; default is that of the app (`timezone`). */
  readonly timezone?: string;
}

/** Made by `cron()`. */
export class CronSchedule extends BaseSchedule {
  readonly #expression: string;
  readonly #timezone: string | undefined;
  readonly #parsed: Expression;

  /** @throws InvalidSchedule for what is no expression, and for an unknown zone */
  constructor(
    expression: string,
    options: CronOptions = {},
    context: Partial<ScheduleContext> = {},
  ) {
    super(ownZone('cron', options.timezone, context));
    this.#expression = expression;
    this.#timezone = options.timezone;
    this.#parsed = parse(expression, this.timezone);
  }

  override nextRun(after: Date): Date | null {
    const due = this.#seek(after, 'next');
    const before = due === null ? undefined : this.#shownBefore(due);
    if (due === null || before === undefined) return due;
    // asked from between the two the package tells a fixed time again
    const following = this.#seek(before, 'next');
    return following === null || following > due ? following : due;
  }

  override lastRun(after: Date, until: Date): Date | null {
    const last = this.#seek(new Date(until.getTime() + 1), 'prev');
    // the package counts backwards differently on the days on which clocks change
    if (last !== null && last > after && this.#isLast(last, until)) return last;
    return super.lastRun(after, until);
  }

  override within(context: Partial<ScheduleContext>): Schedule {
    const options = this.#timezone === undefined ? {} : { timezone: this.#timezone };
    return new CronSchedule(this.#expression, options, { ...this.context, ...context });
  }

  override toString(): string {
    return `<cron: ${this.#expression}>`;
  }

  override toJSON(): ScheduleData {
    const zone = this.#timezone === undefined ? {} : { timezone: this.#timezone };
    return { __type__: 'cron', expression: this.#expression, ...zone };
  }

  /** When clocks that were set back showed the time before, if they did. */
  #shownBefore(due: Date): Date | undefined {
    const { zone } = this;
    const moment = due.getTime() / 1000;
    const back = zone.offsetAt(moment - DAY) - zone.offsetAt(moment);
    const isAgain = back > 0 && zone.nextChange(moment - back, moment) !== undefined;
    return isAgain ? new Date((moment - back) * 1000) : undefined;
  }

  #isLast(due: Date, until: Date): boolean {
    const again = this.nextRun(new Date(due.getTime() - 1));
    const next = this.nextRun(due);
    return again?.getTime() === due.getTime() && (next === null || next > until);
  }

  #seek(from: Date, way: 'next' | 'prev'): Date | null {
    const { CronDate } = cronParser();
    try {
      this.#parsed.reset(new CronDate(from, this.timezone));
      return this.#parsed[way]().toDate();
    } catch {
      // it has looked for so long that there is none
      return null;
    }
  }
}

/**
 * Due as cron would be, with five fields, six that begin with seconds, or a name (`@daily`): unlike
 * `crontab` it takes days of either `day of month` or `day of week` when both are given, and knows
 * `7`, `L`, `#` and `?`. Read by the package cron-parser. A time that the clocks skip is due as much
 * later as they skip; one that they show twice is due the first time unless its hour is `*`.
 *
 * Celery has no counterpart.
 *
 * @throws InvalidSchedule for what is no expression, for `H`, and for an unknown zone
 */
export function cron(expression: string, options?: CronOptions): CronSchedule {
  return new CronSchedule(expression, options);
}

function parse(expression: unknown, timezone: string): Expression {
  if (typeof expression !== 'string' || !hasFields(expression)) {
    throw new InvalidSchedule(
      `cron: an expression has five fields, six with seconds, or is a name such as @daily; got ${saferepr(expression)}.`,
    );
  }
  if (DRAWN.test(expression)) {
    throw new InvalidSchedule(
      `cron ${saferepr(expression)}: H is another time whenever it is read. Give a number.`,
    );
  }
  try {
    return cronParser().CronExpressionParser.parse(expression, { tz: timezone });
  } catch (error) {
    const { message } = error as Error;
    throw new InvalidSchedule(`cron ${saferepr(expression)}: ${message}.`, { cause: error });
  }
}

function hasFields(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  return fields.length === 5 || fields.length === 6 || NICKNAME.test(expression);
}
