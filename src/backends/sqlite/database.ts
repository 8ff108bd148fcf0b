/**
 * One SQLite file with its result tables, shared by all backends of this process, so that a
 * document stored here is announced here at once.
 *
 * Owns: the connection, the batches of writes (one transaction per event-loop turn) and the
 * watch for what other processes write.
 */
import { resolve } from 'node:path';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import {
  openSqlite,
  type SqliteDatabase,
  type SqliteStatement,
  sqliteError,
  whileBusy,
} from '../../drivers/sqlite/driver.ts';
import { FileIdentity } from '../../drivers/sqlite/file-identity.ts';
import { MEMORY, type SqliteLocation } from '../../drivers/sqlite/location.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import { BackendGetMetaError } from '../errors.ts';
import type { Listeners } from '../listeners.ts';
import type { ResultCodec } from '../result-codec.ts';
import { TurnBatch } from '../turn-batch.ts';
import { ChordTables } from './chord-tables.ts';
import { fromRow } from './row.ts';
import { createTables, type TableNames, Tables, type TaskRow } from './tables.ts';
import { RowWatch } from './watch.ts';

interface Write {
  readonly row: TaskRow;
  readonly done: Deferred<void>;
}

/** Bytes of one transaction; others wait that long for the lock. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const ROW_OVERHEAD = 1024;
/** Seconds that a statement may block the event loop; after that we wait without blocking. */
const BLOCKING_WAIT = 0.02;

const databases = new Map<string, ResultDatabase>();

export class ResultDatabase {
  readonly path: string;
  readonly #key: string;
  readonly #location: SqliteLocation;
  readonly #names: TableNames;
  readonly #watch: RowWatch;
  #file!: FileIdentity;
  #database!: SqliteDatabase;
  #tables!: Tables;
  #chords: ChordTables | undefined;
  #version!: SqliteStatement;
  readonly #writes: TurnBatch<Write>;
  /** Each with the way in which it reads: their serializers may differ. */
  readonly #users = new Map<Listeners, ResultCodec>();
  #closed = false;

  static use(
    location: SqliteLocation,
    names: TableNames,
    user: Listeners,
    codec: ResultCodec,
  ): ResultDatabase {
    const key = JSON.stringify([location.path, names.task, names.group]);
    let database = databases.get(key);
    if (!database) {
      database = new ResultDatabase(key, location, names);
      databases.set(key, database);
    }
    database.#users.set(user, codec);
    return database;
  }

