/** Schedules that say in which zone they are, whatever the zone of the app. */
import { saferepr } from '../base/text/saferepr.ts';
import { nearestTimeZone, timeZone } from '../base/time/time-zone.ts';
import type { ScheduleContext } from './contract.ts';
import { InvalidSchedule } from './errors.ts';

/**
 * The context of a schedule that may have a zone of its own.
 *
 * @throws InvalidSchedule for a zone that nobody knows
 */
export function ownZone(
  what: string,
  timezone: string | undefined,
  context: Partial<ScheduleContext>,
): Partial<ScheduleContext> {
  if (timezone === undefined) return context;
  try {
    timeZone(timezone);
  } catch {
    throw unknownZone(what, timezone);
  }
  return { ...context, timezone };
}

function unknownZone(what: string, timezone: unknown): InvalidSchedule {
  const found = nearestTimeZone(String(timezone));
  const hint = found === undefined ? '' : ` Did you mean ${JSON.stringify(found)}?`;
  return new InvalidSchedule(`${what}: timezone ${saferepr(timezone)} is no time zone.${hint}`);
}
