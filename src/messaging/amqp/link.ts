/**
 * One connection that heals.
 *
 * Owns a connection while it is up and makes a new one, to the next broker of the list, when
 * it is gone; it keeps trying only while somebody needs it (`needed`). A watchdog replaces a
 * connection whose server says nothing any more, long before TCP or a heartbeat would.
 */

import { type Deferred, deferred } from '../../base/deferred.ts';
import { outside } from '../../base/outside.ts';
import { sleep } from '../../base/time/backoff.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import { urlCycle } from '../../drivers/failover.ts';
import type { TransportOptions } from '../contract.ts';
import { type AmqpConnection, amqplib, type SocketOptions, socketOf } from './driver.ts';
import { connectError, operationError } from './errors.ts';
import { type ConnectArguments, connectArguments, type Urls } from './options.ts';
import { Watchdog } from './watchdog.ts';

export interface LinkHooks {
  needed(): boolean;
  onUp?(): void;
  onDown?(error: Error): void;
  /** An attempt failed, the next one follows after `delay` seconds. */
  onRetry?(error: Error, delay: number, attempt: number): void;
  onWarning(message: string): void;
  /** Milliseconds for which the broker has owed an answer to something. */
  unanswered(): number;
}

const FIRST_DELAY = 0.1;
const LONGEST_DELAY = 5;
/** A connection that ends sooner was none: the next attempt waits as after a failed one. */
const SHORT_LIFE_MS = 1000;
/** For the goodbye; a server that is gone does not answer it. */
const CLOSE_SECONDS = 2;

export class Link {
  readonly #urls: Urls;
  readonly #hooks: LinkHooks;
  readonly #cycle: { readonly current: ConnectArguments; next(): ConnectArguments };
  readonly #ending = new AbortController();
  /** Ends attempts that are under way; what they led to outlives them. */
  readonly #dialling = new AbortController();
  readonly #watchdog: Watchdog;
  #connection: AmqpConnection | undefined;
  #attempt: Promise<AmqpConnection> | undefined;
  #healing = false;
  /** While the broker has blocked the connection: why, and until when. */
  #block: { readonly reason: string; readonly over: Deferred<void> } | undefined;
  #upSince = 0;
  #shortLives = 0;
  #why: Error | undefined;

  /** @throws ImproperlyConfigured for options or URLs that cannot be used */
  constructor(urls: Urls, options: TransportOptions, hooks: LinkHooks) {
    this.#urls = urls;
    this.#hooks = hooks;
    const [first, ...others] = urls.map(url => ({
      text: url.text,
      ...connectArguments(url, options),
    }));
    this.#cycle = urlCycle([first!, ...others], options.failoverStrategy ?? null);
    this.#watchdog = new Watchdog(hooks.unanswered, error => this.drop(error));
  }

  get connection(): AmqpConnection | undefined {
    return this.#connection;
  }

  /** The broker is short of memory or disk and reads nothing from us. */
  get isBlocked(): boolean {
    return this.#block !== undefined;
  }

  get blockedBecause(): string {
    return this.#block?.reason ?? '';
  }

  async unblocked(): Promise<void> {
    await this.#block?.over.promise;
  }

