/**
 * One open database of this process, shared by its transports with the same file.
 *
 * Everything that one turn of the event loop wants written (publishes, acks, claims) goes into
 * one transaction at the turn's end. Blocks the event loop for a transaction only, never for
 * another process's lock.
 */
import { resolve } from 'node:path';
import { type Deferred, deferred } from '../../base/deferred.ts';
import type { CeleryError } from '../../base/errors.ts';
import { ConnectionClosed, OperationalError } from '../../drivers/errors.ts';
import { ChangeWatcher } from '../../drivers/sqlite/change-watcher.ts';
import {
  closeSqlite,
  isBusy,
  openSqlite,
  type SqliteDatabase,
  type SqliteStatement,
  sqliteError,
  whileBusy,
} from '../../drivers/sqlite/driver.ts';
import { FileIdentity } from '../../drivers/sqlite/file-identity.ts';
import { MEMORY, type SqliteLocation } from '../../drivers/sqlite/location.ts';
import { Janitor } from './janitor.ts';
import type { TableNames } from './schema.ts';
import { SqliteStore } from './store.ts';

export interface TurnMember {
  readonly holder: number;
  /**
   * Whether it could take something, should there be anything; while nobody can, changes are not
   * looked for.
   */
  readonly isWaiting: boolean;
  /** Queues that die of disuse unless somebody says that they are in use. */
  readonly expiring: readonly { readonly name: string; readonly seconds: number }[];
  wake(): void;
  /**
   * Reads only, so that it waits for no writer: note what was broadcast. Returns whether a
   * transaction is needed.
   */
  prepare(store: SqliteStore): boolean;
  /** Within a transaction: write what was settled, claim what there is room for. */
  inTransaction(store: SqliteStore): void;
  /** The transaction came to nothing: what was to be written in it is to be written again. */
  rolledBack(): void;
  /** Hand on what `prepare` and `inTransaction` got; what is not in the file yet may still come to nothing. */
  afterCommit(): void;
}

export interface SessionListener {
  restored(count: number, consumer: string): void;
  lost(error: CeleryError): void;
  gone(error: CeleryError): void;
  recovered(): void;
}

/**
 * A statement waits so long for a lock by itself, and blocks the event loop; longer waits are left
 * to timers.
 */
const BLOCKING_WAIT_MS = 5;
const LOCK_RETRY_MS = 2;
/** Until consumers try again after the database failed. */
const FAILURE_RETRY_MS = 1000;

export class SqliteSession {
  readonly path: string;
  readonly members = new Set<TurnMember>();
  readonly listeners = new Set<SessionListener>();
  readonly store: SqliteStore;
  readonly #database: SqliteDatabase;
  readonly #timeout: number;
  readonly #version: SqliteStatement;
  readonly #file: FileIdentity;
  #isGone = false;
  #work: ((store: SqliteStore) => void)[] = [];
  #pending: Deferred<void> | undefined;
  #next: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** When the wait for another process's lock is over, by `performance.now`. */
  #lockDeadline: number | undefined;
  #isLost = false;
  #isClosed = false;
  #watcher: ChangeWatcher | undefined;
  #janitor: Janitor | undefined;

  private constructor(database: SqliteDatabase, location: SqliteLocation, names: TableNames) {
    this.path = location.path;
    this.#timeout = location.timeout;
    this.#database = database;
    this.#version = database.prepare('PRAGMA data_version');
    this.#file = new FileIdentity(location.path);
    this.store = new SqliteStore(database, names);
  }

  static async open(location: SqliteLocation, names: TableNames): Promise<SqliteSession> {
    const { path, timeout, readOnly } = location;
    const database = openSqlite(path, { readOnly, busyTimeout: timeout });
    try {
      database.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
      const session = new SqliteSession(database, location, names);
      await whileBusy(() => session.#transaction(() => session.store.createTables()), timeout);
      return session;
    } catch (error) {
      database.close();
      throw sqliteError(error, path);
    }
  }

  /** The file was deleted or replaced: what is written here nobody would find. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Runs `work` in the next transaction; rejects with OperationalError when that fails. */
  async write<T>(work: (store: SqliteStore) => T): Promise<T> {
    let result!: T;
    await this.enqueue(store => {
      result = work(store);
    });
    return result;
  }

  enqueue(work: (store: SqliteStore) => void): Promise<void> {
    this.#work.push(work);
    return this.commit();
  }

  /** Resolves when everything wanted so far has been written. */
  commit(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ConnectionClosed('The database was closed.'));
    this.#pending ??= deferred();
    this.wake();
    return this.#pending.promise;
  }

