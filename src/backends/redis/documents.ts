/**
 * Writes and reads result documents: batched per event-loop turn, tried again over a lost
 * connection and while the server says "not now" (every operation here may safely run twice).
 */

import type { Redis } from 'ioredis';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { timerMs } from '../../base/time/seconds.ts';
import { isDenied, isPassingReply, isReply } from '../../drivers/redis/replies.ts';
import type { Encoded } from '../result-codec.ts';
import type { RetrySchedule } from '../retry.ts';
import { TurnBatch } from '../turn-batch.ts';
import { MOST_IN_BATCH, weightOf } from './batch-weight.ts';
import {
  type Document,
  type OnUnannounced,
  storeDocuments,
  storeEncodedDocuments,
} from './store-script.ts';

interface Write extends Document {
  readonly done: Deferred<void>;
}

interface Read {
  readonly key: string;
  readonly found: Deferred<Encoded | null>;
}

export interface DocumentOptions {
  /** Whole seconds, 0 for ever. */
  readonly ttl: number;
  readonly retry: RetrySchedule;
  /** Of reads and deletions while the server has never been reached; what is to be stored waits longer. */
  readonly firstRetry: RetrySchedule;
  /** Settled when the first connection is there or has failed; before that the driver rejects everything. */
  readonly connected: Promise<void>;
  readonly onUnannounced: OnUnannounced;
  /** Why there is no connection now, which the driver's own errors do not say. */
  readonly trouble: () => Error | undefined;
  /**
   * Whether a stored document must not be overwritten; given when documents are bytes, in which
   * Redis itself cannot find the state.
   */
  readonly isFinal?: (document: Buffer) => boolean;
}

const MAX_READ_BATCH = 500;

export class RedisDocuments {
  readonly #client: Redis;
  readonly #ttl: number;
  readonly #retry: RetrySchedule;
  readonly #firstRetry: RetrySchedule;
  readonly #writes: TurnBatch<Write>;
  readonly #reads: TurnBatch<Read>;
  readonly #connected: Promise<void>;
  readonly #trouble: () => Error | undefined;
  readonly #isFinal: ((document: Buffer) => boolean) | undefined;
  readonly #onUnannounced: OnUnannounced;
  #closed = false;
  #wasReady = false;
  readonly #wakers = new Set<() => void>();

  constructor(client: Redis, options: DocumentOptions) {
    this.#client = client;
    this.#ttl = options.ttl;
    this.#retry = options.retry;
    this.#firstRetry = options.firstRetry;
    this.#connected = options.connected.catch(() => {});
    this.#trouble = options.trouble;
    this.#isFinal = options.isFinal;
    this.#onUnannounced = options.onUnannounced;
    this.#writes = new TurnBatch<Write>(writes => this.#write(writes), MOST_IN_BATCH, weightOf);
    this.#reads = new TurnBatch<Read>(reads => this.#read(reads), MAX_READ_BATCH);
    client.on('ready', () => {
      this.#wasReady = true;
      this.#wake();
    });
  }

  store(key: string, text: Encoded): Promise<void> {
    const done = deferred();
    this.#writes.add({ key, text, done });
    return done.promise;
  }

  fetch(key: string): Promise<Encoded | null> {
    const found = deferred<Encoded | null>();
    this.#reads.add({ key, found });
    return found.promise;
  }

  /** Overwrites whatever is there: only tasks have a state that is final. */
  async put(key: string, text: Encoded): Promise<void> {
    // no transaction: one with a command that is not permitted does nothing at all
    await this.attempt(async () => {
      if (this.#ttl > 0) await this.#client.setex(key, this.#ttl, text);
      else await this.#client.set(key, text);
      await this.#client.publish(key, text).catch(error => {
        if (!isDenied(error)) throw error;
        this.#onUnannounced(error.message, key);
      });
    });
  }

  async delete(key: string): Promise<void> {
    await this.ask(() => this.#client.del(key));
  }

  /** No more retries; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await Promise.all([this.#writes.idle(), this.#reads.idle()]);
  }

  async #write(writes: Write[]): Promise<void> {
    try {
      const isFinal = this.#isFinal;
      const ttl = this.#ttl;
      const onUnannounced = this.#onUnannounced;
      await this.attempt(() =>
        isFinal
          ? storeEncodedDocuments(this.#client, writes, { ttl, isFinal, onUnannounced })
          : storeDocuments(this.#client, writes, ttl, onUnannounced),
      );
      for (const { done } of writes) done.resolve();
    } catch (error) {
      for (const { done } of writes) done.reject(error);
    }
  }

  async #read(reads: Read[]): Promise<void> {
    try {
      const keys = reads.map(read => read.key);
      const texts = await this.ask<(Encoded | null)[]>(() =>
        this.#isFinal ? this.#client.mgetBuffer(keys) : this.#client.mget(keys),
      );
      reads.forEach(({ found }, at) => {
        found.resolve(texts[at] ?? null);
      });
    } catch (error) {
      for (const { found } of reads) found.reject(error);
    }
  }

  /** Runs what may safely run twice, until there is an answer or no more patience. */
  attempt<T>(operation: () => Promise<T>): Promise<T> {
    return this.#attempt(operation, this.#retry);
  }

  /** The same with less patience for a server that has never been reached. */
  ask<T>(operation: () => Promise<T>): Promise<T> {
    return this.#attempt(operation, this.#firstRetry);
  }

  async #attempt<T>(operation: () => Promise<T>, firstRetry: RetrySchedule): Promise<T> {
    await this.#connected;
    for (let failures = 1; ; failures++) {
      try {
        return await operation();
      } catch (failure) {
        // without a connection the driver can only say that there is none
        const error = isReply(failure) ? failure : (this.#trouble() ?? failure);
        const retry = this.#wasReady ? this.#retry : firstRetry;
        const pause = this.#closed || isRefusal(error) ? undefined : retry(failures);
        if (pause === undefined) throw error;
        await this.#pause(pause);
      }
    }
  }

  /** At most `seconds`; a connection that is ready again ends it. */
  #pause(seconds: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer);
        this.#wakers.delete(end);
        resolve();
      };
      const timer = setTimeout(end, timerMs(seconds));
      this.#wakers.add(end);
    });
  }

  #wake(): void {
    for (const end of [...this.#wakers]) end();
  }
}

/** The server's last word; anything else is the connection's trouble, or passes. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof Error) || (isReply(error) && !isPassingReply(error));
}