  get isClosed(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Major version of the server; 0 when it does not tell. */
  get serverMajor(): number {
    const version = this.#connection?.connection.serverProperties.version;
    return Number.parseInt(String(version), 10) || 0;
  }

  /**
   * One try of every URL, shared by all who ask meanwhile, lest each of them dial; rejects with
   * OperationalError.
   */
  connect(): Promise<AmqpConnection> {
    if (this.isClosed) return Promise.reject(closedByUs());
    if (this.#connection) return Promise.resolve(this.#connection);
    this.#attempt ??= outside(() => this.#open()).finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  drop(error: Error): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#why ??= error;
    // with an error, or amqplib would not notice
    socketOf(connection).destroy(error);
    this.#lost(connection);
  }

  heal(): void {
    if (this.#healing || this.#connection || this.isClosed) return;
    this.#healing = true;
    void outside(() => this.#keepTrying()).finally(() => {
      this.#healing = false;
    });
  }

  /** @param saysGoodbye false: the server does not answer anyway */
  async close(saysGoodbye = true): Promise<void> {
    this.#ending.abort();
    if (!this.#connection) this.#dialling.abort();
    const connection = this.#connection ?? (await this.#attempt?.catch(() => undefined));
    this.#connection = undefined;
    this.#unblock();
    this.#watchdog.stop();
    if (!connection) return;
    const socket = socketOf(connection);
    if (saysGoodbye) await sayGoodbye(connection);
    if (socket.closed) return;
    await new Promise(resolve => {
      socket.once('close', resolve);
      socket.destroy(closedByUs());
    });
  }

  async #open(): Promise<AmqpConnection> {
    for (let left = this.#urls.length; ; left--) {
      try {
        const connection = await dial(this.#cycle.current, this.#dialling.signal);
        this.#adopt(connection);
        return connection;
      } catch (error) {
        if (this.isClosed) throw closedByUs();
        const vhost = decodeURIComponent(this.#cycle.current.url.vhost ?? '/');
        this.#cycle.next();
        if (left <= 1) throw connectError(error, this.#urls, vhost);
      }
    }
  }

  #adopt(connection: AmqpConnection): void {
    const socket = socketOf(connection);
    if (this.isClosed) {
      socket.destroy();
      throw closedByUs();
    }
    this.#connection = connection;
    this.#why = undefined;
    this.#upSince = performance.now();
    connection.on('error', (error: Error) => {
      this.#why ??= error;
    });
    connection.once('close', (error?: Error) => {
      if (error) this.#why ??= error;
      // amqplib only ends its side, and a silent server would never end the other
      socket.destroy();
      this.#lost(connection);
    });
    connection.on('blocked', (reason: string) => this.#blocked(reason));
    connection.on('unblocked', () => this.#taking());
    this.#watchdog.watch(connection);
    this.#hooks.onUp?.();
  }

  #blocked(reason: string): void {
    this.#block ??= { reason, over: deferred() };
    this.#watchdog.stop();
    this.#hooks.onWarning(
      `The broker has blocked the connection and takes no messages (${reason}).`,
    );
  }

  #taking(): void {
    this.#unblock();
    if (this.#connection) this.#watchdog.watch(this.#connection);
    this.#hooks.onWarning('The broker takes messages again.');
  }

  #unblock(): void {
    this.#block?.over.resolve();
    this.#block = undefined;
  }

  #lost(connection: AmqpConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#unblock();
    this.#watchdog.stop();
    const shortLived = performance.now() - this.#upSince < SHORT_LIFE_MS;
    this.#shortLives = shortLived ? this.#shortLives + 1 : 0;
    const why = this.#why ?? new Error('the server closed the connection');
    this.#hooks.onDown?.(operationError(why, 'talking to the broker', this.#urls));
    if (this.#hooks.needed()) this.heal();
  }

  async #keepTrying(): Promise<void> {
    const { onRetry, needed } = this.#hooks;
    if (this.#shortLives > 1) await this.#pause(this.#shortLives - 1);
    for (let attempt = 1; needed() && !this.isClosed; attempt++) {
      try {
        await this.connect();
        return;
      } catch (error) {
        if (this.isClosed) return;
        onRetry?.(error as Error, delayBefore(attempt), attempt);
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    return sleep(delayBefore(attempt), undefined, this.#ending.signal).catch(() => {});
  }
}

function dial({ url, socket }: ConnectArguments, signal: AbortSignal): Promise<AmqpConnection> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(closedByUs());
    signal.addEventListener('abort', abandon, { once: true });
    // the signal ends the socket, too
    const options: SocketOptions = { ...socket, signal };
    amqplib().connect(url, options, (error, connection) => {
      signal.removeEventListener('abort', abandon);
      if (error) reject(error);
      // nobody waits for it any more
      else if (signal.aborted) socketOf(connection).destroy();
      else resolve(connection);
    });
  });
}

const closedByUs = () => new ConnectionClosed('The connection was closed.');

function delayBefore(attempt: number): number {
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
}

function sayGoodbye(connection: AmqpConnection): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, CLOSE_SECONDS * 1000);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    connection.once('close', done);
    try {
      connection.close(done);
    } catch {
      done(); // it had ended before
    }
  });
}
