/**
 * A schedule in the tables of django-celery-beat in SQLite, which Django's admin shows and changes. They
 * have no mark for entries of the code, so none is taken back; and no lock, so that beats of Python on
 * the same tables send besides.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { SqliteLocation } from '../../drivers/sqlite/location.ts';
import { SqliteTransactions } from '../../drivers/sqlite/transactions.ts';
import type { ScheduleContext } from '../../schedules/contract.ts';
import type { EntryRun, ScheduleStore } from '../contract.ts';
import type { Entry, StoredEntry } from '../entry.ts';
import { checkName } from '../stored-text.ts';
import { VersionWatch } from '../version-watch.ts';
import { columnsOf, scheduleRowOf } from './columns.ts';
import { entryOf, type TaskRow } from './rows.ts';
import { DjangoTables } from './sql.ts';

export class DjangoScheduleStore implements ScheduleStore {
  readonly info: string;
  readonly isShared = true;
  readonly #file: SqliteTransactions;
  readonly #context: ScheduleContext;
  readonly #watch: VersionWatch;

  constructor(location: SqliteLocation, context: ScheduleContext) {
    this.info = `. db -> ${location.path}`;
    this.#context = context;
    this.#file = new SqliteTransactions(location);
    this.#watch = new VersionWatch(() => this.#read(tables => tables.lastUpdate()));
  }

  /** @throws ImproperlyConfigured when the tables are missing */
  async start(): Promise<void> {
    await this.#read(tables => [tables.lastUpdate(), tables.all()]);
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    this.#file.close();
  }

  async load(onUnreadable: (name: string, error: Error) => void): Promise<readonly StoredEntry[]> {
    const { version, rows } = await this.#read(tables => ({
      version: tables.lastUpdate(),
      rows: tables.all(),
    }));
    this.#watch.saw(version);
    const loaded: StoredEntry[] = [];
    for (const row of rows) {
      try {
        loaded.push(entryOf(row, this.#context));
      } catch (error) {
        onUnreadable(row.name, error as Error);
      }
    }
    return loaded;
  }

  async putCode(entries: readonly Entry[]): Promise<void> {
    const rows = entries.map(entry => this.#rowOf(entry));
    await this.#change(tables => {
      const known = new Set(tables.all().map(({ name }) => name));
      for (const { entry, columns, schedule } of rows) {
        const enabled = known.has(entry.name) ? undefined : entry.enabled;
        tables.put(entry.name, columns, { schedule, enabled });
      }
      return rows.length > 0;
    });
  }

  async put(entry: Entry): Promise<void> {
    const { columns, schedule } = this.#rowOf(entry);
    await this.#change(tables => {
      const known = tables.all().find(({ name }) => name === entry.name);
      if (entry.enabled) tables.resume(entry.name);
      tables.put(entry.name, columns, { schedule, enabled: entry.enabled });
      if (known && !this.#hasSchedule(known, entry)) tables.forgetRuns(entry.name);
      return true;
    });
  }

  remove(name: string): Promise<boolean> {
    return this.#change(tables => tables.remove(name));
  }

  setEnabled(name: string, enabled: boolean): Promise<boolean> {
    return this.#change(tables => tables.setEnabled(name, enabled));
  }

  /** There is no place for a token: an entry takes no run that is older than the one it has. */
  async save(runs: readonly EntryRun[]): Promise<void> {
    await this.#write(tables => {
      const isOver = runs.map(run => tables.saveRun(run));
      if (isOver.includes(true)) tables.tellOfChange();
    });
  }

  watch(onChange: () => void): Promise<() => Promise<void>> {
    return this.#watch.start(onChange);
  }

  #rowOf(entry: Entry) {
    checkName(entry.name);
    const schedule = scheduleRowOf(entry, this.#context.timezone);
    return { entry, columns: columnsOf(entry), schedule };
  }

  #hasSchedule(row: TaskRow, entry: Entry): boolean {
    try {
      const known = entryOf(row, this.#context).entry;
      const rowOf = (each: Entry) => JSON.stringify(scheduleRowOf(each, this.#context.timezone));
      return rowOf(known) === rowOf(entry);
    } catch {
      return false;
    }
  }

  /** @param work tells whether anything is different now */
  #change(work: (tables: DjangoTables) => boolean): Promise<boolean> {
    return this.#write(tables => {
      const isChanged = work(tables);
      if (isChanged) tables.tellOfChange();
      return isChanged;
    });
  }

  async #write<T>(work: (tables: DjangoTables) => T): Promise<T> {
    return this.#explained(() =>
      this.#file.write(database => work(new DjangoTables(database, this.#context.now()))),
    );
  }

  async #read<T>(work: (tables: DjangoTables) => T): Promise<T> {
    return this.#explained(() =>
      this.#file.read(database => work(new DjangoTables(database, this.#context.now()))),
    );
  }

  async #explained<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!/no such (table|column)/.test((error as Error).message)) throw error;
      throw new ImproperlyConfigured(
        `${this.#file.path} lacks tables of django-celery-beat: ${(error as Error).message}. ` +
          'Run "python manage.py migrate django_celery_beat".',
        { cause: error },
      );
    }
  }
}
