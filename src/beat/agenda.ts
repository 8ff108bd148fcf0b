/** The entries in the order in which they are due. It knows no clock and does no I/O; times are milliseconds. */
import type { EntryRun } from '../schedule-stores/contract.ts';
import {
  beginOf,
  type Entry,
  type EntryState,
  type StoredEntry,
} from '../schedule-stores/entry.ts';
import { type CatchUpRules, choose, lastSlot, nextSlot } from './catch-up.ts';
import { DueHeap } from './due-heap.ts';
import type { Claim, Remembered } from './leader/contract.ts';
import type { RunIds } from './run-ids.ts';

/** Seconds between two moments that can be told apart. */
const TICK = 0.001;
/** So many new intervals begin together; the next ones do so many milliseconds later, up to a second. */
const SEEN_AT_ONCE = 20;
const SEEN_STEP = 20;
const SEEN_STEPS = 50;
/** A schedule that failed is asked again after so long. */
const BAD_SCHEDULE_PAUSE = 300_000;
/** An interval that ran last later than this after now goes on from now: the clock was wrong then. */
const INTERVAL_AHEAD = 60_000;
/** The same for times of the day, which would come a second time otherwise. */
const TIME_AHEAD = 86_400_000;

/** An entry on the agenda. */
export interface Row {
  readonly entry: Entry;
  /** The due time that was sent last, or when the entry was first seen. */
  last: number;
  /** Due times up to then fell into a pause. */
  resumed: number;
  count: number;
  /** The due time that comes next; NaN when there is none. */
  slot: number;
  /** Its schedule failed: which due time comes next is not known. */
  isBad: boolean;
}

/** A due time that is to be sent. */
export interface Due {
  readonly row: Row;
  readonly slot: number;
  /** Of the message. */
  readonly id: string;
}

export interface AgendaOptions {
  readonly ids: RunIds;
  /** `beat_cron_starting_deadline` in milliseconds; Infinity without one. */
  readonly cronDeadline: number;
  readonly onBadSchedule: (entry: Entry, error: Error) => void;
}

export class Agenda {
  readonly #options: AgendaOptions;
  readonly #heap = new DueHeap<Row>();
  #rows = new Map<string, Row>();

  constructor(options: AgendaOptions) {
    this.#options = options;
  }

  get entries(): Entry[] {
    return [...this.#rows.values()].map(({ entry }) => entry);
  }

  has(name: string): boolean {
    return this.#rows.has(name);
  }

  /** When something is due next; Infinity when nothing is. */
  get nextDue(): number {
    return this.#heap.nextDue;
  }

  /**
   * These entries, and no others.
   *
   * @param remembered what earlier leaders sent: no due time of it is sent again, but for one of which
   *   nobody knows whether it was
   * @returns what is to be remembered of those that are new
   */
  replace(
    stored: readonly StoredEntry[],
    now: number,
    remembered: ReadonlyMap<string, Remembered> = NOTHING,
  ): EntryRun[] {
    const before = this.#rows;
    const seen: EntryRun[] = [];
    this.#rows = new Map();
    for (const { entry, state } of stored) {
      const claimed = remembered.get(entry.name);
      const begin = latest(state, claimed) ?? firstSeen(entry, now, seen.length);
      const row = rowOf(entry, begin, now);
      const known = before.get(entry.name);
      if (known && state) keepProgress(row, known, now);
      this.#rows.set(entry.name, row);
      if (claimed && !claimed.isSent && claimed.slot * 1000 > afterOf(row)) {
        row.slot = Math.round(claimed.slot * 1000);
      } else if (Number.isNaN(row.slot)) this.#plan(row, afterOf(row));
      if (!state) seen.push(runOf(row));
    }
    this.rebase(now);
    return seen;
  }

  /** The clock may show an earlier time than before. @returns names of those that go on from now */
  rebase(now: number): string[] {
    const names: string[] = [];
    this.#heap.clear();
    for (const row of this.#rows.values()) {
      const ahead = afterOf(row) - now;
      if (ahead > INTERVAL_AHEAD && ahead > aheadOf(row.entry)) {
        row.last = Math.min(row.last, now);
        row.resumed = Math.min(row.resumed, now);
        this.#plan(row, now);
        names.push(row.entry.name);
      }
      this.#push(row);
    }
    return names;
  }

  /**
   * What is due, in its order; each entry is there once. What it returns is off the agenda until it is
   * told what became of it.
   */
  take(now: number, most: number): Due[] {
    const taken: Due[] = [];
    while (taken.length < most) {
      const row = this.#heap.pop(now);
      if (!row) break;
      const slot = this.#isDue(row, now) ? this.#choose(row, now) : undefined;
      if (slot === undefined) continue;
      taken.push({ row, slot, id: this.#options.ids.of(row.entry.name, slot) });
    }
    return taken;
  }

  /** Of the run before; undefined when there was none. */
  idBefore({ entry, last, count }: Row): string | undefined {
    return count === 0 ? undefined : this.#options.ids.of(entry.name, last);
  }

  claim({ row, slot, id }: Due): Claim {
    const { entry, count } = row;
    return { name: entry.name, slot: slot / 1000, totalRunCount: count + 1, id };
  }

  /** It was sent, or is given up. @returns what is to be remembered */
  done({ row, slot }: Due): EntryRun {
    row.last = slot;
    row.count += 1;
    this.#goOn(row, slot);
    return runOf(row);
  }

  /** It is to be looked at again, at `at`. */
  putBack({ row }: Due, at: number): void {
    this.#heap.push(at, row);
  }

  /** It is left out, and so are other due times until `now`. */
  skip({ row, slot }: Due, now: number): void {
    this.#goOn(row, lastSlot(row.entry.schedule, slot, now));
  }

  #choose(row: Row, now: number): number | undefined {
    try {
      const choice = choose(row.entry.schedule, this.#rules(row.entry), row.slot, now);
      if (choice.slot === undefined) this.#goOn(row, choice.upTo);
      return choice.slot;
    } catch (error) {
      this.#options.onBadSchedule(row.entry, error as Error);
      this.#heap.push(now + BAD_SCHEDULE_PAUSE, row);
      return undefined;
    }
  }

  #rules({ catchUp, maxAge, jitter, overlap, schedule }: Entry): CatchUpRules {
    const { cronDeadline } = this.#options;
    const age = maxAge === null ? Number.POSITIVE_INFINITY : maxAge * 1000;
    const isBound = cronDeadline < age && isCrontab(schedule.toJSON()?.__type__);
    return {
      // of runs that must not overlap only one can be made up for
      catchUp: overlap !== 'allow' && catchUp === 'all' ? 'last' : catchUp,
      maxAge: isBound ? cronDeadline : age,
      jitter: jitter * 1000,
    };
  }

  /** Of one whose schedule failed it is found out now. */
  #isDue(row: Row, now: number): boolean {
    if (!row.isBad) return true;
    this.#plan(row, afterOf(row));
    if (row.isBad) this.#heap.push(now + BAD_SCHEDULE_PAUSE, row);
    else this.#push(row);
    return false;
  }

  #goOn(row: Row, after: number): void {
    this.#plan(row, after);
    this.#push(row);
  }

