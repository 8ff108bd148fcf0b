import type { TableNames } from './schema.ts';
import type { Statements } from './statements.ts';

/** A broadcast is for those who listen now; they have so many seconds to wake up and read it. */
const LIFETIME = 60;
/** Publishers tidy as well: there may be no consumer left to do it. */
const TIDY_EVERY = 500;

export interface Broadcast {
  readonly id: number;
  readonly exchange: string;
  readonly payload: string;
}

/** Messages to fanout exchanges. Every subscriber reads them all and remembers how far it got. */
export class Broadcasts {
  readonly #statements: Statements;
  readonly #names: TableNames;
  #sent = 0;

  constructor(statements: Statements, names: TableNames) {
    this.#statements = statements;
    this.#names = names;
  }

  /**
   * Returns how many consumers listen to the exchange, the dead among them until they are found;
   * nothing is written when there are none.
   */
  send(exchange: string, payload: string, now: number): number {
    const t = this.#names;
    const count = `SELECT count(*) AS n FROM ${t.subscriber} WHERE exchange = ?`;
    const { n: listeners } = this.#statements.get(count, [exchange]) as { n: number };
    if (listeners === 0) return 0;
    const insert = `INSERT INTO ${t.broadcast} (exchange, payload, sent_at) VALUES (?, ?, ?)`;
    this.#statements.run(insert, [exchange, payload, now]);
    if (++this.#sent % TIDY_EVERY === 0) this.deleteOld(now);
    return listeners;
  }

  subscribe(exchange: string, holder: number): void {
    const insert = `INSERT OR IGNORE INTO ${this.#names.subscriber} VALUES (?, ?)`;
    this.#statements.run(insert, [exchange, holder]);
  }

  unsubscribe(exchange: string, holder: number): void {
    const { subscriber } = this.#names;
    const remove = `DELETE FROM ${subscriber} WHERE exchange = ? AND holder_id = ?`;
    this.#statements.run(remove, [exchange, holder]);
  }

  unsubscribeAll(holder: number): void {
    this.#statements.run(`DELETE FROM ${this.#names.subscriber} WHERE holder_id = ?`, [holder]);
  }

  /**
   * The id after which a new subscriber's broadcasts begin, since the older ones were for others.
   * Reads only.
   */
  last(): number {
    const sql = `SELECT coalesce(max(id), 0) AS id FROM ${this.#names.broadcast}`;
    return (this.#statements.get(sql) as { id: number }).id;
  }

  /** Reads only. */
  after(id: number): readonly Broadcast[] {
    const { broadcast } = this.#names;
    const sql = `SELECT id, exchange, payload FROM ${broadcast} WHERE id > ? ORDER BY id`;
    return this.#statements.all(sql, [id]) as Broadcast[];
  }

  deleteOld(now: number): void {
    this.#statements.run(`DELETE FROM ${this.#names.broadcast} WHERE sent_at < ?`, [
      now - LIFETIME,
    ]);
  }
}
