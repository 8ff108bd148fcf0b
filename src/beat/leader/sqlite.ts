/**
 * Leaders elected in an SQLite file, among the beats of one machine.
 *
 * A lease ends by the clock of that machine. When it was renewed at a time that is yet to come, the
 * clock was set back, and the lease is over when nobody has renewed it for its length as we saw it.
 */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { type Clock, systemClock } from '../../base/time/clock.ts';
import type { SqliteDatabase } from '../../drivers/sqlite/driver.ts';
import { MEMORY, parseSqliteUrl } from '../../drivers/sqlite/location.ts';
import { SqliteTransactions } from '../../drivers/sqlite/transactions.ts';
import { LeadershipLost } from '../../schedule-stores/errors.ts';
import { type Claim, type Election, LEASE, type Lease, type Remembered } from './contract.ts';
import { Memory } from './memory-of-claims.ts';

export interface SqliteElectionOptions {
  /** Beats of one name elect one leader. */
  readonly name: string;
  /** Seconds; default 12. */
  readonly lease?: number;
  readonly clock?: Clock;
}

const TABLES = `
CREATE TABLE IF NOT EXISTS tscelery_beat_leader (
  name TEXT PRIMARY KEY, token INTEGER NOT NULL, owner TEXT, renewed_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS tscelery_beat_claims (
  name TEXT NOT NULL, entry TEXT NOT NULL, slot REAL NOT NULL, total_run_count INTEGER NOT NULL,
  id TEXT NOT NULL, is_sent INTEGER NOT NULL, PRIMARY KEY (name, entry)
);`;

interface LeaderRow {
  readonly token: number;
  /** Null when it was given up. */
  readonly owner: string | null;
  readonly renewed_at: number;
}

interface ClaimRow {
  readonly entry: string;
  readonly slot: number;
  readonly total_run_count: number;
  readonly id: string;
  readonly is_sent: number;
}

export class SqliteElection implements Election {
  readonly info: string;
  readonly #file: SqliteTransactions;
  readonly #name: string;
  readonly #lease: number;
  readonly #clock: Clock;
  /** The renewal that was seen last, and since when there was no other, by our own clock. */
  #seen: { readonly renewal: string; readonly since: number } | undefined;

  constructor(url: string, options: SqliteElectionOptions) {
    const location = parseSqliteUrl(url);
    if (location.path === MEMORY || location.readOnly) {
      throw new ImproperlyConfigured(
        `${JSON.stringify(url)} cannot elect a leader among beats: it takes a file in which all of them write.`,
      );
    }
    this.info = location.path;
    this.#name = options.name;
    this.#lease = options.lease ?? LEASE;
    this.#clock = options.clock ?? systemClock;
    this.#file = new SqliteTransactions(location, {
      prepare: database => database.exec(TABLES),
      isDurable: true,
    });
  }

  async start(): Promise<void> {
    await this.#file.write(() => {});
  }

  async stop(): Promise<void> {
    this.#file.close();
  }

  async acquire(owner: string): Promise<Lease | undefined> {
    const name = this.#name;
    const won = await this.#file.write(database => {
      const before = leaderIn(database, name);
      if (before && !this.#isOver(before)) return undefined;
      const now = this.#clock.now();
      // no smaller than the time, so that it rises even when the file is a new one
      const token = Math.max((before?.token ?? 0) + 1, Math.floor(now * 1000));
      database
        .prepare(
          `INSERT INTO tscelery_beat_leader (name, token, owner, renewed_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (name) DO UPDATE
           SET token = excluded.token, owner = excluded.owner, renewed_at = excluded.renewed_at`,
        )
        .run(name, token, owner, now);
      return { token, remembered: rememberedIn(database, name) };
    });
    if (!won) return undefined;
    const terms = { file: this.#file, name, owner, clock: this.#clock, seconds: this.#lease };
    return new SqliteLease(terms, won);
  }

  async holder(): Promise<string | undefined> {
    const leader = await this.#file.read(database => leaderIn(database, this.#name));
    if (!leader || this.#isOver(leader)) return undefined;
    return leader.owner ?? undefined;
  }

  #isOver({ token, owner, renewed_at: renewedAt }: LeaderRow): boolean {
    if (owner === null) return true;
    const renewal = `${token} ${renewedAt}`;
    const since = this.#clock.monotonic();
    if (this.#seen?.renewal !== renewal) this.#seen = { renewal, since };
    const age = this.#clock.now() - renewedAt;
    return age >= 0 ? age >= this.#lease : since - this.#seen.since >= this.#lease;
  }
}

