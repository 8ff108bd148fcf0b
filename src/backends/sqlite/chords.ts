/** Counts the parts of chords in an SQLite file, each step in one transaction. */
import { pickleDecode, pickleEncode } from '../../wire/serializers/pickle.ts';
import type { ChordPart, ChordProgress, ChordStore } from '../contract.ts';
import type { ChordPartRow, ChordRow, ChordTables } from './chord-tables.ts';

/** Seconds that a closed chord is remembered when results are kept for ever. */
const CLOSED_FOR = 86_400;

export interface SqliteChordOptions {
  /** Seconds, 0 for ever. */
  readonly expires: number;
  /** Seconds after which a claim has no effect any more. */
  readonly lease: number;
  /** Runs it in a transaction, as often as it takes; throws the store's errors. */
  write<T>(
    run: (tables: ChordTables) => T,
    doing: string,
    document: { taskId: string; state: string },
  ): Promise<T>;
  /** Undefined for `run` when there has never been a chord. */
  read<T>(run: (tables: ChordTables | undefined) => T, groupId: string): Promise<T>;
}

export class SqliteChords implements ChordStore {
  readonly #options: SqliteChordOptions;

  constructor(options: SqliteChordOptions) {
    this.#options = options;
  }

  async setSize(groupId: string, size: number): Promise<void> {
    await this.#write(groupId, `storing the size of the chord ${groupId}`, tables => {
      this.#touch(tables, groupId);
      tables.setSize(groupId, size);
    });
  }

  async grow(groupId: string, count: number): Promise<void> {
    await this.#write(groupId, `adding to the chord ${groupId}`, tables => {
      this.#touch(tables, groupId);
      tables.grow(groupId, count);
    });
  }

  async addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | undefined> {
    const row: ChordPartRow = {
      task_id: part.taskId,
      place: part.index,
      status: part.status,
      result: pickleEncode(part.result),
    };
    const rows = await this.#options.write(
      tables => this.#add(tables, groupId, row),
      `storing the result of ${part.taskId} for the chord ${groupId}`,
      { taskId: part.taskId, state: part.status },
    );
    return rows?.map(toPart);
  }

  #add(tables: ChordTables, groupId: string, row: ChordPartRow): ChordPartRow[] | undefined {
    const chord = this.#touch(tables, groupId);
    if (chord.closed) return undefined;
    const told = chord.told + (tables.addPart(groupId, row) ? 1 : 0);
    if (chord.size === null || told < chord.size + chord.grown) return undefined;
    const now = Date.now() / 1000;
    if (chord.claimed_until > now) return undefined;
    tables.claim(groupId, now + this.#options.lease);
    return tables.parts(groupId);
  }

  async close(groupId: string): Promise<void> {
    await this.#write(groupId, `closing the chord ${groupId}`, tables => {
      this.#touch(tables, groupId);
      tables.close(groupId);
      const lifetime = this.#options.expires > 0 ? this.#options.expires : CLOSED_FOR;
      tables.expire(Date.now() / 1000 - lifetime, 'closed');
    });
  }

  async progress(groupId: string): Promise<ChordProgress | undefined> {
    const found = await this.#options.read(tables => {
      const chord = tables?.chord(groupId);
      if (!tables || !chord || chord.closed || this.#hasExpired(chord)) return undefined;
      return { chord, rows: tables.parts(groupId) };
    }, groupId);
    if (!found) return undefined;
    const { size, grown } = found.chord;
    return { size: size === null ? undefined : size + grown, parts: found.rows.map(toPart) };
  }

  /** One that has expired is another now, whether it was cleaned up or not. */
  #touch(tables: ChordTables, groupId: string): ChordRow {
    const known = tables.chord(groupId);
    if (known && this.#hasExpired(known)) tables.drop(groupId);
    return tables.touch(groupId, Date.now() / 1000);
  }

  #hasExpired({ touched }: ChordRow): boolean {
    const { expires } = this.#options;
    return expires > 0 && touched < Date.now() / 1000 - expires;
  }

  #write(groupId: string, doing: string, run: (tables: ChordTables) => void): Promise<void> {
    return this.#options.write(run, doing, { taskId: groupId, state: '' });
  }
}

/** @throws DecodeError or SecurityError for a result that is not plain data */
function toPart({ task_id, place, status, result }: ChordPartRow): ChordPart {
  return { taskId: task_id, index: place, status, result: pickleDecode(result) };
}
