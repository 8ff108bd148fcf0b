/**
 * The schedule in a file beside the process, which only beat writes: when each entry ran last. The
 * entries are those of the code. Celery: `celery.beat:PersistentScheduler`, whose file is another.
 */
import { resolve } from 'node:path';
import type { Logger } from '../base/logger.ts';
import type { ScheduleContext } from '../schedules/contract.ts';
import type { EntryRun, ScheduleStore } from './contract.ts';
import type { Entry, EntryState, StoredEntry } from './entry.ts';
import { entryFromData, entryToData } from './entry-data.ts';
import { EntryTable } from './entry-table.ts';
import {
  FILE_VERSION,
  isPythonsFile,
  keptState,
  ScheduleFile,
  type Snapshot,
  stateOf,
} from './schedule-file.ts';

/** Seconds between two snapshots, as in Celery. */
const SNAPSHOT_EVERY = 180;
/** Bytes of the journal after which a snapshot takes its place earlier, in times of the entries. */
const LARGEST_JOURNAL = 1 << 20;
const JOURNAL_BYTES_EACH = 400;

export interface FileScheduleStoreOptions {
  /** `beat_schedule_filename`. */
  readonly filename: string;
  /** Zone and clock for schedules that are read. */
  readonly context: ScheduleContext;
  /** `enable_utc`. */
  readonly enableUtc: boolean;
  readonly logger: Pick<Logger, 'debug' | 'warning' | 'error'>;
  /** Of the app, by its setting's name. */
  readonly setting: (name: string) => unknown;
}

export class FileScheduleStore implements ScheduleStore {
  readonly isShared = false;
  readonly #options: FileScheduleStoreOptions;
  readonly #table: EntryTable;
  #file: ScheduleFile;
  #states = new Map<string, EntryState>();
  /** Names of those that the process before had not enabled. */
  #paused: ReadonlySet<string> = new Set();
  #isWritten = true;
  #unsynced = 0;
  #snapshotAt = 0;

  constructor(options: FileScheduleStoreOptions) {
    this.#options = options;
    this.#table = new EntryTable(() => options.context.now());
    this.#file = new ScheduleFile(resolve(options.filename));
  }

  get info(): string {
    return `. db -> ${this.#file.path}`;
  }