  private constructor(key: string, location: SqliteLocation, names: TableNames) {
    this.path = location.path;
    this.#key = key;
    this.#location = location;
    this.#names = names;
    this.#open();
    this.#watch = new RowWatch(
      {
        log: location.path === MEMORY ? undefined : `${resolve(location.path)}-wal`,
        tables: () => this.#tables,
        version: () => this.#changes(),
      },
      row => this.#announce(row),
    );
    this.#writes = new TurnBatch<Write>(
      writes => this.#write(writes),
      MAX_BATCH_BYTES,
      ({ row }) => (row.result?.length ?? 0) + ROW_OVERHEAD,
    );
  }

  #open(): void {
    const location = this.#location;
    const database = openSqlite(location.path, {
      busyTimeout: location.timeout,
      readOnly: location.readOnly,
    });
    try {
      if (!location.readOnly) createTables(database, this.#names);
      this.#tables = new Tables(database, this.#names);
      database.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT * 1000}`);
    } catch (error) {
      database.close();
      throw sqliteError(error, location.path);
    }
    this.#version = database.prepare('PRAGMA data_version');
    this.#database = database;
    this.#chords = undefined;
    this.#file = new FileIdentity(location.path);
  }

  /** Somebody replaced the file: go on with the one that is there now, since nobody else reads the old one. */
  #followFile(): void {
    if (this.#file.isReplaced) this.#reopen();
  }

  #reopen(): void {
    const old = this.#database;
    this.#open();
    old.close();
    this.#watch.reset();
  }

  #changes(): number {
    this.#followFile();
    return (this.#version.get() as { data_version: number }).data_version;
  }

  /** Resolves when everything this process stored is stored and, after the last user, closed. */
  async leave(user: Listeners): Promise<void> {
    for (const taskId of user.taskIds()) this.unlisten(taskId, user);
    await this.#writes.idle();
    this.#users.delete(user);
    if (this.#users.size > 0 || this.#closed) return;
    this.#closed = true;
    if (databases.get(this.#key) === this) databases.delete(this.#key);
    this.#watch.stop();
    this.#database.close();
  }

  store(row: TaskRow): Promise<void> {
    const done = deferred();
    this.#writes.add({ row, done });
    return done.promise;
  }

  /** Any other use of the tables; waits for locks without blocking. */
  async query<T>(run: (tables: Tables) => T): Promise<T> {
    return await this.#attempt(() => run(this.#tables));
  }

  /** A change of the chords in a transaction of its own. */
  async changeChords<T>(run: (tables: ChordTables) => T): Promise<T> {
    return await this.#attempt(() =>
      this.#transaction(() => {
        this.#chords ??= ChordTables.make(this.#database);
        return run(this.#chords);
      }),
    );
  }

  /** What `run` finds in one moment; there are no tables before the first chord. */
  async readChords<T>(run: (tables: ChordTables | undefined) => T): Promise<T> {
    return await this.#attempt(() => {
      this.#database.exec('BEGIN');
      try {
        this.#chords ??= ChordTables.find(this.#database);
        return run(this.#chords);
      } finally {
        this.#rollBack();
      }
    });
  }

  async listen(taskId: string): Promise<void> {
    await this.#attempt(() => this.#watch.add(taskId));
  }

  /** `user` no longer listens for a task; others may, and share the watch. */
  unlisten(taskId: string, user: Listeners): void {
    for (const other of this.#users.keys()) if (other !== user && other.has(taskId)) return;
    this.#watch.remove(taskId);
  }

  async #attempt<T>(run: () => T): Promise<T> {
    try {
      return await whileBusy(() => {
        if (this.#closed) throw new ConnectionClosed('The result backend was closed.');
        this.#followFile();
        return run();
      }, this.#location.timeout);
    } catch (error) {
      throw error instanceof ConnectionClosed ? error : sqliteError(error, this.path);
    }
  }

  async #write(writes: readonly Write[]): Promise<void> {
    try {
      const stored = await this.#attempt(() => this.#transaction(() => this.#put(writes)));
      for (const row of stored) this.#announceOwn(row);
      for (const { done } of writes) done.resolve();
    } catch (error) {
      for (const { done } of writes) done.reject(error);
    }
  }

  /** @returns the rows that changed something */
  #put(writes: readonly Write[]): TaskRow[] {
    return writes.map(({ row }) => row).filter(row => this.#tables.putTask(row));
  }

  #transaction<T>(run: () => T): T {
    // nobody would find what goes into a file that was deleted
    if (!this.#file.isCurrent) this.#reopen();
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = run();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // tables made in it are gone as well
      this.#chords = undefined;
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite rolled back by itself, as it does when the disk is full.
    }
  }

  #announceOwn(row: TaskRow): void {
    if (!this.#watch.has(row.task_id)) return;
    this.#watch.saw(row.task_id, row);
    this.#announce(row);
  }

  #announce(row: TaskRow): void {
    const taskId = row.task_id;
    for (const [user, codec] of this.#users) {
      if (!user.has(taskId)) continue;
      let meta: ResultMeta;
      try {
        meta = fromRow(row, codec);
      } catch (cause) {
        const message = `Error reading the result of ${taskId}: ${(cause as Error).message}`;
        user.report(taskId, new BackendGetMetaError(message, { taskId, cause }));
        continue;
      }
      user.notify(meta);
    }
  }
}
