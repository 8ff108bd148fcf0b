/**
 * Due times on the clocks of a zone, which skip some times and show others twice.
 *
 * Both ways look at moments, never at differences of clock times: what a schedule does on the day of
 * a change follows from which moments its clock shows a due time at.
 */
import type { TimeZone } from '../base/time/time-zone.ts';

const DAY = 86_400;

/** The first due time later than a time on the clock; both as if they were UTC. */
type DueAfter = (wall: number) => number | undefined;

/**
 * For due times that name their hour: one that is skipped is due when the clock goes on, one that
 * comes twice is due the first time. Each is due once, whatever the clocks do.
 */
export function nextOfFixedTimes(
  zone: TimeZone,
  after: number,
  dueAfter: DueAfter,
): number | undefined {
  const offset = zone.offsetAt(after);
  const before = zone.offsetAt(after - DAY);
  let shown = after + offset;
  if (before > offset) {
    // set back less than a day ago: what the clock shows again has been
    const change = zone.nextChange(after - DAY, after)!;
    shown = Math.max(shown, change + before - 1);
  }
  const due = dueAfter(shown);
  return due === undefined ? undefined : (instantOf(zone, due) ?? changeAround(zone, due));
}

/**
 * For due times of every hour: they are due whenever the clock shows them, twice when it does so
 * twice, and not at all when it skips them.
 */
export function nextOfShownTimes(
  zone: TimeZone,
  after: number,
  dueAfter: DueAfter,
): number | undefined {
  const offset = zone.offsetAt(after);
  const due = dueAfter(after + offset);
  const change =
    zone.offsetAt(after + DAY) === offset ? undefined : zone.nextChange(after, after + DAY);
  if (change === undefined) return firstShown(zone, after, due, dueAfter);
  if (due !== undefined && due - offset < change) return due - offset;
  return firstShown(zone, change, dueAfter(change + zone.offsetAt(change) - 1), dueAfter);
}

/** The first moment at which the clock shows `due` or a later one; it does not change within a day. */
function firstShown(
  zone: TimeZone,
  start: number,
  due: number | undefined,
  dueAfter: DueAfter,
): number | undefined {
  if (due === undefined) return undefined;
  const soon = due - zone.offsetAt(start);
  // what comes twice is taken from the part in which we are
  if (soon <= start + DAY) return soon;
  for (let next: number | undefined = due; next !== undefined; ) {
    const instant = instantOf(zone, next);
    if (instant !== undefined) return instant;
    const change = changeAround(zone, next);
    next = dueAfter(change + zone.offsetAt(change) - 1);
  }
  return undefined;
}

/** The first moment at which the clock shows a time; undefined for one that it skips. */
function instantOf(zone: TimeZone, wall: number): number | undefined {
  const before = zone.offsetAt(wall - DAY);
  const after = zone.offsetAt(wall + DAY);
  const early = wall - before;
  if (before === after || zone.offsetAt(early) === before) return early;
  const late = wall - after;
  return zone.offsetAt(late) === after ? late : undefined;
}

/** When the clock skipped a time. */
function changeAround(zone: TimeZone, wall: number): number {
  return zone.nextChange(wall - DAY, wall + DAY)!;
}