  /** @throws ImproperlyConfigured when the file could not be written */
  async start(): Promise<void> {
    const { logger, filename } = this.#options;
    if (await isPythonsFile(this.#file.path)) {
      this.#file = new ScheduleFile(`${this.#file.path}.json`);
      logger.warning(
        `${filename} is the schedule of a Python beat, which is left as it is: this one is kept in ${this.#file.path}.`,
      );
    }
    await this.#file.check();
    await this.#read();
    this.#snapshotAt = this.#options.context.now();
  }

  /** Writes what is to be remembered. */
  async stop(): Promise<void> {
    try {
      if (!this.#isWritten) await this.#snapshot();
    } finally {
      await this.#file.close();
    }
  }

  /** The journal comes first: what is taken out of it meanwhile is in the snapshot then. */
  async peek(): Promise<ReadonlyMap<string, EntryState>> {
    const { path } = this.#file;
    const file = (await isPythonsFile(path)) ? new ScheduleFile(`${path}.json`) : this.#file;
    const journal = await file.readJournal();
    const snapshot = await file.read();
    return snapshot ? statesIn(snapshot, journal) : new Map();
  }

  async load(): Promise<readonly StoredEntry[]> {
    // another process may have led, and written, meanwhile
    await this.#read();
    for (const { entry, state } of this.#table.entries) {
      const kept = this.#states.get(entry.name);
      if (kept && kept.lastRunAt > (state?.lastRunAt ?? Number.NEGATIVE_INFINITY)) {
        this.#table.set({ entry, state: kept });
      }
    }
    this.#states.clear();
    return this.#table.entries;
  }

  async putCode(entries: readonly Entry[]): Promise<void> {
    for (const { name, enabled } of entries) {
      const state = this.#states.get(name);
      if (!state || !enabled || !this.#paused.has(name)) continue;
      this.#states.set(name, { ...state, resumedAt: this.#options.context.now() });
    }
    this.#table.putCode(entries, this.#states);
    this.#states.clear();
    await this.#snapshot();
  }

  async put(entry: Entry): Promise<void> {
    // refused now and not at the next write
    entryToData(entry);
    this.#table.put(entry);
    await this.#snapshot();
  }

  async remove(name: string): Promise<boolean> {
    const was = this.#table.remove(name);
    if (was) await this.#snapshot();
    return was;
  }

  async setEnabled(name: string, enabled: boolean): Promise<boolean> {
    const is = this.#table.setEnabled(name, enabled);
    if (is) await this.#snapshot();
    return is;
  }

  async save(runs: readonly EntryRun[]): Promise<void> {
    this.#table.save(runs);
    this.#isWritten = false;
    await this.#file.append(runs);
    this.#unsynced += runs.length;
    if (this.#isSnapshotDue) await this.#snapshot();
  }

  /** Nobody else changes it. */
  async watch(): Promise<() => Promise<void>> {
    return async () => {};
  }

  get #isSnapshotDue(): boolean {
    const syncEvery = this.#options.setting('beat_sync_every') as number;
    if (syncEvery > 0 && this.#unsynced >= syncEvery) return true;
    const age = Math.abs(this.#options.context.now() - this.#snapshotAt);
    const largest = Math.max(LARGEST_JOURNAL, this.#table.size * JOURNAL_BYTES_EACH);
    return age >= SNAPSHOT_EVERY || this.#file.journalBytes > largest;
  }

  async #snapshot(): Promise<void> {
    const { context, enableUtc, logger } = this.#options;
    logger.debug('beat: Synchronizing schedule...');
    const entries: Record<string, Snapshot['entries'][string]> = {};
    const paused: string[] = [];
    const stored: Record<string, unknown> = {};
    for (const { entry, state } of this.#table.entries) {
      if (state) entries[entry.name] = keptState(state);
      if (!entry.enabled) paused.push(entry.name);
      if (entry.origin === 'store') stored[entry.name] = entryToData(entry);
    }
    const snapshot = { tz: context.timezone, utc_enabled: enableUtc, entries, paused, stored };
    await this.#file.write({ __version__: FILE_VERSION, ...snapshot });
    this.#isWritten = true;
    this.#unsynced = 0;
    this.#snapshotAt = context.now();
  }

  async #read(): Promise<void> {
    const { logger } = this.#options;
    let snapshot: Snapshot | undefined;
    try {
      snapshot = await this.#file.read();
    } catch (error) {
      const { message } = error as Error;
      logger.error(`Removing corrupted schedule file '${this.#options.filename}': ${message}`);
      logger.warning(`What it held is kept as ${await this.#file.moveAside()}.`);
    }
    this.#states =
      snapshot && !this.#isReset(snapshot)
        ? statesIn(snapshot, await this.#file.readJournal())
        : new Map();
    this.#paused = new Set(snapshot?.paused);
    if (snapshot?.stored) this.#readStored(snapshot.stored);
  }

  #readStored(stored: Readonly<Record<string, unknown>>): void {
    const known = new Set(this.#table.entries.map(({ entry }) => entry.name));
    for (const [name, data] of Object.entries(stored)) {
      if (known.has(name)) continue;
      try {
        const entry = entryFromData(name, data, this.#options.context);
        this.#table.set({ entry, state: this.#states.get(name) });
      } catch (error) {
        this.#options.logger.error((error as Error).message);
      }
    }
  }

  /** Due times of one zone mean nothing in another, as in Celery. */
  #isReset(snapshot: Snapshot): boolean {
    const { context, enableUtc, logger } = this.#options;
    const warn = (what: string) => logger.warning(`Reset: ${what}`);
    if (snapshot.__version__ > FILE_VERSION) warn('The schedule file is of a later version');
    else if (snapshot.tz !== context.timezone) {
      warn(`Timezone changed from '${snapshot.tz}' to '${context.timezone}'`);
    } else if (snapshot.utc_enabled !== enableUtc) {
      const word = (is: boolean) => (is ? 'enabled' : 'disabled');
      warn(`UTC changed from ${word(snapshot.utc_enabled)} to ${word(enableUtc)}`);
    } else return false;
    return true;
  }
}

function statesIn(snapshot: Snapshot, journal: readonly EntryRun[]): Map<string, EntryState> {
  const states = new Map<string, EntryState>();
  for (const [name, kept] of Object.entries(snapshot.entries)) {
    const state = stateOf(kept);
    if (state) states.set(name, state);
  }
  for (const { name, state } of journal) {
    // of one that was removed the journal may still tell
    const known = states.get(name);
    if (!known || known.lastRunAt <= state.lastRunAt) states.set(name, state);
  }
  return states;
}