  /**
   * See to work and members at the end of this turn of the event loop, so that all of it is one
   * transaction.
   */
  wake(): void {
    if (this.#retry !== undefined || this.#isClosed) return;
    this.#next ??= setImmediate(() => {
      this.#next = undefined;
      this.#turn();
    });
  }

  wakeAll(): void {
    for (const member of this.members) member.wake();
    this.wake();
  }

  enter(member: TurnMember): void {
    this.members.add(member);
    this.#janitor ??= new Janitor(this);
    if (this.path !== MEMORY) this.#watcher ??= this.#watch();
    this.wake();
  }

  leave(member: TurnMember): void {
    this.members.delete(member);
    if (this.members.size > 0) return;
    this.#watcher?.stop();
    this.#janitor?.stop();
    this.#watcher = undefined;
    this.#janitor = undefined;
  }

  /** Writes what is left, moves it from the log into the database file and closes it. */
  async close(): Promise<void> {
    while (this.#pending !== undefined) await this.#pending.promise.catch(() => {});
    this.#isClosed = true;
    clearImmediate(this.#next);
    clearTimeout(this.#retry);
    closeSqlite(this.#database);
  }

  #watch(): ChangeWatcher {
    return new ChangeWatcher({
      file: `${resolve(this.path)}-wal`,
      version: () => (this.#version.get() as { data_version: number }).data_version,
      isWaiting: () => [...this.members].some(member => member.isWaiting),
      onChange: () => this.wakeAll(),
    });
  }

  #turn(): void {
    try {
      let isNeeded = this.#pending !== undefined;
      for (const member of this.members) if (member.prepare(this.store)) isNeeded = true;
      if (isNeeded) this.#exchange();
      this.#lockDeadline = undefined;
    } catch (error) {
      for (const member of this.members) member.rolledBack();
      this.#afterFailure(error);
    }
    for (const member of this.members) member.afterCommit();
  }

  #exchange(): void {
    const { store } = this;
    this.#isGone ||= !this.#file.isCurrent;
    if (this.#isGone) throw new OperationalError(this.#file.complaint);
    this.#transaction(() => {
      for (const work of this.#work) work(store);
      if (store.hasNews) for (const member of this.members) member.wake();
      for (const member of this.members) member.inTransaction(store);
    });
    const pending = this.#pending;
    this.#pending = undefined;
    this.#work = [];
    if (this.#isLost) for (const listener of this.listeners) listener.recovered();
    this.#isLost = false;
    if (store.hasNews) this.wakeAll();
    store.hasNews = false;
    pending?.resolve();
  }

  #transaction(body: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      body();
      this.#database.exec('COMMIT');
    } catch (error) {
      try {
        this.#database.exec('ROLLBACK');
      } catch {
        // SQLite rolled back by itself, as it does when the disk is full.
      }
      throw error;
    }
  }

  #afterFailure(error: unknown): void {
    this.#lockDeadline ??= performance.now() + this.#timeout * 1000;
    if (isBusy(error) && performance.now() < this.#lockDeadline) {
      this.#tryAgainIn(LOCK_RETRY_MS);
      return;
    }
    this.#lockDeadline = undefined;
    const failure = sqliteError(error, this.path);
    const pending = this.#pending;
    this.#pending = undefined;
    this.#work = [];
    pending?.reject(failure);
    if (this.members.size === 0) return;
    if (!this.#isLost) {
      for (const listener of this.listeners) {
        if (this.#isGone) listener.gone(failure);
        else listener.lost(failure);
      }
    }
    this.#isLost = true;
    if (!this.#isGone) this.#tryAgainIn(FAILURE_RETRY_MS);
  }

  #tryAgainIn(delayMs: number): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#turn();
    }, delayMs);
  }
}
