/** A schedule that is forgotten when its process ends. Celery: `celery.beat:Scheduler`. */
import type { EntryRun, ScheduleStore } from './contract.ts';
import type { Entry, StoredEntry } from './entry.ts';
import { EntryTable } from './entry-table.ts';

export class MemoryScheduleStore implements ScheduleStore {
  readonly info = '';
  readonly isShared = false;
  readonly #table: EntryTable;
  readonly #listeners = new Set<() => void>();

  /** @param now seconds since the epoch */
  constructor(now: () => number = () => Date.now() / 1000) {
    this.#table = new EntryTable(now);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async load(): Promise<readonly StoredEntry[]> {
    return this.#table.entries.map(({ entry, state }) => ({ entry, state }));
  }

  async putCode(entries: readonly Entry[]): Promise<void> {
    this.#table.putCode(entries);
  }

  async put(entry: Entry): Promise<void> {
    this.#table.put(entry);
    this.#tell();
  }

  async remove(name: string): Promise<boolean> {
    const was = this.#table.remove(name);
    this.#tell();
    return was;
  }

  async setEnabled(name: string, enabled: boolean): Promise<boolean> {
    const is = this.#table.setEnabled(name, enabled);
    this.#tell();
    return is;
  }

  async save(runs: readonly EntryRun[]): Promise<void> {
    this.#table.save(runs);
  }

  async watch(onChange: () => void): Promise<() => Promise<void>> {
    this.#listeners.add(onChange);
    return async () => void this.#listeners.delete(onChange);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
