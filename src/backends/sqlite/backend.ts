/**
 * Results in an SQLite file, in the tables of Python Celery's database backend, with their
 * limits: children, group_id and parent_id of a task are not kept.
 */

import { CeleryError, ImproperlyConfigured } from '../../base/errors.ts';
import { sleep } from '../../base/time/backoff.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import { mayPass } from '../../drivers/sqlite/driver.ts';
import { parseSqliteUrl, type SqliteLocation } from '../../drivers/sqlite/location.ts';
import { fromIso } from '../../wire/dates.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import { CHORD_LEASE } from '../chord-parts.ts';
import type { BackendOptions, MetaListener, ProblemListener, ResultBackend } from '../contract.ts';
import { BackendGetMetaError, BackendStoreError } from '../errors.ts';
import { Listeners } from '../listeners.ts';
import { ResultCodec } from '../result-codec.ts';
import { type RetrySchedule, retrySchedule } from '../retry.ts';
import { SqliteChords } from './chords.ts';
import { ResultDatabase } from './database.ts';
import { decodeGroup, encodeGroup } from './group-pickle.ts';
import { fromRow, toDatabaseTime, toRow } from './row.ts';
import { OLDEST_ROWS, type TableNames, tableNames } from './tables.ts';

const PURGE_EVERY_MS = 60_000;

