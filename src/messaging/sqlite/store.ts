/**
 * What the broker does with its file. Methods work within the caller's transaction, except
 * those that only read.
 *
 * A message waits (visible, usually in line), is held (invisible, in `lease`) or is
 * gone. kombu knows only visible and invisible, and never deletes what it consumed: rows that
 * are invisible without a lease are its leftovers and nobody's business.
 */
import { CeleryError } from '../../base/errors.ts';
import type { SqliteDatabase, SqliteValue } from '../../drivers/sqlite/driver.ts';
import { markRedelivered } from '../../wire/messages/envelope.ts';
import type { BindingRow } from '../contract.ts';
import { Broadcasts } from './broadcasts.ts';
import type { ProcessIdentity } from './liveness.ts';
import { ReadyIndex } from './ready-index.ts';
import { lastTable, schema, type TableNames } from './schema.ts';
import { Statements } from './statements.ts';

export interface ClaimedRow {
  readonly queue: string;
  readonly id: number;
  readonly payload: string;
}

export interface Holder extends ProcessIdentity {
  readonly id: number;
  readonly beat: number;
}

export class SqliteStore {
  readonly #database: SqliteDatabase;
  readonly #names: TableNames;
  readonly #statements: Statements;
  readonly #line: ReadyIndex;
  readonly broadcasts: Broadcasts;
  /** Set by everything that may give a consumer something to take or to hear. */
  hasNews = false;

  constructor(database: SqliteDatabase, names: TableNames) {
    this.#database = database;
    this.#names = names;
    this.#statements = new Statements(database);
    this.#line = new ReadyIndex(this.#statements, names);
    this.broadcasts = new Broadcasts(this.#statements, names);
  }

  createTables(): void {
    const exists = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`;
    if (this.#get(exists, lastTable(this.#names)) === undefined) {
      this.#database.exec(schema(this.#names));
    }
  }

  /** Puts a message at the end of a queue, which is made if necessary, as kombu does. */
  append(queue: string, payload: string): void {
    const t = this.#names;
    const queueId = this.#queueId(queue) ?? this.createQueue(queue);
    this.#run(
      `INSERT INTO ${t.message} (visible, payload, version, queue_id) VALUES (1, ?, 1, ?)`,
      payload,
      queueId,
    );
    this.hasNews = true;
  }

  createQueue(queue: string): number {
    this.#run(`INSERT OR IGNORE INTO ${this.#names.queue} (name) VALUES (?)`, queue);
    return this.#queueId(queue)!;
  }

  /** Whether `claim` might find something. Reads only, so that those who wait in vain lock nobody out. */
  hasWaiting(queues: readonly string[]): boolean {
    return this.#line.hasAny(queues);
  }

  /**
   * Takes up to `limit` messages, with a lease for `holder` or, without one, for good, as `noAck`
   * queues want.
   */
  claim(order: string[], limit: number, holder: number | undefined): ClaimedRow[] {
    this.#line.update();
    const claimed: ClaimedRow[] = [];
    // Rows that a Python consumer was faster to get leave the line on the way.
    while (claimed.length < limit) {
      const chosen = this.#line.next(order, limit - claimed.length);
      if (chosen.size === 0) break;
      for (const [queue, ids] of chosen) claimed.push(...this.#obtain(queue, ids, holder));
    }
    return claimed;
  }

  /**
   * Deletes held messages; returns which. Those whose lease was lost meanwhile belong to
   * somebody else and stay.
   */
  forget(ids: readonly number[], holder: number): readonly number[] {
    const t = this.#names;
    const ended = this.#endLeases(ids, holder);
    this.#run(
      `DELETE FROM ${t.message} WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ended),
    );
    return ended;
  }

  /** Puts held messages back in their places. Returns how many. */
  putBack(ids: readonly number[], holder: number, counted = false): number {
    const ended = this.#endLeases(ids, holder);
    for (const id of ended) {
      this.#run(
        `UPDATE ${this.#names.message} SET visible = 1, payload = ? WHERE id = ?`,
        this.#markedPayload(id, counted),
        id,
      );
    }
    this.#line.putBack(ended);
    this.hasNews = true;
    return ended.length;
  }

  /** Puts a held message at the end of its queue; false when somebody else holds it now. */
  requeue(id: number, holder: number, counted: boolean): boolean {
    const t = this.#names;
    if (this.#endLeases([id], holder).length === 0) return false;
    this.#run(
      `INSERT INTO ${t.message} (visible, payload, version, queue_id)
        SELECT 1, ?, 1, queue_id FROM ${t.message} WHERE id = ?`,
      this.#markedPayload(id, counted),
      id,
    );
    this.#run(`DELETE FROM ${t.message} WHERE id = ?`, id);
    this.hasNews = true;
    return true;
  }

  /** Messages that wait. Reads only. */
  size(queue: string): number {
    const t = this.#names;
    const row = this.#get(
      `SELECT count(*) AS count FROM ${t.message} WHERE visible = 1 AND queue_id = ?`,
      this.#queueId(queue) ?? null,
    );
    return (row as { count: number }).count;
  }

  /**
   * Deletes what waits, and what Python has consumed, which deletes nothing; returns the number of
   * the former.
   */
  purge(queue: string): number {
    const t = this.#names;
    const queueId = this.#queueId(queue);
    if (queueId === undefined) return 0;
    const count = this.size(queue);
    this.#run(
      `DELETE FROM ${t.message} WHERE queue_id = ? AND id NOT IN (SELECT message_id FROM ${t.lease})`,
      queueId,
    );
    this.#line.clear(queue);
    return count;
  }

