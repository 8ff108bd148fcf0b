/**
 * The one place that knows an SQLite driver. Everything else sees the part of `node:sqlite`
 * declared here, and errors that say which file is in trouble and what to do about it.
 */

import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { type CeleryError, ImproperlyConfigured } from '../../base/errors.ts';
import { hasGuardedCalls, nativeCall } from '../../base/native-calls.ts';
import { timerMs } from '../../base/time/seconds.ts';
import { OperationalError } from '../errors.ts';
import { MEMORY } from './location.ts';

export type SqliteValue = null | number | bigint | string | Uint8Array;

export interface SqliteStatement {
  run(...values: SqliteValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  /** The first row, or undefined. */
  get(...values: SqliteValue[]): unknown;
  all(...values: SqliteValue[]): unknown[];
}

export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface OpenSqliteOptions {
  /** Seconds a statement may block this process while another holds the lock. Default 5, as in Python. */
  readonly busyTimeout?: number;
  readonly readOnly?: boolean;
}

type DatabaseClass = new (path: string, options: { readOnly: boolean }) => SqliteDatabase;

/** `node:sqlite` exists in 22 too, but prints a warning there and may still change. */
const FIRST_NODE_WITH_STABLE_SQLITE = 24;
const FALLBACK_DRIVER = '@photostructure/sqlite';

let driver: DatabaseClass | undefined;

function loadDriver(): DatabaseClass {
  const require = createRequire(import.meta.url);
  const isStable = Number.parseInt(process.versions.node, 10) >= FIRST_NODE_WITH_STABLE_SQLITE;
  try {
    if (isStable) return require('node:sqlite').DatabaseSync;
    const { DatabaseSync } = require(FALLBACK_DRIVER);
    return hasGuardedCalls() ? guarded(DatabaseSync) : DatabaseSync;
  } catch (cause) {
    throw new ImproperlyConfigured(
      `SQLite needs the package ${FALLBACK_DRIVER} with Node ${process.versions.node}: ` +
        `run "npm install ${FALLBACK_DRIVER}", or use Node ${FIRST_NODE_WITH_STABLE_SQLITE}, or set another broker_url and result_backend.`,
      { cause },
    );
  }
}

/** A thread that is ended in a call of an addon takes the process along. */
function guarded(Driver: DatabaseClass): DatabaseClass {
  return class implements SqliteDatabase {
    readonly #database: SqliteDatabase;

    constructor(...args: ConstructorParameters<DatabaseClass>) {
      this.#database = nativeCall(() => new Driver(...args));
    }

    exec(sql: string): void {
      nativeCall(() => this.#database.exec(sql));
    }

    prepare(sql: string): SqliteStatement {
      const statement = nativeCall(() => this.#database.prepare(sql));
      return {
        run: (...values) => nativeCall(() => statement.run(...values)),
        get: (...values) => nativeCall(() => statement.get(...values)),
        all: (...values) => nativeCall(() => statement.all(...values)),
      };
    }

    close(): void {
      nativeCall(() => this.#database.close());
    }
  };
}

/**
 * Opens a database file (made with mode 0600 if it does not exist) or `:memory:`, in WAL mode
 * so that readers and a writer do not block each other. Blocks for at most `busyTimeout`.
 * Throws ImproperlyConfigured for a path that cannot work, OperationalError otherwise.
 */
export function openSqlite(path: string, options: OpenSqliteOptions = {}): SqliteDatabase {
  const { busyTimeout = 5, readOnly = false } = options;
  driver ??= loadDriver();
  let database: SqliteDatabase | undefined;
  try {
    if (path !== MEMORY) prepareFile(path, readOnly);
    database = new driver(path, { readOnly });
    database.exec(`PRAGMA busy_timeout = ${Math.round(timerMs(busyTimeout))}`);
    // Python does not enforce foreign keys either, and the check costs time on every insert.
    database.exec('PRAGMA foreign_keys = OFF');
    if (path !== MEMORY && !readOnly) enterWalMode(database, busyTimeout);
    // A power cut may undo the last commits but never corrupts; a crash of a process undoes none.
    database.exec('PRAGMA synchronous = NORMAL');
    return database;
  } catch (error) {
    database?.close();
    throw sqliteError(error, path);
  }
}

/**
 * Closes a database after bringing its log into the file, as far as other users allow. With
 * @photostructure/sqlite a closed file stays open (without locks) until its statements are
 * garbage, so SQLite's own clean-up on the last close may come late.
 */
export function closeSqlite(database: SqliteDatabase): void {
  try {
    database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch {
    // Somebody else will do it.
  }
  database.close();
}

function prepareFile(path: string, readOnly: boolean): void {
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) {
    throw new ImproperlyConfigured(
      `The SQLite database ${path} cannot be made: the folder ${folder} does not exist.`,
    );
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ImproperlyConfigured(`The SQLite database ${path} is a folder.`);
  }
  if (readOnly) return;
  try {
    // SQLite gives its -wal and -shm files the mode of the database.
    closeSync(openSync(path, 'wx', 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

const sleepCell = new Int32Array(new SharedArrayBuffer(4));
const LOCK_RETRY_MS = 10;

/** Leaving another journal mode needs the file for ourselves, and SQLite does not wait for that. */
function enterWalMode(database: SqliteDatabase, timeout: number): void {
  const deadline = performance.now() + timeout * 1000;
  for (;;) {
    try {
      const row = database.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
      if (row.journal_mode === 'wal') return;
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
    // Somebody uses the file in its old mode all the time: slower, but nothing breaks.
    if (performance.now() > deadline) return;
    Atomics.wait(sleepCell, 0, 0, LOCK_RETRY_MS);
  }
}

const BUSY = 5;
const LOCKED = 6;
const NO_MEMORY = 7;
const READ_ONLY = 8;
const DISK_ERROR = 10;
const DISK_FULL = 13;
const CANNOT_OPEN = 14;

/**
 * SQLite's primary result code, the low byte of what drivers tell; undefined when the error is not
 * SQLite's.
 */
function resultCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === 'number' ? errcode & 0xff : undefined;
}

/** Whether another connection holds the lock, so that trying again soon will do. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED;
}

const MAY_PASS = new Set([BUSY, LOCKED, NO_MEMORY, READ_ONLY, DISK_ERROR, DISK_FULL]);

/** Whether a write that failed so (an error of `sqliteError`) may succeed later: a lock, a disk. */
export function mayPass({ cause }: Error): boolean {
  return MAY_PASS.has(resultCode(cause ?? {}) ?? 0);
}

/** Too long, against a constraint, of a wrong type, or out of range. */
const OF_VALUES = new Set([18, 19, 20, 25]);

/** Whether SQLite refused what was to be written, and nothing is wrong with the database. */
export const isAboutValues = (error: unknown): boolean => OF_VALUES.has(resultCode(error) ?? 0);

/** What to tell a person about each of SQLite's result codes that they can do something about. */
const TROUBLE: Readonly<Record<number, string>> = {
  [BUSY]: 'is locked by another process',
  [LOCKED]: 'is locked by another connection',
  3: 'may not be used by this user',
  [READ_ONLY]: 'is read-only',
  [DISK_ERROR]: 'cannot be read or written (disk error)',
  11: 'is damaged',
  [DISK_FULL]: 'cannot grow: the disk is full',
  [CANNOT_OPEN]: 'cannot be opened',
  26: 'is not an SQLite database',
};
/** Trying again does not help against these. */
const PERMANENT = new Set([3, READ_ONLY, 11, CANNOT_OPEN, 26]);

/** SQLite says of a file that it cannot open it, too, when it may not write its log beside it. */
function troubleOf(code: number, path: string): string | undefined {
  const isReadOnly = code === CANNOT_OPEN && path !== MEMORY && !isWritable(dirname(resolve(path)));
  return TROUBLE[isReadOnly ? READ_ONLY : code];
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The error of ours for an error of the driver or the file system; ours pass unchanged. */
export function sqliteError(error: unknown, path: string): CeleryError {
  if (error instanceof ImproperlyConfigured || error instanceof OperationalError) return error;
  const code = resultCode(error);
  const reason = error instanceof Error ? error.message : String(error);
  const trouble = code === undefined ? undefined : troubleOf(code, path);
  const message = `The SQLite database ${path} ${trouble ?? 'failed'}: ${reason}`;
  const isPermanent = code === undefined ? isPathError(error) : PERMANENT.has(code);
  return isPermanent
    ? new ImproperlyConfigured(message, { cause: error })
    : new OperationalError(message, { cause: error });
}

const isPathError = (error: unknown): boolean =>
  ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'ENAMETOOLONG'].includes(
    (error as NodeJS.ErrnoException)?.code ?? '',
  );

const FIRST_RETRY_MS = 1;
const LONGEST_RETRY_MS = 50;

/**
 * Runs something that may find the database locked, again and again without blocking the
 * event loop, for up to `seconds`. Other errors are thrown at once, as they are.
 */
export async function whileBusy<T>(attempt: () => T, seconds: number): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await new Promise(resolve => setTimeout(resolve, waitMs));
  }
}
