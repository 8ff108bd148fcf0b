/** The entries of one schedule with their states, in memory. */
import type { EntryRun } from './contract.ts';
import type { Entry, EntryState, StoredEntry } from './entry.ts';

interface Slot {
  entry: Entry;
  state: EntryState | undefined;
}

export class EntryTable {
  readonly #slots = new Map<string, Slot>();
  readonly #now: () => number;

  /** @param now seconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#slots.size;
  }

  get entries(): readonly StoredEntry[] {
    return [...this.#slots.values()];
  }

  set({ entry, state }: StoredEntry): void {
    this.#slots.set(entry.name, { entry, state });
  }

  /**
   * @param states of entries that only have one so far
   * @returns whether anything is different now
   */
  putCode(entries: readonly Entry[], states?: ReadonlyMap<string, EntryState>): boolean {
    const names = new Set(entries.map(({ name }) => name));
    let isChanged = false;
    for (const [name, { entry }] of this.#slots) {
      if (entry.origin !== 'code' || names.has(name)) continue;
      this.#slots.delete(name);
      isChanged = true;
    }
    for (const entry of entries) {
      const known = this.#slots.get(entry.name);
      const isPaused = known !== undefined && !known.entry.enabled;
      isChanged ||= known === undefined || known.entry !== entry;
      this.#slots.set(entry.name, {
        entry: isPaused && entry.enabled ? { ...entry, enabled: false } : entry,
        state: known?.state ?? states?.get(entry.name),
      });
    }
    return isChanged;
  }

  put(entry: Entry): void {
    const known = this.#slots.get(entry.name);
    const isSame = known && String(known.entry.schedule) === String(entry.schedule);
    const state = isSame ? this.#resumed(known, entry.enabled) : undefined;
    this.#slots.set(entry.name, { entry, state });
  }

  remove(name: string): boolean {
    return this.#slots.delete(name);
  }

  setEnabled(name: string, enabled: boolean): boolean {
    const slot = this.#slots.get(name);
    if (!slot) return false;
    slot.state = this.#resumed(slot, enabled);
    slot.entry = { ...slot.entry, enabled };
    return true;
  }

  #resumed({ entry, state }: Slot, enabled: boolean): EntryState | undefined {
    return state && enabled && !entry.enabled ? { ...state, resumedAt: this.#now() } : state;
  }

  save(runs: readonly EntryRun[]): void {
    for (const { name, state } of runs) {
      const slot = this.#slots.get(name);
      if (slot) slot.state = state;
    }
  }
}
