/** What of beat a program may replace: the entries there are, and what sending one is. */
import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import type { Logger } from '../base/logger.ts';
import type { ScheduleStore } from '../schedule-stores/contract.ts';
import type { Entry } from '../schedule-stores/entry.ts';

/** A due time that is sent. */
export interface Run {
  /** The due time: seconds since the epoch. */
  readonly slot: number;
  /** Of the message. */
  readonly id: string;
  readonly totalRunCount: number;
}

export interface SchedulerOptions {
  /** Where entries and their last runs are kept. */
  readonly store: ScheduleStore;
  /** Seconds: longest sleep between two looks at the schedule. */
  readonly maxInterval: number;
  readonly logger: Logger;
}

/**
 * Decides which entries there are and sends them; beat does the rest. A class that extends it is
 * named with `-S ./module.ts:Class`. Celery: `celery.beat.Scheduler`.
 */
export class Scheduler {
  readonly app: Celery;
  readonly store: ScheduleStore;
  readonly maxInterval: number;
  readonly logger: Logger;

  constructor(app: Celery, { store, maxInterval, logger }: SchedulerOptions) {
    this.app = app;
    this.store = store;
    this.maxInterval = maxInterval;
    this.logger = logger;
  }

  /** For the banner. */
  get info(): string {
    return this.store.info;
  }

  /**
   * The entries of the code: by default those of `beat_schedule` and `addPeriodicTask`. Called when
   * beat starts. Celery: `setup_schedule`.
   *
   * @throws ImproperlyConfigured naming an entry that is wrong
   */
  setupSchedule(): readonly Entry[] | Promise<readonly Entry[]> {
    return this.app[INTERNALS].periodicTasks.entries();
  }

  /**
   * Send one run. What it throws is logged and this run is lost, unless the broker could not be
   * reached (`error.recoverable`), when it is called again. Celery: `apply_entry`.
   *
   * @param run its due time, and the id that the message is to have
   * @returns the id of the message
   */
  applyEntry(entry: Entry, run: Run): Promise<string> {
    // whoever calls knows when another attempt is worth it
    return this.app[INTERNALS].sendEntry(entry, { taskId: run.id, retry: false });
  }
}
