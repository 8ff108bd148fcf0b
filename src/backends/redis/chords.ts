/**
 * Counts the parts of chords in the keys of Celery's Redis store, together with Python's workers.
 *
 * Python's worker whose part makes the number complete sends the body, and nobody does when it dies
 * before that. Ours claim the chord first, and the claim ends.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { chordKeys, chordPartFields, chordPartHead } from '../../wire/results/chord-part.ts';
import { groupMetaKey } from '../../wire/results/result-keys.ts';
import { firstOfEach } from '../chord-parts.ts';
import type { ChordPart, ChordProgress, ChordStore } from '../contract.ts';
import type { Encoded, ResultCodec } from '../result-codec.ts';
import { TurnBatch } from '../turn-batch.ts';
import { MOST_IN_BATCH, weightOf } from './batch-weight.ts';
import { ADD_PARTS, CLOSE, GROW, PROGRESS, SET_SIZE } from './chord-scripts.ts';
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

/** A part on its way to the store. */
interface EndedPart {
  readonly groupId: string;
  readonly part: ChordPart;
  readonly text: Encoded;
  readonly added: Deferred<readonly ChordPart[] | undefined>;
}

export class RedisChords implements ChordStore {
  readonly #options: RedisChordOptions;
  readonly #ended: TurnBatch<EndedPart>;

  constructor(options: RedisChordOptions) {
    this.#options = options;
    this.#ended = new TurnBatch<EndedPart>(ended => this.#addAll(ended), MOST_IN_BATCH, weightOf);
  }

  async setSize(groupId: string, size: number): Promise<void> {
    await this.#write(SET_SIZE, groupId, [size], `storing the size of the chord ${groupId}`);
  }

  async grow(groupId: string, count: number): Promise<void> {
    const wish = randomUUID();
    await this.#write(GROW, groupId, [count, wish], `adding to the chord ${groupId}`);
  }

  async addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | undefined> {
    const text = this.#options.codec.encodeChordPart(part);
    const added = deferred<readonly ChordPart[] | undefined>();
    this.#ended.add({ groupId, part, text, added });
    return added.promise;
  }

  async #addAll(ended: readonly EndedPart[]): Promise<void> {
    const byGroup = new Map<string, EndedPart[]>();
    for (const each of ended) {
      const others = byGroup.get(each.groupId);
      if (others) others.push(each);
      else byGroup.set(each.groupId, [each]);
    }
    await Promise.all([...byGroup].map(([groupId, parts]) => this.#addToGroup(groupId, parts)));
  }

  /** Never rejects. The last of the parts is the one that closes the chord, if any of them does. */
  async #addToGroup(groupId: string, ended: readonly EndedPart[]): Promise<void> {
    const { storeError, getError } = this.#options;
    let found: unknown;
    try {
      found = await this.#run(ADD_PARTS, groupId, this.#partArguments(ended));
    } catch (error) {
      for (const { part, added } of ended) {
        const doing = `storing the result of ${part.taskId} for the chord ${groupId}`;
        added.reject(storeError(error, doing, part.taskId, part.status));
      }
      return;
    }
    for (const { added } of ended.slice(0, -1)) added.resolve(undefined);
    const { added } = ended.at(-1)!;
    try {
      added.resolve(Array.isArray(found) ? this.#read(found) : undefined);
    } catch (error) {
      added.reject(getError(error, 'reading the parts of the chord', groupId));
    }
  }

  #partArguments(ended: readonly EndedPart[]): (Encoded | number)[] {
    const { lease, ordered, codec } = this.#options;
    // one claimant for all tries: the reply with the parts may be lost
    const args: (Encoded | number)[] = [ordered ? 0 : 1, randomUUID(), Math.ceil(lease * 1000)];
    for (const { part, text } of ended) {
      args.push(part.index ?? '+inf', part.taskId, text, headOf(text, part.taskId, codec));
    }
    return args;
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