interface Terms {
  readonly file: SqliteTransactions;
  readonly name: string;
  readonly owner: string;
  readonly clock: Clock;
  readonly seconds: number;
}

class SqliteLease implements Lease {
  readonly token: number;
  readonly remembered: ReadonlyMap<string, Remembered>;
  readonly #terms: Terms;
  readonly #memory: Memory;
  /** Until then nobody else can have it, by the clock of this process. */
  #safeUntil: number;
  #isOver = false;

  constructor(
    terms: Terms,
    won: { readonly token: number; readonly remembered: ReadonlyMap<string, Remembered> },
  ) {
    this.#terms = terms;
    this.token = won.token;
    this.remembered = won.remembered;
    this.#memory = new Memory(won.remembered);
    this.#safeUntil = terms.clock.monotonic();
  }

  async renew(): Promise<boolean> {
    if (this.#isOver) return false;
    const { file, clock, seconds } = this.#terms;
    const askedAt = clock.monotonic();
    try {
      this.#isOver ||= !(await file.write(database => this.#extend(database)));
      this.#safeUntil = askedAt + seconds;
      return !this.#isOver;
    } catch {
      // the next renewal of a file that is locked, or full, may be in time
      return clock.monotonic() < this.#safeUntil;
    }
  }

  async claim(claims: readonly Claim[], sent: readonly string[]): Promise<void> {
    const changes = this.#memory.changes(claims, sent);
    if (this.#isOver) throw lost();
    const isOurs = await this.#terms.file.write(database => {
      if (!this.#extend(database)) return false;
      const statement = database.prepare(
        `INSERT INTO tscelery_beat_claims (name, entry, slot, total_run_count, id, is_sent)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name, entry) DO UPDATE
         SET slot = excluded.slot, total_run_count = excluded.total_run_count, id = excluded.id,
             is_sent = excluded.is_sent`,
      );
      for (const { name, slot, totalRunCount, id, isSent } of changes) {
        statement.run(this.#terms.name, name, slot, totalRunCount, id, isSent ? 1 : 0);
      }
      return true;
    });
    if (!isOurs) {
      this.#isOver = true;
      throw lost();
    }
    this.#memory.keep(changes);
  }

  async forget(names: readonly string[]): Promise<void> {
    if (this.#isOver || names.length === 0) return;
    const { file, name } = this.#terms;
    await file.write(database => {
      if (!this.#isOurs(database)) return;
      const statement = database.prepare(
        'DELETE FROM tscelery_beat_claims WHERE name = ? AND entry = ?',
      );
      for (const entry of names) statement.run(name, entry);
    });
    this.#memory.forget(names);
  }

  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { file, name } = this.#terms;
    // a file that cannot be written lets it run out
    await file
      .write(database => {
        database
          .prepare('UPDATE tscelery_beat_leader SET owner = NULL WHERE name = ? AND token = ?')
          .run(name, this.token);
      })
      .catch(() => {});
  }

  /** Also when it ended and nobody has been elected since: the token tells. */
  #isOurs(database: SqliteDatabase): boolean {
    return leaderIn(database, this.#terms.name)?.token === this.token;
  }

  #extend(database: SqliteDatabase): boolean {
    const { name, owner, clock } = this.#terms;
    return (
      database
        .prepare(
          'UPDATE tscelery_beat_leader SET owner = ?, renewed_at = ? WHERE name = ? AND token = ?',
        )
        .run(owner, clock.now(), name, this.token).changes > 0
    );
  }
}

const lost = () => new LeadershipLost('Another beat has been elected: nothing more is sent here.');

function leaderIn(database: SqliteDatabase, name: string): LeaderRow | undefined {
  return database
    .prepare('SELECT token, owner, renewed_at FROM tscelery_beat_leader WHERE name = ?')
    .get(name) as LeaderRow | undefined;
}

function rememberedIn(database: SqliteDatabase, name: string): Map<string, Remembered> {
  const rows = database
    .prepare(
      'SELECT entry, slot, total_run_count, id, is_sent FROM tscelery_beat_claims WHERE name = ?',
    )
    .all(name) as ClaimRow[];
  const found = rows.map(row =>
    Memory.from({
      name: row.entry,
      slot: row.slot,
      totalRunCount: row.total_run_count,
      id: row.id,
      isSent: row.is_sent === 1,
    }),
  );
  return new Map(found.flatMap(each => (each ? [[each.name, each] as const] : [])));
}