export class SqliteBackend implements ResultBackend {
  readonly name = 'database';
  readonly keepsExpired = true;
  readonly url: string;
  readonly chords: SqliteChords;
  readonly #location: SqliteLocation;
  readonly #names: TableNames;
  /** Seconds; 0 is for ever. */
  readonly #expires: number;
  readonly #codec: ResultCodec;
  readonly #listeners = new Listeners();
  #database: ResultDatabase | undefined;
  readonly #retry: RetrySchedule;
  #stopped = false;
  #ending = new AbortController();
  #purgedAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, options: BackendOptions) {
    this.url = url;
    this.#location = parseSqliteUrl(url.replace(/^database\+/i, 'db+'));
    this.#names = tableNames(options.settings.database_table_names);
    this.#expires = options.expires ?? 0;
    // The result itself is a pickle, whatever the serializer is: Python's column has that type.
    this.#codec = new ResultCodec(options);
    this.#retry = retrySchedule(options);
    this.chords = this.#makeChords(options.chordLease ?? CHORD_LEASE);
  }

  #makeChords(lease: number): SqliteChords {
    return new SqliteChords({
      expires: this.#expires,
      lease,
      write: async (run, doing, document) => {
        try {
          const result = await this.#retrying(() => this.#opened().changeChords(run));
          this.#purgeSometimes();
          return result;
        } catch (error) {
          throw storeError(error, doing, document);
        }
      },
      read: (run, groupId) =>
        this.#reading(groupId, 'reading the progress of the chord', database =>
          database.readChords(run),
        ),
    });
  }

  get subscriptions(): number {
    return this.#listeners.size;
  }

  async start(): Promise<void> {
    this.#stopped = false;
    if (this.#ending.signal.aborted) this.#ending = new AbortController();
    this.#opened();
    this.#purgeSometimes();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#stopped = true;
    const database = this.#database;
    this.#database = undefined;
    try {
      await database?.leave(this.#listeners);
    } finally {
      this.#listeners.close(new ConnectionClosed('The result backend was closed.'));
    }
  }

  async store(meta: ResultMeta): Promise<void> {
    const row = toRow(meta, this.#codec);
    try {
      await this.#retrying(() => this.#opened().store(row));
    } catch (error) {
      throw storeError(error, `storing the result of ${meta.task_id}`, {
        taskId: meta.task_id,
        state: meta.status,
      });
    }
    this.#purgeSometimes();
  }

  async fetch(taskId: string): Promise<ResultMeta | undefined> {
    return this.#reading(taskId, 'reading the result of', async database => {
      const row = await database.query(tables => tables.task(taskId));
      return row && !this.#hasExpired(row.date_done) ? fromRow(row, this.#codec) : undefined;
    });
  }

  async forget(taskId: string): Promise<void> {
    await this.#reading(taskId, 'forgetting', database =>
      database.query(tables => tables.deleteTask(taskId)),
    );
  }

  async subscribe(
    taskId: string,
    listener: MetaListener,
    onProblem?: ProblemListener,
  ): Promise<() => Promise<void>> {
    const database = this.#opened();
    const remove = this.#listeners.add(taskId, listener, onProblem);
    const end = async () => {
      if (remove()) database.unlisten(taskId, this.#listeners);
    };
    try {
      await database.listen(taskId);
    } catch (error) {
      await end();
      throw new BackendGetMetaError(describe(error, `waiting for ${taskId}`), { taskId });
    }
    return end;
  }

  async storeGroup(groupId: string, tuple: unknown, what = 'the group'): Promise<void> {
    const pickle = encodeGroup(tuple);
    const now = toDatabaseTime(Date.now() / 1000);
    try {
      await this.#retrying(() =>
        this.#opened().query(tables => tables.putGroup(groupId, pickle, now)),
      );
    } catch (error) {
      throw storeError(error, `storing ${what} ${groupId}`, { taskId: groupId, state: '' });
    }
  }

  async fetchGroup(groupId: string, what = 'the group'): Promise<unknown | undefined> {
    return this.#reading(groupId, `reading ${what}`, async database => {
      const row = await database.query(tables => tables.group(groupId));
      if (!row?.result || this.#hasExpired(row.date_done)) return undefined;
      return decodeGroup(row.result);
    });
  }

  async forgetGroup(groupId: string): Promise<void> {
    await this.#reading(groupId, 'forgetting the group', database =>
      database.query(tables => tables.deleteGroup(groupId)),
    );
  }

  async cleanup(): Promise<number> {
    if (this.#expires <= 0) return 0;
    await this.#purgeChords();
    return this.#opened().query(tables => tables.expire(this.#cutoff(), 'everywhere'));
  }

  /**
   * A lock that lasts, a full disk or one that is read-only for a while are waited out, or what a
   * task returned would be lost.
   */
  async #retrying<T>(write: () => Promise<T>): Promise<T> {
    const { signal } = this.#ending;
    for (let failures = 1; ; failures++) {
      try {
        return await write();
      } catch (error) {
        const isHopeless = signal.aborted || this.#location.readOnly || !mayPass(error as Error);
        const pause = isHopeless ? undefined : this.#retry(failures);
        if (pause === undefined) throw error;
        await sleep(pause, undefined, signal).catch(() => {}); // then the last try follows at once
      }
    }
  }

  /** Nobody has to run beat: who stores also throws away, a little at a time. */
  #purgeSometimes(): void {
    if (this.#expires <= 0 || this.#location.readOnly) return;
    const now = performance.now();
    if (now - this.#purgedAt < PURGE_EVERY_MS) return;
    this.#purgedAt = now;
    this.#purgeOldest().catch(() => {
      // locked or closed: the next purge does it
    });
  }

  async #purgeChords(): Promise<void> {
    const database = this.#opened();
    if (!(await database.readChords(tables => tables !== undefined))) return;
    const cutoff = Date.now() / 1000 - this.#expires;
    while (!(await database.changeChords(tables => tables.expire(cutoff, 'all')))) {
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  async #purgeOldest(): Promise<void> {
    await this.#purgeChords();
    for (;;) {
      const database = this.#database;
      if (!database) return;
      const deleted = await database.query(tables => tables.expire(this.#cutoff(), 'oldest'));
      if (deleted < OLDEST_ROWS / 2) return;
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  #cutoff(): string {
    return toDatabaseTime(Date.now() / 1000 - this.#expires);
  }

  /** Expired rows are gone for everybody, purged or not, as in the other stores. */
  #hasExpired(dateDone: string | null): boolean {
    return (
      this.#expires > 0 &&
      dateDone !== null &&
      fromIso(dateDone) < Date.now() / 1000 - this.#expires
    );
  }

  #opened(): ResultDatabase {
    if (this.#stopped) throw new ConnectionClosed('The result backend was closed.');
    this.#database ??= ResultDatabase.use(
      this.#location,
      this.#names,
      this.#listeners,
      this.#codec,
    );
    return this.#database;
  }

  async #reading<T>(
    id: string,
    doing: string,
    run: (database: ResultDatabase) => Promise<T>,
  ): Promise<T> {
    try {
      return await run(this.#opened());
    } catch (cause) {
      throw new BackendGetMetaError(describe(cause, `${doing} ${id}`), { taskId: id, cause });
    }
  }
}

function describe(error: unknown, doing: string): string {
  const reason = error instanceof CeleryError ? error.message : String(error);
  return `Error ${doing}: ${reason}`;
}

function storeError(
  cause: unknown,
  doing: string,
  document: { taskId: string; state: string },
): BackendStoreError {
  const recoverable = !(cause instanceof ImproperlyConfigured) || mayPass(cause);
  return new BackendStoreError(describe(cause, doing), { ...document, cause, recoverable });
}
