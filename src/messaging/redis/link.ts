/**
 * One connection that heals.
 *
 * Owns a client while it is up and makes a new one when it is gone; it keeps trying only
 * while somebody needs it (`needed`). Commands in flight when a connection ends are rejected:
 * what may be sent again is for the caller to know.
 */

import { outside } from '../../base/outside.ts';
import { sleep } from '../../base/time/backoff.ts';
import { systemClock } from '../../base/time/clock.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import type { ScriptedRedis } from './scripts.ts';

export interface LinkOptions {
  readonly makeClient: () => ScriptedRedis;
  /** Seconds for one whole attempt, handshake included: the driver's own limit ends with the TCP connection. */
  readonly connectTimeout: number;
  readonly toError: (error: unknown, doing: string) => Error;
  readonly needed: () => boolean;
  /** Servers to try before a connection counts as impossible; default 1. `makeClient` takes turns. */
  readonly servers?: number;
  /** One server failed; `isLast`: there is none left to try now. */
  readonly onServerFailed?: (error: Error, isLast: boolean) => void;
  readonly onUp?: (client: ScriptedRedis) => void;
  readonly onDown?: (error: Error) => void;
  readonly onRetry?: (error: Error, delay: number, attempt: number) => void;
}

const FIRST_DELAY = 0.1;
const LONGEST_DELAY = 5;
/** A connection that ends sooner was none: the next attempt waits as after a failed one. */
const SHORT_LIFE_MS = 1000;

export class Link {
  readonly #options: LinkOptions;
  readonly #ending = new AbortController();
  #client: ScriptedRedis | undefined;
  #attempt: Promise<ScriptedRedis> | undefined;
  #healing = false;
  #why: Error | undefined;
  #upSince = 0;
  #shortLives = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get client(): ScriptedRedis | undefined {
    return this.#client?.status === 'ready' ? this.#client : undefined;
  }

  /**
   * One try with every server, shared by all who ask meanwhile, lest each of them dial; rejects
   * with OperationalError.
   */
  connect(): Promise<ScriptedRedis> {
    if (this.#ending.signal.aborted) {
      return Promise.reject(closedByUs());
    }
    const { client } = this;
    if (client) return Promise.resolve(client);
    this.#attempt ??= outside(() => this.#tryServers()).finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  heal(): void {
    if (this.#healing || this.client || this.#ending.signal.aborted) return;
    this.#healing = true;
    void outside(() => this.#keepTrying()).finally(() => {
      this.#healing = false;
    });
  }

  /** The connection is of no use any more (a watchdog, a server that became a replica). */
  drop(error: Error): void {
    if (!this.#client) return;
    this.#why ??= error;
    this.#client.disconnect();
    // A socket whose peer is silent would linger in the graceful close.
    this.#client.stream?.destroy();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    const client = this.#client ?? (await this.#attempt?.catch(() => undefined));
    this.#client = undefined;
    if (!client || client.status === 'end') return;
    await new Promise<void>(resolve => {
      client.once('end', resolve);
      client.disconnect();
    });
  }

  async #tryServers(): Promise<ScriptedRedis> {
    const { servers = 1, onServerFailed } = this.#options;
    for (let tried = 1; ; tried++) {
      try {
        return await this.#open();
      } catch (error) {
        const isLast = tried >= servers || this.#ending.signal.aborted;
        onServerFailed?.(error as Error, isLast);
        if (isLast) throw error;
      }
    }
  }

  async #open(): Promise<ScriptedRedis> {
    const { connectTimeout, makeClient, toError } = this.#options;
    const client = makeClient();
    let why: unknown;
    client.on('error', (error: Error) => {
      why ??= error;
    });
    const giveUp = (reason: Error) => {
      why ??= reason;
      client.disconnect();
      client.stream?.destroy();
    };
    const timer = systemClock.after(connectTimeout, () =>
      giveUp(new Error(`no answer within ${connectTimeout} s`)),
    );
    const { signal } = this.#ending;
    const abandon = () => giveUp(closedByUs());
    signal.addEventListener('abort', abandon, { once: true });
    try {
      await client.connect();
    } catch (error) {
      client.disconnect();
      throw signal.aborted ? closedByUs() : toError(why ?? error, 'connecting to Redis');
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abandon);
    }
    if (signal.aborted) {
      client.disconnect();
      throw closedByUs();
    }
    this.#adopt(client);
    return client;
  }

  #adopt(client: ScriptedRedis): void {
    this.#client = client;
    this.#why = undefined;
    this.#upSince = performance.now();
    client.on('error', (error: Error) => {
      this.#why ??= error;
    });
    client.once('close', () => this.#lost(client));
    this.#options.onUp?.(client);
  }

  #lost(client: ScriptedRedis): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    const shortLived = performance.now() - this.#upSince < SHORT_LIFE_MS;
    this.#shortLives = shortLived ? this.#shortLives + 1 : 0;
    const why = this.#why ?? new Error('the server closed the connection');
    this.#options.onDown?.(this.#options.toError(why, 'talking to Redis'));
    if (this.#options.needed()) this.heal();
  }

  async #keepTrying(): Promise<void> {
    const { onRetry, needed, toError } = this.#options;
    if (this.#shortLives > 1) await this.#pause(this.#shortLives - 1);
    for (let attempt = 1; needed() && !this.#ending.signal.aborted; attempt++) {
      try {
        await this.connect();
        return;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        onRetry?.(toError(error, 'connecting to Redis'), delayBefore(attempt), attempt);
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    return sleep(delayBefore(attempt), undefined, this.#ending.signal).catch(() => {});
  }
}

const closedByUs = () => new ConnectionClosed('The connection was closed.');

function delayBefore(attempt: number): number {
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
}
