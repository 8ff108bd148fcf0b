/** Once, at a moment. */
import { hasOffset, toIso } from '../wire/dates.ts';
import { momentOf } from '../wire/moments.ts';
import { BaseSchedule, dateOf } from './base-schedule.ts';
import type { Schedule, ScheduleContext, ScheduleData } from './contract.ts';
import { InvalidSchedule } from './errors.ts';

/** Made by `clocked()`. django-celery-beat: `clocked`. */
export class ClockedSchedule extends BaseSchedule {
  readonly at: Date;

  /** @throws InvalidSchedule for what is no moment */
  constructor(at: Date | string | number, context?: Partial<ScheduleContext>) {
    super(context);
    this.at = readMoment(at);
  }

  override nextRun(after: Date): Date | null {
    return after < this.at ? new Date(this.at) : null;
  }

  override lastRun(after: Date, until: Date): Date | null {
    return after < this.at && this.at <= until ? new Date(this.at) : null;
  }

  override within(context: Partial<ScheduleContext>): Schedule {
    return new ClockedSchedule(this.at, { ...this.context, ...context });
  }

  override toString(): string {
    return `<clocked: ${toIso(this.at.getTime() / 1000).replace('T', ' ')}>`;
  }

  override toJSON(): ScheduleData {
    return { __type__: 'clocked', at: this.at.toISOString() };
  }
}

/**
 * Due once, at a moment, and never again; not at all when that has passed when beat first sees it.
 * django-celery-beat: `ClockedSchedule`.
 *
 * @param at a Date, ISO 8601 text with an offset (`2027-01-01T08:00:00+01:00`, or `Z`), or seconds
 * since 1970
 * @throws InvalidSchedule for what is none of these
 */
export function clocked(at: Date | string | number): ClockedSchedule {
  return new ClockedSchedule(at);
}

function readMoment(at: Date | string | number): Date {
  let moment: Date | null;
  try {
    moment = dateOf(momentOf(at, 'clocked: at'));
  } catch (error) {
    throw new InvalidSchedule((error as Error).message, { cause: error });
  }
  if (typeof at === 'string' && !hasOffset(at)) {
    throw new InvalidSchedule(
      `clocked: at '${at}' may be a moment of any zone: end it with Z, or with an offset as +01:00.`,
    );
  }
  return moment!;
}
