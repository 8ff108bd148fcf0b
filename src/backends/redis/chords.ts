/**
 * Counts the parts of chords in the keys of Celery's Redis store, together with Python's workers.
 *
 * Python's worker whose part makes the number complete sends the body, and nobody does when it dies
 * before that. Ours claim the chord first, and the claim ends.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { chordKeys, chordPartFields, chordPartHead } from '../../wire/results/chord-part.ts';
import { groupMetaKey } from '../../wire/results/result-keys.ts';
import { firstOfEach } from '../chord-parts.ts';
import type { ChordPart, ChordProgress, ChordStore } from '../contract.ts';
import type { Encoded, ResultCodec } from '../result-codec.ts';
import { ADD_PART, CLOSE, GROW, PROGRESS, SET_SIZE } from './chord-scripts.ts';
import { runScriptForBytes, type Script } from './script.ts';

export interface RedisChordOptions {
  /** Before all keys. */
  readonly prefix: string;
  /** Whole seconds, 0 for ever. */
  readonly ttl: number;
  /** Seconds after which a claim has no effect any more. */
  readonly lease: number;
  /** `result_chord_ordered`: false keeps the parts in a list. */
  readonly ordered: boolean;
  readonly codec: ResultCodec;
  /** Run it as often as it takes; a question is given up sooner. */
  attempt<T>(operation: (client: Redis) => Promise<T>): Promise<T>;
  ask<T>(operation: (client: Redis) => Promise<T>): Promise<T>;
  /** The errors of the store for those of the driver. */
  storeError(error: unknown, doing: string, taskId: string, state: string): Error;
  getError(error: unknown, doing: string, groupId: string): Error;
}

export class RedisChords implements ChordStore {
  readonly #options: RedisChordOptions;

  constructor(options: RedisChordOptions) {
    this.#options = options;
  }

  async setSize(groupId: string, size: number): Promise<void> {
    await this.#write(SET_SIZE, groupId, [size], `storing the size of the chord ${groupId}`);
  }

  async grow(groupId: string, count: number): Promise<void> {
    const wish = randomUUID();
    await this.#write(GROW, groupId, [count, wish], `adding to the chord ${groupId}`);
  }

  async addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | undefined> {
    const { lease, ordered, codec, storeError, getError } = this.#options;
    const text = codec.encodeChordPart(part);
    const args = [
      ordered ? (part.index ?? '+inf') : '',
      part.taskId,
      text,
      headOf(text, part.taskId, codec),
      // one for all tries: the reply with the parts may be lost
      randomUUID(),
      Math.ceil(lease * 1000),
    ];
    const doing = `storing the result of ${part.taskId} for the chord ${groupId}`;
    let found: unknown;
    try {
      found = await this.#run(ADD_PART, groupId, args);
    } catch (error) {
      throw storeError(error, doing, part.taskId, part.status);
    }
    if (!Array.isArray(found)) return undefined;
    try {
      return this.#read(found);
    } catch (error) {
      throw getError(error, 'reading the parts of the chord', groupId);
    }
  }

  async close(groupId: string): Promise<void> {
    await this.#write(CLOSE, groupId, [], `closing the chord ${groupId}`);
  }

  async progress(groupId: string): Promise<ChordProgress | undefined> {
    const { ordered, getError } = this.#options;
    try {
      const found = await this.#run(PROGRESS, groupId, [ordered ? 0 : 1]);
      if (!Array.isArray(found)) return undefined;
      const [size, grown, parts] = found as [Buffer | null, Buffer | null, Buffer[]];
      if (size === null && grown === null && parts.length === 0) return undefined;
      return {
        size: size === null ? undefined : Number(size) + Number(grown ?? 0),
        parts: this.#read(parts),
      };
    } catch (error) {
      throw getError(error, 'reading the progress of the chord', groupId);
    }
  }

  async #write(code: Script, groupId: string, args: readonly (string | number)[], doing: string) {
    try {
      await this.#run(code, groupId, args);
    } catch (error) {
      throw this.#options.storeError(error, doing, groupId, '');
    }
  }

  #run(code: Script, groupId: string, args: readonly (Encoded | number)[]): Promise<unknown> {
    const { attempt, ask } = this.#options;
    const keys = this.#keys(groupId);
    const all = [...keys, this.#options.ttl, ...args];
    const run = (client: Redis) => runScriptForBytes(client, code, keys.length, all);
    return code === PROGRESS ? ask(run) : attempt(run);
  }

  #keys(groupId: string): string[] {
    const { prefix } = this.#options;
    const { parts, size, grown } = chordKeys(groupId, prefix);
    // beside Python's, for the sake of ACLs
    const own = `${groupMetaKey(groupId, prefix)}.tscelery`;
    return [parts, size, grown, `${own}.claim`, `${own}.told`, `${own}.closed`];
  }

  /** In the order of the keys, which is that of the header. */
  #read(found: readonly Buffer[]): ChordPart[] {
    const { ordered, codec } = this.#options;
    const parts: ChordPart[] = [];
    for (let i = 0; i < found.length; i += ordered ? 2 : 1) {
      const place = ordered ? Number(found[i + 1]) : Number.NaN;
      const index = Number.isFinite(place) ? place : null;
      parts.push({ ...chordPartFields(codec.decode(found[i]!)), index });
    }
    return firstOfEach(parts);
  }
}

function headOf(text: Encoded, taskId: string, codec: ResultCodec): string {
  return codec.isJson ? chordPartHead(String(text), taskId, id => String(codec.encode(id))) : '';
}
