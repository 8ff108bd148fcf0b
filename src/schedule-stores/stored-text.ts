/** Entries as texts in a database, with what has a place of its own beside them. */
import { ImproperlyConfigured } from '../base/errors.ts';
import type { ScheduleContext } from '../schedules/contract.ts';
import { type Entry, type EntryState, isMoment, type StoredEntry } from './entry.ts';
import { entryFromData, entryToData } from './entry-data.ts';

/** Beside the text: an operator pauses an entry of the code, which is written anew at every start. */
interface Beside {
  readonly enabled: boolean;
  readonly origin: Entry['origin'];
  readonly state: EntryState | undefined;
}

/**
 * @returns `schedule` is how `text` begins: two texts that begin so have the same schedule
 * @throws ImproperlyConfigured for an entry that is code, or that JSON cannot hold
 */
export function textOf(entry: Entry): { readonly schedule: string; readonly text: string } {
  const { name } = entry;
  checkName(name);
  const { schedule, enabled: _, origin: __, ...others } = entryToData(entry);
  try {
    const start = `{"schedule":${JSON.stringify(schedule)},`;
    return { schedule: start, text: start + JSON.stringify(others).slice(1) };
  } catch (error) {
    throw cannotBeKept(name, (error as Error).message);
  }
}

/** @throws ImproperlyConfigured for a name that databases do not give back as it was */
export function checkName(name: string): void {
  if (!name.includes('\0') && Buffer.from(name).toString() === name) return;
  throw cannotBeKept(name, 'its name has characters that databases do not keep');
}

function cannotBeKept(name: string, why: string): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `The entry ${JSON.stringify(name)} cannot be kept in a store: ${why}.`,
  );
}

/** @throws ImproperlyConfigured naming the entry and what is wrong with it */
export function entryIn(
  name: string,
  text: string,
  beside: Beside,
  context: Partial<ScheduleContext>,
): StoredEntry {
  const entry = entryFromData(name, dataIn(name, text), context);
  return {
    entry: { ...entry, enabled: beside.enabled, origin: beside.origin },
    state: beside.state,
  };
}

function dataIn(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ImproperlyConfigured(
      `The entry ${JSON.stringify(name)} of the store: it is no JSON: ${(error as Error).message}`,
    );
  }
}

/** Undefined when it cannot be read: the entry is as one that nobody has seen yet. */
export function stateIn(text: string | undefined): EntryState | undefined {
  try {
    const kept = JSON.parse(text ?? 'null') as Partial<EntryState>;
    return stateOf(kept.lastRunAt, kept.totalRunCount, kept.resumedAt);
  } catch {
    return undefined;
  }
}

export function stateOf(
  lastRunAt: unknown,
  totalRunCount: unknown,
  resumedAt?: unknown,
): EntryState | undefined {
  if (!isMoment(lastRunAt)) return undefined;
  const isCount = Number.isSafeInteger(totalRunCount) && (totalRunCount as number) >= 0;
  return {
    ...{ lastRunAt, totalRunCount: isCount ? (totalRunCount as number) : 0 },
    ...(isMoment(resumedAt) && { resumedAt }),
  };
}
