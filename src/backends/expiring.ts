/** Maps whose entries expire, kept in the order of their age. */

/** Expired entries looked for on each `put`; more than one, so that the map shrinks. */
const PURGED_PER_PUT = 4;

export interface Expiring {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
}

export function put<Entry extends Expiring>(
  entries: Map<string, Entry>,
  id: string,
  entry: Entry,
): void {
  // deleted first, so that the order of the map stays the order of age
  entries.delete(id);
  entries.set(id, entry);
  purge(entries, PURGED_PER_PUT);
}

export function alive<Entry extends Expiring>(entry: Entry | undefined): Entry | undefined {
  return entry && entry.deadline > Date.now() ? entry : undefined;
}

/** Deletes what expired among the `limit` oldest. @returns how many */
export function purge(entries: Map<string, Expiring>, limit: number): number {
  const now = Date.now();
  let looked = 0;
  let deleted = 0;
  for (const [id, entry] of entries) {
    if (looked++ >= limit) break;
    if (entry.deadline > now) continue;
    entries.delete(id);
    deleted++;
  }
  return deleted;
}
