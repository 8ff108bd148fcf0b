/**
 * The line in front of each queue: which messages wait, in the order they are served (tables
 * `ready` and `ranked`). kombu does not know it: what Python publishes gets its place before
 * the next message is served, and what Python takes may be in line until its turn comes.
 */
import type { SqliteValue } from '../../drivers/sqlite/driver.ts';
import { type Candidate, pickInTurn } from '../virtual/turns.ts';
import type { TableNames } from './schema.ts';
import type { Statements } from './statements.ts';

/** Ranking reads every payload once; more at a time would keep other writers waiting. */
const RANKED_AT_ONCE = 5000;

/** SQL for the priority step of a payload whose `properties.priority` is `p`. */
const STEP = 'CASE WHEN p >= 9 THEN 9 WHEN p >= 6 THEN 6 WHEN p >= 3 THEN 3 ELSE 0 END';
/** Payloads that are not JSON have no priority; 2 also admits Python's NaN. */
const PRIORITY = `CASE WHEN json_valid(payload, 2)
  THEN CAST(json_extract(payload, '$.properties.priority') AS INTEGER) END`;

export class ReadyIndex {
  readonly #statements: Statements;
  readonly #names: TableNames;

  constructor(statements: Statements, names: TableNames) {
    this.#statements = statements;
    this.#names = names;
  }

  /** Whether something may be in line, or was published and has yet to get in. Reads only. */
  hasAny(queues: readonly string[]): boolean {
    const t = this.#names;
    const unranked = `SELECT 1 FROM ${t.message} WHERE id > (SELECT up_to FROM ${t.ranked}) LIMIT 1`;
    if (this.#statements.get(unranked) !== undefined) return true;
    const ready = `SELECT 1 FROM ${t.ready} WHERE ${this.#ofQueue} LIMIT 1`;
    return queues.some(queue => this.#statements.get(ready, [queue]) !== undefined);
  }

  /** Messages published since the last time get in line; Python's publishers do not know of it. */
  update(): void {
    const t = this.#names;
    const { up_to: from } = this.#statements.get(`SELECT up_to FROM ${t.ranked}`) as {
      up_to: number;
    };
    const { to } = this.#statements.get(
      `SELECT max(id) AS 'to' FROM (SELECT id FROM ${t.message} WHERE id > ? ORDER BY id LIMIT ?)`,
      [from, RANKED_AT_ONCE],
    ) as { to: number | null };
    if (to === null) return;
    this.#rank('visible = 1 AND id > ? AND id <= ?', [from, to]);
    this.#statements.run(`UPDATE ${t.ranked} SET up_to = ?`, [to]);
  }

  putBack(ids: readonly number[]): void {
    this.#rank('id IN (SELECT value FROM json_each(?))', [JSON.stringify(ids)]);
  }

  /**
   * Those whose turn it is leave the line, at most `limit`: the ids of each queue's, in order.
   * What cannot be obtained now was taken by somebody else. `order` is changed, see `pickInTurn`.
   */
  next(order: string[], limit: number): Map<string, number[]> {
    const { ready } = this.#names;
    const first = `SELECT step, message_id AS id FROM ${ready} WHERE ${this.#ofQueue}
      ORDER BY step, message_id LIMIT ?`;
    const leave = `DELETE FROM ${ready} WHERE ${this.#ofQueue} AND (step, message_id) <= (?, ?)`;
    const waiting = new Map<string, readonly Candidate[]>();
    for (const queue of order) {
      waiting.set(queue, this.#statements.all(first, [queue, limit]) as Candidate[]);
    }
    const chosen = new Map<string, number[]>();
    for (const [queue, count] of pickInTurn(order, waiting, limit)) {
      const candidates = waiting.get(queue)!.slice(0, count);
      const last = candidates.at(-1)!;
      this.#statements.run(leave, [queue, last.step, last.id]);
      chosen.set(
        queue,
        candidates.map(candidate => candidate.id),
      );
    }
    return chosen;
  }

  clear(queue: string): void {
    this.#statements.run(`DELETE FROM ${this.#names.ready} WHERE ${this.#ofQueue}`, [queue]);
  }

  /**
   * Takes from the fronts what other consumers, Python's above all, took from queues of theirs: it
   * would stay in line until its turn.
   */
  dropTaken(): void {
    const t = this.#names;
    for (const { id } of this.#statements.all(`SELECT id FROM ${t.queue}`) as { id: number }[]) {
      for (const step of [0, 3, 6, 9]) {
        this.#statements.run(
          `DELETE FROM ${t.ready} WHERE queue_id = ?1 AND step = ?2 AND message_id < coalesce((
            SELECT message_id FROM ${t.ready} WHERE queue_id = ?1 AND step = ?2 AND EXISTS (
              SELECT 1 FROM ${t.message} WHERE id = message_id AND visible = 1)
            ORDER BY message_id LIMIT 1), 9e18)`,
          [id, step],
        );
      }
    }
  }

  /**
   * Whether messages wait that are not in line: somebody made them visible by hand. The next
   * updates rank everything anew then.
   */
  findLost(): boolean {
    const t = this.#names;
    const { visible, ready } = this.#statements.get(`
      SELECT (SELECT count(*) FROM ${t.ready}) AS ready, (
        SELECT count(*) FROM ${t.message}
        WHERE visible = 1 AND id <= (SELECT up_to FROM ${t.ranked})) AS visible`) as {
      visible: number;
      ready: number;
    };
    if (visible <= ready) return false;
    this.#statements.run(`UPDATE ${t.ranked} SET up_to = 0`, []);
    return true;
  }

  get #ofQueue(): string {
    return `queue_id = (SELECT id FROM ${this.#names.queue} WHERE name = ?)`;
  }

  #rank(condition: string, values: SqliteValue[]): void {
    const t = this.#names;
    this.#statements.run(
      `INSERT OR IGNORE INTO ${t.ready}
        SELECT queue_id, ${STEP}, id FROM (
          SELECT queue_id, id, ${PRIORITY} AS p FROM ${t.message}
          WHERE queue_id IS NOT NULL AND ${condition})`,
      values,
    );
  }
}
