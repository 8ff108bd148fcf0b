/**
 * The one connection over which a backend hears of stored documents.
 *
 * Owns: the connection and which channels it is subscribed to. Changes of one event-loop turn
 * travel together. After a reconnect everything wanted is subscribed to again.
 */

import type { Redis } from 'ioredis';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { outside } from '../../base/outside.ts';
import { timerMs } from '../../base/time/seconds.ts';
import { AccessRefused, ConnectionClosed } from '../../drivers/errors.ts';
import { isDenied, isPassingReply, isReply } from '../../drivers/redis/replies.ts';

interface Channel {
  /** SUBSCRIBE was sent on the present connection, with which it ends. */
  sent: boolean;
  readonly inForce: Deferred<void>;
  confirmed: boolean;
}

export interface SubscriberOptions {
  /** Seconds between two pings while somebody waits; 0 is never. */
  readonly healthCheckInterval: number;
  readonly binary: boolean;
  readonly onMessage: (channel: string, message: string | Buffer) => void;
  /** Subscribed again after a loss; what was published meanwhile was missed. */
  readonly onResubscribed: (channels: readonly string[]) => void;
}

/** Channels of one command; keeps a single command from holding up the others. */
const MAX_PER_COMMAND = 500;
/**
 * An unanswered ping ends the connection no sooner, however short the interval is: a server that is
 * busy makes pauses.
 */
const SHORTEST_PATIENCE_MS = 8000;

export class Subscriber {
  readonly #client: Redis;
  readonly #options: SubscriberOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #unwanted = new Set<string>();
  readonly #fresh = new Set<string>();
  #scheduled = false;
  #pinging: NodeJS.Timeout | undefined;
  #unansweredSince: number | undefined;

  constructor(client: Redis, options: SubscriberOptions) {
    this.#client = client;
    this.#options = options;
    if (options.binary) {
      client.on('messageBuffer', (channel: Buffer, message: Buffer) =>
        options.onMessage(channel.toString(), message),
      );
    } else client.on('message', options.onMessage);
    client.on('ready', () => this.#resubscribe());
    client.on('close', () => this.#lose());
    client.on('error', (error: Error) => this.#refuseConnection(error));
  }

  /** Resolves when messages of `channel` arrive; they do until `drop`. */
  want(channel: string): Promise<void> {
    let known = this.#channels.get(channel);
    if (!known) {
      // dropped in this very turn: still subscribed to
      const sent = this.#unwanted.delete(channel);
      known = { sent: false, inForce: deferred(), confirmed: false };
      known.inForce.promise.catch(() => {});
      this.#channels.set(channel, known);
      this.#pinging ??= outside(() => this.#startPinging());
      if (sent) {
        known.sent = known.confirmed = true;
        known.inForce.resolve();
      } else {
        this.#fresh.add(channel);
        this.#schedule();
      }
    }
    return known.inForce.promise;
  }

  drop(channel: string): void {
    const known = this.#channels.get(channel);
    if (!known) return;
    this.#channels.delete(channel);
    this.#fresh.delete(channel);
    if (this.#channels.size === 0) this.#stopPinging();
    if (!known.sent) {
      known.inForce.reject(closed());
      return;
    }
    this.#unwanted.add(channel);
    this.#schedule();
  }

  close(): void {
    this.#stopPinging();
    for (const { inForce } of this.#channels.values()) inForce.reject(closed());
    this.#channels.clear();
    this.#fresh.clear();
    this.#unwanted.clear();
    this.#client.disconnect();
  }

  /** A connection that died without a word would otherwise be waited on for ever. */
  #startPinging(): NodeJS.Timeout | undefined {
    const { healthCheckInterval } = this.#options;
    if (healthCheckInterval <= 0) return undefined;
    return setInterval(() => {
      if (this.#client.status !== 'ready') return;
      if (this.#unansweredSince !== undefined) {
        const silence = performance.now() - this.#unansweredSince;
        if (silence >= SHORTEST_PATIENCE_MS) this.#client.disconnect(true);
        return;
      }
      this.#unansweredSince = performance.now();
      this.#client.ping().then(
        () => {
          this.#unansweredSince = undefined;
        },
        () => {},
      );
    }, timerMs(healthCheckInterval));
  }

  #stopPinging(): void {
    clearInterval(this.#pinging);
    this.#pinging = undefined;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    // otherwise the next `ready` does it
    if (this.#client.status !== 'ready') return;
    const unwanted = [...this.#unwanted];
    const fresh = [...this.#fresh];
    this.#unwanted.clear();
    this.#fresh.clear();
    for (const channels of slices(unwanted)) {
      this.#client.unsubscribe(...channels).catch(() => {});
    }
    this.#send(fresh).catch(() => {});
  }

  /** Rejects when the connection goes before all are confirmed; `ready` then sends them again. */
  async #send(channels: readonly string[]): Promise<void> {
    const sent: [string, Channel][] = [];
    for (const channel of channels) {
      const known = this.#channels.get(channel);
      if (!known) continue;
      known.sent = true;
      sent.push([channel, known]);
    }
    await Promise.all(
      slices(sent).map(async some => {
        try {
          await this.#client.subscribe(...some.map(([channel]) => channel));
        } catch (error) {
          this.#refuse(some, error);
          throw error;
        }
        for (const [, known] of some) {
          known.confirmed = true;
          known.inForce.resolve();
        }
      }),
    );
  }

  /** The server said no (an ACL, say); anything else is the connection's and passes. */
  #refuse(some: readonly [string, Channel][], error: unknown): void {
    if (!isReply(error)) return;
    for (const [channel, known] of some) {
      if (this.#channels.get(channel) === known) this.#channels.delete(channel);
      known.inForce.reject(isDenied(error) ? new AccessRefused(error.message) : error);
    }
  }

  /** The server lets nobody in (the login, the database): who has just begun to wait is told. */
  #refuseConnection(error: Error): void {
    if (!isReply(error) || isPassingReply(error)) return;
    for (const [channel, known] of this.#channels) {
      if (known.confirmed) continue;
      this.#channels.delete(channel);
      this.#fresh.delete(channel);
      known.inForce.reject(error);
    }
    if (this.#channels.size === 0) this.#stopPinging();
  }

  #lose(): void {
    this.#unansweredSince = undefined;
    for (const known of this.#channels.values()) known.sent = false;
    this.#unwanted.clear();
  }

  #resubscribe(): void {
    this.#fresh.clear();
    const channels = [...this.#channels.keys()];
    const missed = channels.filter(channel => this.#channels.get(channel)?.confirmed);
    this.#send(channels).then(
      () => missed.length > 0 && this.#options.onResubscribed(missed),
      () => {},
    );
  }
}

function slices<T>(items: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < items.length; at += MAX_PER_COMMAND) {
    parts.push(items.slice(at, at + MAX_PER_COMMAND));
  }
  return parts;
}

function closed(): ConnectionClosed {
  return new ConnectionClosed('The result backend was closed while waiting for a subscription.');
}