  deleteQueue(queue: string): void {
    const t = this.#names;
    this.#run(`DELETE FROM ${t.binding} WHERE queue = ?`, queue);
    this.#run(`DELETE FROM ${t.expiry} WHERE queue = ?`, queue);
    const queueId = this.#queueId(queue);
    if (queueId === undefined) return;
    this.#run(
      `DELETE FROM ${t.lease} WHERE message_id IN (SELECT id FROM ${t.message} WHERE queue_id = ?)`,
      queueId,
    );
    this.#run(`DELETE FROM ${t.message} WHERE queue_id = ?`, queueId);
    this.#line.clear(queue);
    this.#run(`DELETE FROM ${t.queue} WHERE id = ?`, queueId);
  }

  bind(exchange: string, bindingKey: string, queue: string): void {
    const values = [exchange, bindingKey, queue];
    this.#run(`INSERT OR IGNORE INTO ${this.#names.binding} VALUES (?, ?, ?)`, ...values);
  }

  allBindings(): readonly BindingRow[] {
    return this.#all(
      `SELECT queue, exchange, binding_key AS routingKey FROM ${this.#names.binding}`,
    ) as BindingRow[];
  }

  /** Queues bound to an exchange. Reads only. */
  bindings(exchange: string): readonly { bindingKey: string; queue: string }[] {
    return this.#all(
      `SELECT binding_key AS bindingKey, queue FROM ${this.#names.binding} WHERE exchange = ?`,
      exchange,
    ) as { bindingKey: string; queue: string }[];
  }

  /** Notes that a queue with a time limit for disuse is in use. */
  touchQueue(queue: string, seconds: number, now: number): void {
    this.#run(`INSERT OR REPLACE INTO ${this.#names.expiry} VALUES (?, ?, ?)`, queue, seconds, now);
  }

  deleteExpiredQueues(now: number): void {
    const expired = this.#all(
      `SELECT queue FROM ${this.#names.expiry} WHERE used_at + seconds < ?`,
      now,
    ) as { queue: string }[];
    for (const { queue } of expired) this.deleteQueue(queue);
  }

  dropTaken(): void {
    this.#line.dropTaken();
  }

  findLost(): void {
    if (this.#line.findLost()) this.hasNews = true;
  }

  addHolder({ host, pid, started }: ProcessIdentity): number {
    const t = this.#names;
    const values = [host, pid, started];
    const sql = `INSERT INTO ${t.holder} (host, pid, started) VALUES (?, ?, ?)`;
    return Number(this.#run(sql, ...values).lastInsertRowid);
  }

  /** Enrols a consumer again under its old number if it was taken for dead meanwhile. */
  enrol(id: number, { host, pid, started }: ProcessIdentity): void {
    const values = [id, host, pid, started];
    const sql = `INSERT OR IGNORE INTO ${this.#names.holder} (id, host, pid, started) VALUES (?, ?, ?, ?)`;
    this.#run(sql, ...values);
  }

  beat(id: number, identity: ProcessIdentity): void {
    this.enrol(id, identity);
    this.#run(`UPDATE ${this.#names.holder} SET beat = beat + 1 WHERE id = ?`, id);
  }

  /** Reads only. */
  holders(): readonly Holder[] {
    return this.#all(`SELECT id, host, pid, started, beat FROM ${this.#names.holder}`) as Holder[];
  }

  /**
   * Removes a consumer and puts back everything it holds, with one more in `x-delivery-count` when
   * it `died`, perhaps of one of these. Returns how much that is.
   */
  removeHolder(id: number, died = false): number {
    const t = this.#names;
    const leases = `SELECT message_id FROM ${t.lease} WHERE holder_id = ? ORDER BY message_id`;
    const held = (this.#all(leases, id) as { message_id: number }[]).map(row => row.message_id);
    const count = held.length > 0 ? this.putBack(held, id, died) : 0;
    this.broadcasts.unsubscribeAll(id);
    this.#run(`DELETE FROM ${t.holder} WHERE id = ?`, id);
    return count;
  }

  #obtain(queue: string, ids: readonly number[], holder: number | undefined): ClaimedRow[] {
    const t = this.#names;
    const list = JSON.stringify(ids);
    const theirs =
      'WHERE id IN (SELECT value FROM json_each(?)) AND visible = 1 RETURNING id, payload';
    const rows = this.#all(
      holder === undefined
        ? `DELETE FROM ${t.message} ${theirs}`
        : `UPDATE ${t.message} SET visible = 0 ${theirs}`,
      list,
    ) as { id: number; payload: string | Uint8Array }[];
    if (holder !== undefined && rows.length > 0) {
      this.#run(
        `INSERT OR REPLACE INTO ${t.lease} SELECT value, ? FROM json_each(?)`,
        holder,
        JSON.stringify(rows.map(row => row.id)),
      );
    }
    const place = new Map(ids.map((id, index) => [id, index]));
    return rows
      .sort((a, b) => place.get(a.id)! - place.get(b.id)!)
      .map(({ id, payload }) => ({ queue, id, payload: asText(payload) }));
  }

  #endLeases(ids: readonly number[], holder: number): number[] {
    const rows = this.#all(
      `DELETE FROM ${this.#names.lease}
        WHERE message_id IN (SELECT value FROM json_each(?)) AND holder_id = ?
        RETURNING message_id`,
      JSON.stringify(ids),
      holder,
    ) as { message_id: number }[];
    return rows.map(row => row.message_id);
  }

  #markedPayload(id: number, counted: boolean): string {
    const row = this.#get(`SELECT payload FROM ${this.#names.message} WHERE id = ?`, id);
    const payload = asText((row as { payload: string | Uint8Array } | undefined)?.payload ?? '');
    try {
      return markRedelivered(payload, { counted });
    } catch (error) {
      if (error instanceof CeleryError) return payload;
      throw error;
    }
  }

  #queueId(queue: string): number | undefined {
    const row = this.#get(`SELECT id FROM ${this.#names.queue} WHERE name = ?`, queue);
    return (row as { id: number } | undefined)?.id;
  }

  #run(sql: string, ...values: SqliteValue[]) {
    return this.#statements.run(sql, values);
  }

  #get(sql: string, ...values: SqliteValue[]): unknown {
    return this.#statements.get(sql, values);
  }

  #all(sql: string, ...values: SqliteValue[]): unknown[] {
    return this.#statements.all(sql, values);
  }
}

const asText = (payload: string | Uint8Array): string =>
  typeof payload === 'string' ? payload : Buffer.from(payload).toString('utf8');
