/** Where a schedule is kept: its entries, and when each ran last. */
import type { Service } from '../base/service.ts';
import type { Entry, EntryState, StoredEntry } from './entry.ts';

/** A sent due time of one entry, to be remembered. */
export interface EntryRun {
  readonly name: string;
  readonly state: EntryState;
}

export interface ScheduleStore extends Service {
  /** A line of the banner, as `. db -> celerybeat-schedule`; no password is in it. */
  readonly info: string;
  /** Whether operators may change it while beat runs (`tscelery schedule`). */
  readonly isShared: boolean;
  /**
   * Of one that is not shared: what the beat that has it remembers, by name. Nothing is changed, and
   * it need not be started.
   */
  peek?(): Promise<ReadonlyMap<string, EntryState>>;
  /** Every entry. One that cannot be read is told to `onUnreadable` and left out: others still run. */
  load(onUnreadable: (name: string, error: Error) => void): Promise<readonly StoredEntry[]>;
  /**
   * The entries of the code: new ones are added, known ones take their new definition and keep
   * state and `enabled`, and what an earlier code had and this one has not is removed.
   */
  putCode(entries: readonly Entry[]): Promise<void>;
  /** Added, or changed: the state stays, but for one whose schedule changes; one that was paused is resumed. */
  put(entry: Entry): Promise<void>;
  /** @returns whether there was one */
  remove(name: string): Promise<boolean>;
  /**
   * One that was paused and is enabled again goes on from now (`resumedAt`): what was due meanwhile is
   * not made up for.
   *
   * @returns whether there is one
   */
  setEnabled(name: string, enabled: boolean): Promise<boolean>;
  /**
   * Remember what was sent; all or nothing. An entry that somebody removed meanwhile stays removed.
   *
   * @param token of the leader; a store that has seen a later one refuses
   * @throws LeadershipLost when another leader has written since
   */
  save(runs: readonly EntryRun[], token: number): Promise<void>;
  /** Calls `onChange` within a second of a change by somebody else. @returns to stop that */
  watch(onChange: () => void): Promise<() => Promise<void>>;
}
