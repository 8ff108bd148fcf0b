/** Which due time of an entry is sent now, when several may have passed. Milliseconds since the epoch. */

import type { CatchUp } from '../schedule-stores/entry.ts';
import type { Schedule } from '../schedules/contract.ts';

/**
 * A due time that nobody has sent for longer than this was missed: another beat needs no longer to
 * take the place of one that died.
 */
const MISSED_AFTER = 20_000;

export interface CatchUpRules {
  readonly catchUp: CatchUp;
  /** Milliseconds; Infinity for ever. */
  readonly maxAge: number;
  /** Milliseconds by which a run may be sent later. */
  readonly jitter: number;
}

export interface Choice {
  /** The last due time that this choice deals with: the entry goes on after it. */
  readonly upTo: number;
  /** Undefined when nothing is to be sent. */
  readonly slot: number | undefined;
}

/** The first due time after a moment; NaN when there is none. @throws Error for a schedule that is none */
export function nextSlot(schedule: Schedule, after: number): number {
  return slotIn(schedule.nextRun(new Date(after)), after, 'nextRun');
}

function slotIn(found: unknown, after: number, method: string): number {
  if (found === null) return Number.NaN;
  const slot = (found as Date | undefined)?.getTime?.();
  if (typeof slot === 'number' && slot > after) return slot;
  const what = Number.isFinite(slot) ? new Date(slot!).toISOString() : String(found);
  throw new TypeError(
    `its schedule gives ${what} as the due time after ${new Date(after).toISOString()} (${method})`,
  );
}

/**
 * @param slot the first due time that was not sent yet, not later than `now`
 * @throws Error for a schedule that is none
 */
export function choose(
  schedule: Schedule,
  { catchUp, maxAge, jitter }: CatchUpRules,
  slot: number,
  now: number,
): Choice {
  const oldest = now - jitter - maxAge;
  if (catchUp === 'all') return chooseEach(schedule, slot, { oldest, now });
  const last = lastSlot(schedule, slot, now - jitter);
  const isMissed = catchUp === 'none' && now - jitter - last > MISSED_AFTER;
  return { upTo: last, slot: isMissed || last < oldest ? undefined : last };
}

/** The first of them that is not too old. */
function chooseEach(
  schedule: Schedule,
  slot: number,
  { oldest, now }: { oldest: number; now: number },
): Choice {
  if (slot >= oldest) return { upTo: slot, slot };
  // from one due time to the next: those of an interval follow from the one before
  const before = lastSlot(schedule, slot, oldest - 1);
  const first = nextSlot(schedule, before);
  return first <= now ? { upTo: first, slot: first } : { upTo: before, slot: undefined };
}

/** The last due time until `until`: `slot` when no other has passed since. */
export function lastSlot(schedule: Schedule, slot: number, until: number): number {
  const next = nextSlot(schedule, slot);
  if (Number.isNaN(next) || next > until) return slot;
  const last = schedule.lastRun(new Date(slot), new Date(until));
  return last === null ? slot : slotIn(last, slot, 'lastRun');
}
