/**
 * Gives back what dead Python workers left in `unacked`, as kombu does: whatever was not
 * renewed for the visibility timeout, under kombu's own lock. Messages of living tscelery
 * consumers are never that old.
 */

import { randomUUID } from 'node:crypto';
import { timerMs } from '../../base/time/seconds.ts';
import { exchange } from '../entities.ts';
import { redeliveredText } from './intake/delivery.ts';
import { listFor, restoreTags, storedMessage } from './intake/restore.ts';
import type { ScriptedRedis } from './scripts.ts';
import type { RedisSession } from './server-session.ts';

export class VisibilitySweep {
  readonly #session: RedisSession;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(session: RedisSession) {
    this.#session = session;
  }

  start(): void {
    if (this.#timer) return;
    this.#timer = setInterval(() => this.#sweep(), timerMs(this.#session.options.restoreEvery));
    this.#sweep();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#sweeping;
  }

  #sweep(): void {
    const { client } = this.#session.link;
    if (!client || this.#sweeping) return;
    this.#sweeping = this.#locked(client)
      .catch(error => void this.#session.report(error))
      .finally(() => {
        this.#sweeping = undefined;
      });
  }

  async #locked(client: ScriptedRedis): Promise<void> {
    const { keys, options } = this.#session;
    const token = randomUUID();
    const expireMs = Math.ceil(options.unackedMutexExpire * 1000);
    const got = await client.set(keys.unackedMutex, token, 'PX', expireMs, 'NX');
    if (got === null) return;
    try {
      const count = await this.#restoreOld(client);
      if (count > 0) {
        this.#session.emit({ type: 'restored', count, consumer: 'visibility timeout' });
      }
    } finally {
      await client.tsceleryUnlock(keys.unackedMutex, token);
    }
  }

  async #restoreOld(client: ScriptedRedis): Promise<number> {
    const { keys, options } = this.#session;
    const [seconds] = await client.time();
    const oldest = Number(seconds) - options.visibilityTimeout;
    // The newest first, as in kombu: each goes to the head of its list, so the oldest ends up first.
    const limit = options.unackedRestoreLimit ?? -1;
    const tags = await client.zrevrangebyscore(keys.unackedIndex, oldest, 0, 'LIMIT', 0, limit);
    let restored = 0;
    for (const tag of tags) restored += await this.#restore(client, tag);
    return restored;
  }

  async #restore(client: ScriptedRedis, tag: string): Promise<number> {
    const { keys } = this.#session;
    // We hold nothing of others, so the tag is in no held set that we could know of.
    const heldKey = keys.held('none');
    const value = await client.hget(keys.unacked, tag);
    if (value === null) {
      await client.zrem(keys.unackedIndex, tag);
      return 0;
    }
    const stored = storedMessage(value);
    const queues = stored ? await this.#queues(stored) : [];
    if (!stored || queues.length === 0) {
      this.#session.warn(`Cannot restore what ${keys.unacked} holds under ${tag}; it stays there.`);
      return 0;
    }
    const text = redeliveredText(stored.raw);
    const [list, ...copies] = queues.map(queue => listFor(this.#session, stored.raw, queue));
    const restored = await restoreTags(this.#session, [{ tag, list: list!, text }], { heldKey });
    // A message of an exchange returns to all queues bound to it: kombu does not know which one it was.
    if (restored > 0) for (const copy of copies) await client.rpush(copy, text);
    return restored;
  }

  #queues(stored: { exchange: string; routingKey: string }): Promise<string[]> | string[] {
    const { exchange: name, routingKey } = stored;
    if (name === '') return routingKey === '' ? [] : [routingKey];
    return this.#boundTo(name, routingKey);
  }

  /** The exchange's type is not stored; a routing key that equals the binding's comes first. */
  async #boundTo(name: string, routingKey: string): Promise<string[]> {
    const direct = await this.#session.bindings.queuesFor(exchange(name), routingKey);
    if (direct.length > 0) return direct;
    return this.#session.bindings.queuesFor(exchange(name, 'topic'), routingKey);
  }
}
