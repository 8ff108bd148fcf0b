/**
 * A database file of which somebody reads and writes a little now and then, one transaction after
 * the other. Waits for other processes' locks without blocking the event loop.
 */
import { ConnectionClosed } from '../errors.ts';
import { closeSqlite, openSqlite, type SqliteDatabase, sqliteError, whileBusy } from './driver.ts';
import { FileIdentity } from './file-identity.ts';
import type { SqliteLocation } from './location.ts';

/** Seconds that a statement may block the event loop. */
const BLOCKING_WAIT = 0.005;

export interface TransactionsOptions {
  /** In the first transaction after the file was opened: tables. */
  readonly prepare?: (database: SqliteDatabase) => void;
  /** What was committed outlives a power cut as well. Default: the crash of a process. */
  readonly isDurable?: boolean;
}

export class SqliteTransactions {
  readonly path: string;
  readonly #location: SqliteLocation;
  readonly #options: TransactionsOptions;
  #database: SqliteDatabase | undefined;
  #file: FileIdentity | undefined;
  #isClosed = false;

  constructor(location: SqliteLocation, options: TransactionsOptions = {}) {
    this.path = location.path;
    this.#location = location;
    this.#options = options;
  }

  /**
   * Runs `work` in one transaction, which comes to nothing when it throws.
   *
   * @throws OperationalError when the file cannot be used now, ImproperlyConfigured when never;
   * what `work` throws besides errors of the database, as it is
   */
  write<T>(work: (database: SqliteDatabase) => T): Promise<T> {
    return this.#run('BEGIN IMMEDIATE', work);
  }

  /** What `work` finds in one moment. */
  read<T>(work: (database: SqliteDatabase) => T): Promise<T> {
    return this.#run('BEGIN', work);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#database) closeSqlite(this.#database);
    this.#database = undefined;
  }

  async #run<T>(begin: string, work: (database: SqliteDatabase) => T): Promise<T> {
    try {
      return await whileBusy(() => {
        if (this.#isClosed) throw new ConnectionClosed(`${this.path} was closed.`);
        return transaction(this.#opened(), begin, work);
      }, this.#location.timeout);
    } catch (error) {
      throw isOfDatabase(error) ? sqliteError(error, this.path) : error;
    }
  }

  /** Another one when the file was deleted or replaced: nobody would find what goes into the old one. */
  #opened(): SqliteDatabase {
    if (this.#database && this.#file!.isCurrent) return this.#database;
    this.#database?.close();
    this.#database = undefined;
    const { timeout, readOnly } = this.#location;
    const database = openSqlite(this.path, { busyTimeout: timeout, readOnly });
    try {
      const { isDurable, prepare } = this.#options;
      database.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT * 1000}`);
      if (isDurable) database.exec('PRAGMA synchronous = FULL');
      if (prepare) transaction(database, 'BEGIN IMMEDIATE', prepare);
    } catch (error) {
      database.close();
      throw error;
    }
    this.#file = new FileIdentity(this.path);
    this.#database = database;
    return database;
  }
}

function transaction<T>(
  database: SqliteDatabase,
  begin: string,
  work: (database: SqliteDatabase) => T,
): T {
  database.exec(begin);
  try {
    const result = work(database);
    database.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // SQLite rolled back by itself, as it does when the disk is full
    }
    throw error;
  }
}

const isOfDatabase = (error: unknown): boolean =>
  typeof (error as { errcode?: unknown }).errcode === 'number' ||
  typeof (error as NodeJS.ErrnoException).syscall === 'string';
