/** A schedule in an SQLite file, which beats and operators of one machine share. */
import type { SqliteDatabase } from '../../drivers/sqlite/driver.ts';
import type { SqliteLocation } from '../../drivers/sqlite/location.ts';
import { SqliteTransactions } from '../../drivers/sqlite/transactions.ts';
import type { ScheduleContext } from '../../schedules/contract.ts';
import type { EntryRun, ScheduleStore } from '../contract.ts';
import type { Entry, StoredEntry } from '../entry.ts';
import { LeadershipLost } from '../errors.ts';
import { entryIn, stateOf, textOf } from '../stored-text.ts';
import { VersionWatch } from '../version-watch.ts';
import { createTables, type EntryRow, ScheduleTables } from './tables.ts';

export class SqliteScheduleStore implements ScheduleStore {
  readonly info: string;
  readonly isShared = true;
  readonly #file: SqliteTransactions;
  readonly #key: string;
  readonly #context: ScheduleContext;
  readonly #watch: VersionWatch;
  /** What a file that was deleted is told again. */
  #ofCode: readonly Entry[] = [];

  /** @param key of the schedule; one file may keep several */
  constructor(location: SqliteLocation, key: string, context: ScheduleContext) {
    this.info = `. db -> ${location.path}`;
    this.#key = key;
    this.#context = context;
    this.#file = new SqliteTransactions(location, {
      prepare: location.readOnly ? () => {} : createTables,
    });
    this.#watch = new VersionWatch(() => this.#read(tables => tables.version()));
  }

  async start(): Promise<void> {
    await this.#read(tables => tables.version());
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    this.#file.close();
  }

  async load(onUnreadable: (name: string, error: Error) => void): Promise<readonly StoredEntry[]> {
    let found = await this.#read(tables => ({ version: tables.version(), rows: tables.all() }));
    if (found.version === 0 && this.#ofCode.length > 0) {
      await this.putCode(this.#ofCode);
      found = await this.#read(tables => ({ version: tables.version(), rows: tables.all() }));
    }
    this.#watch.saw(found.version);
    const loaded: StoredEntry[] = [];
    for (const row of found.rows) {
      try {
        loaded.push(this.#entryOf(row));
      } catch (error) {
        onUnreadable(row.name, error as Error);
      }
    }
    return loaded;
  }

  async putCode(entries: readonly Entry[]): Promise<void> {
    const rows = entries.map(entry => ({ ...textOf(entry), ...entry }));
    await this.#change(tables => {
      const names = new Set(rows.map(({ name }) => name));
      const before = tables.all();
      let isChanged = tables.version() === 0;
      for (const { name, origin } of before) {
        if (origin === 'code' && !names.has(name)) isChanged = tables.remove(name) || isChanged;
      }
      const known = new Map(before.map(row => [row.name, row]));
      for (const { name, text, enabled } of rows) {
        const row = known.get(name);
        if (row?.definition === text && row.origin === 'code') continue;
        const isEnabled = row ? row.enabled !== 0 : enabled;
        tables.put({ name, definition: text, enabled: isEnabled ? 1 : 0, origin: 'code' });
        isChanged = true;
      }
      return isChanged;
    });
    this.#ofCode = entries;
  }

  async put(entry: Entry): Promise<void> {
    const { schedule, text } = textOf(entry);
    const { name, enabled, origin } = entry;
    await this.#change(tables => {
      const known = tables.one(name);
      if (enabled) tables.resume(name, this.#context.now());
      tables.put({ name, definition: text, enabled: enabled ? 1 : 0, origin });
      if (!known?.definition.startsWith(schedule)) tables.forgetRuns(name);
      return true;
    });
  }

  remove(name: string): Promise<boolean> {
    return this.#change(tables => tables.remove(name));
  }

  setEnabled(name: string, enabled: boolean): Promise<boolean> {
    return this.#change(tables => tables.setEnabled(name, enabled, this.#context.now()));
  }

  async save(runs: readonly EntryRun[], token: number): Promise<void> {
    const isOurs = await this.#file.write(database => {
      const tables = new ScheduleTables(database, this.#key);
      // 0 is of a beat that needs no leader
      if (token > 0 && !tables.admits(token)) return false;
      for (const { name, state } of runs) tables.saveRun(name, state);
      return true;
    });
    if (isOurs) return;
    throw new LeadershipLost(
      'Another beat has written to the schedule since this one was elected.',
    );
  }

  watch(onChange: () => void): Promise<() => Promise<void>> {
    return this.#watch.start(onChange);
  }

  #entryOf({ name, definition, enabled, origin, ...row }: EntryRow): StoredEntry {
    const beside = {
      enabled: enabled !== 0,
      origin: origin === 'code' ? ('code' as const) : ('store' as const),
      state: stateOf(row.last_run_at, row.total_run_count, row.resumed_at),
    };
    return entryIn(name, String(definition), beside, this.#context);
  }

  #read<T>(work: (tables: ScheduleTables) => T): Promise<T> {
    return this.#file.read((database: SqliteDatabase) =>
      work(new ScheduleTables(database, this.#key)),
    );
  }

  /** @param work tells whether anything is different now */
  async #change(work: (tables: ScheduleTables) => boolean): Promise<boolean> {
    const version = await this.#file.write(database => {
      const tables = new ScheduleTables(database, this.#key);
      return work(tables) ? tables.nextVersion() : 0;
    });
    this.#watch.wrote(version);
    return version > 0;
  }
}