  #push(row: Row): void {
    const { entry, slot, isBad } = row;
    if (isBad) this.#heap.push(afterOf(row) + BAD_SCHEDULE_PAUSE, row);
    if (!entry.enabled || Number.isNaN(slot)) return;
    this.#heap.push(slot + this.#options.ids.jitter(entry.name, slot, entry.jitter), row);
  }

  /** What comes after that. */
  #plan(row: Row, after: number): void {
    row.slot = Number.NaN;
    row.isBad = false;
    if (!row.entry.enabled) return;
    try {
      row.slot = nextSlot(row.entry.schedule, after);
    } catch (error) {
      row.isBad = true;
      this.#options.onBadSchedule(row.entry, error as Error);
    }
  }
}

const NOTHING: ReadonlyMap<string, Remembered> = new Map();

/** Undefined for an entry that nobody has seen. */
function latest(state: EntryState | undefined, claimed: Remembered | undefined) {
  if (!claimed) return state;
  const { slot, totalRunCount, isSent } = claimed;
  const theirs = isSent
    ? { lastRunAt: slot, totalRunCount }
    : // the run before is not known here
      { lastRunAt: slot - TICK, totalRunCount: totalRunCount - 1 };
  if (!state) return theirs;
  return isSent && theirs.lastRunAt > state.lastRunAt ? { ...state, ...theirs } : state;
}

/** Intervals that begin together would be due together for ever: a burst each time. */
function firstSeen(entry: Entry, now: number, place: number): EntryState {
  const step = Math.floor(place / SEEN_AT_ONCE) % SEEN_STEPS;
  const isSpread = step > 0 && entry.schedule.toJSON()?.__type__ === 'interval';
  return { lastRunAt: (now + (isSpread ? step * SEEN_STEP : 0)) / 1000, totalRunCount: 0 };
}

function rowOf(entry: Entry, state: EntryState, now: number): Row {
  const last = Math.round(state.lastRunAt * 1000);
  // the clock of whoever resumed it may be ahead
  const resumed = Math.min(Math.round(beginOf(state) * 1000), Math.max(now, last));
  return { entry, last, resumed, count: state.totalRunCount, slot: Number.NaN, isBad: false };
}

const afterOf = ({ last, resumed }: Row) => Math.max(last, resumed);

/** What was sent meanwhile, and may not be written yet; also which due times were left out. */
function keepProgress(row: Row, known: Row, now: number): void {
  if (known.last < row.last || !hasSameSchedule(known.entry, row.entry)) return;
  row.last = known.last;
  row.count = known.count;
  // others who share the store may not tell when they resumed it
  const isUntold = row.resumed <= row.last && row.entry.enabled && !known.entry.enabled;
  row.resumed = Math.max(row.resumed, isUntold ? now : known.resumed);
  const isPlanned = row.entry.enabled === known.entry.enabled && !known.isBad;
  if (isPlanned && known.slot > row.resumed) row.slot = known.slot;
}

function runOf({ entry, last, count, resumed }: Row): EntryRun {
  const isFirst = resumed > last;
  const state = { lastRunAt: last / 1000, totalRunCount: count };
  return { name: entry.name, state: isFirst ? { ...state, resumedAt: resumed / 1000 } : state };
}

const isCrontab = (type: string | undefined) => type === 'crontab' || type === 'cron';

function aheadOf({ schedule }: Entry): number {
  return schedule.toJSON()?.__type__ === 'interval' ? INTERVAL_AHEAD : TIME_AHEAD;
}

function hasSameSchedule(one: Entry, other: Entry): boolean {
  return one === other || textOf(one) === textOf(other);
}

function textOf({ schedule }: Entry): string {
  return JSON.stringify(schedule.toJSON()) ?? schedule.toString();
}
