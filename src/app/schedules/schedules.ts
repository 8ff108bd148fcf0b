/** The schedule of an app's beat, for programs that look at it and change it while beat runs. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import type { ScheduleStore } from '../../schedule-stores/contract.ts';
import {
  beginOf,
  type Entry,
  type EntryState,
  type StoredEntry,
} from '../../schedule-stores/entry.ts';
import { openScheduleStore, STORE_NAMES } from '../../schedule-stores/open.ts';
import type { ScheduleContext } from '../../schedules/contract.ts';
import type { BeatEntry } from '../options/beat-schedule.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { Settings } from '../settings/settings.ts';
import { readEntry } from './read-entry.ts';

/** An entry of the schedule, with what beat remembers of it. */
export interface PeriodicEntry extends Entry {
  /** The due time that was sent last, or when beat saw it first; null before that. */
  readonly lastRunAt: Date | null;
  readonly totalRunCount: number;
  /** When it is due next; null when it is paused, or will never be due again. */
  readonly nextRunAt: Date | null;
}

export interface ListOptions {
  /** Told of an entry that cannot be read and is left out; without it `list` throws. */
  readonly onUnreadable?: (name: string, error: Error) => void;
}

export interface SchedulesHost {
  readonly conf: Settings;
  context(): ScheduleContext;
  load(): Promise<void>;
  /** Of the code, with its settings. */
  entriesOfCode(): Promise<readonly Entry[]>;
  send(entry: Entry): Promise<AsyncResult>;
  warn(message: string): void;
}

export class Schedules {
  readonly #host: SchedulesHost;
  #store: Promise<ScheduleStore> | undefined;

  constructor(host: SchedulesHost) {
    this.#host = host;
  }

  /**
   * All entries, by name. Of a schedule that beat keeps for itself (`celery.beat:PersistentScheduler`)
   * those of the code, with what its file says of their runs.
   *
   * @throws ImproperlyConfigured for an entry that cannot be read, unless `onUnreadable` is told
   */
  async list(options: ListOptions = {}): Promise<readonly PeriodicEntry[]> {
    const store = await this.#open();
    const tell =
      options.onUnreadable ??
      ((_name: string, error: Error) => {
        throw error;
      });
    const stored = store.isShared ? await store.load(tell) : await this.#ofCode(store);
    return stored
      .map(({ entry, state }) => this.#described(entry, state))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async #ofCode(store: ScheduleStore): Promise<readonly StoredEntry[]> {
    let states: ReadonlyMap<string, EntryState> = new Map();
    try {
      states = (await store.peek?.()) ?? states;
    } catch (error) {
      this.#host.warn(`The schedule of beat cannot be read: ${(error as Error).message}`);
    }
    const entries = await this.#host.entriesOfCode();
    return entries.map(entry => ({ entry, state: states.get(entry.name) }));
  }

  /** Undefined when there is none of that name. */
  async get(name: string): Promise<PeriodicEntry | undefined> {
    let problem: Error | undefined;
    const onUnreadable = (each: string, error: Error) => {
      if (each === name) problem = error;
    };
    const found = (await this.list({ onUnreadable })).find(entry => entry.name === name);
    if (problem) throw problem;
    return found;
  }

  /**
   * Add an entry, or put another definition in its place; beat has it within a second. What it
   * remembers of its runs stays, unless the schedule is another. An entry of the code is as the code
   * says again when beat starts.
   *
   * @param entry as in `beat_schedule`; without `enabled` one that is paused stays so
   * @throws ImproperlyConfigured naming what is wrong with it, or when the schedule is not shared
   */
  async upsert(name: string, entry: BeatEntry): Promise<void> {
    const store = await this.#shared();
    const known = await this.#known(name);
    const read = readEntry(name, entry, this.#host.context());
    const enabled = entry.enabled ?? known?.enabled ?? true;
    await store.put({ ...read, enabled, origin: known?.origin ?? 'store' });
  }

  /** @returns whether there was one. An entry of the code comes back when beat starts. */
  async remove(name: string): Promise<boolean> {
    return (await this.#shared()).remove(name);
  }

  /** It has no due times until `resume`, also when beat starts anew. @returns whether there is one */
  async pause(name: string): Promise<boolean> {
    return (await this.#shared()).setEnabled(name, false);
  }

  /** @returns whether there is one */
  async resume(name: string): Promise<boolean> {
    return (await this.#shared()).setEnabled(name, true);
  }

  /**
   * Send the task of an entry now, whenever it is due; that changes nothing of when it is.
   *
   * @throws ImproperlyConfigured when there is none of that name
   */
  async run(name: string): Promise<AsyncResult> {
    const entry = await this.get(name);
    if (entry) return this.#host.send(entry);
    const names = (await this.list({ onUnreadable: () => {} })).map(each => each.name);
    throw new ImproperlyConfigured(
      `There is no entry ${JSON.stringify(name)} in the schedule.${didYouMean(name, names)}`,
    );
  }

  /** What is asked for after that opens the store again. */
  async close(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.then(opened => opened.stop()).catch(() => {});
  }

  /** One that is there but cannot be read is replaced. */
  async #known(name: string): Promise<PeriodicEntry | undefined> {
    const all = await this.list({ onUnreadable: () => {} });
    return all.find(entry => entry.name === name);
  }

  #described(entry: Entry, state: EntryState | undefined): PeriodicEntry {
    const lastRunAt = state ? new Date(state.lastRunAt * 1000) : null;
    const after = new Date((state ? beginOf(state) : this.#host.context().now()) * 1000);
    return {
      ...entry,
      lastRunAt,
      totalRunCount: state?.totalRunCount ?? 0,
      nextRunAt: entry.enabled ? entry.schedule.nextRun(after) : null,
    };
  }

  async #shared(): Promise<ScheduleStore> {
    const store = await this.#open();
    if (store.isShared) return store;
    throw new ImproperlyConfigured(
      `beat_scheduler ${JSON.stringify(this.#host.conf.get('beat_scheduler'))} keeps the schedule for ` +
        'one beat alone; one that can be changed while beat runs is beat_scheduler = "database".',
    );
  }

  #open(): Promise<ScheduleStore> {
    if (!this.#store) {
      const opening = this.#opened();
      this.#store = opening;
      opening.catch(() => {
        if (this.#store === opening) this.#store = undefined;
      });
    }
    return this.#store;
  }

  async #opened(): Promise<ScheduleStore> {
    await this.#host.load();
    const { conf, warn } = this.#host;
    const given = conf.get('beat_scheduler');
    const name = typeof given === 'string' ? given : given.name;
    const quiet = () => {};
    const store = await openScheduleStore(name, {
      filename: conf.get('beat_schedule_filename'),
      context: this.#host.context(),
      enableUtc: conf.get('enable_utc'),
      logger: { debug: quiet, info: quiet, warning: warn, error: warn },
      setting: each => conf.get(each as 'broker_url'),
    });
    if (!store) {
      throw new ImproperlyConfigured(
        `beat_scheduler ${JSON.stringify(name)} is not one that this program can look into.${didYouMean(name, STORE_NAMES)} ` +
          `There are ${STORE_NAMES.join(', ')}.`,
      );
    }
    if (store.isShared) await store.start();
    return store;
  }
}
