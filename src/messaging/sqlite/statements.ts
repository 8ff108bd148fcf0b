import type { SqliteDatabase, SqliteStatement, SqliteValue } from '../../drivers/sqlite/driver.ts';

/** A database's statements, each prepared on first use. */
export class Statements {
  readonly #database: SqliteDatabase;
  readonly #prepared = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  run(sql: string, values: SqliteValue[]) {
    return this.#prepare(sql).run(...values);
  }

  get(sql: string, values: SqliteValue[] = []): unknown {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, values: SqliteValue[] = []): unknown[] {
    return this.#prepare(sql).all(...values);
  }

  #prepare(sql: string): SqliteStatement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}
