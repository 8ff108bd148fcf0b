/** What the parts of one Redis transport share: connection, names, options, events. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import type { ChannelError, ConnectionClosed, OperationalError } from '../../drivers/errors.ts';
import { type UrlCycle, urlCycle } from '../../drivers/failover.ts';
import { createRedisClient, redisDatabase, redisError } from '../../drivers/redis/client.ts';
import { isReply, isWrongServer } from '../../drivers/redis/replies.ts';
import type { ServerUrl } from '../../drivers/url.ts';
import type { TransportEvent, TransportOptions } from '../contract.ts';
import { WAIT_SECONDS } from './arrival-wait.ts';
import { Bindings } from './bindings.ts';
import { RedisKeys } from './keys.ts';
import { Link, type LinkOptions } from './link.ts';
import { type RedisOptions, readRedisOptions } from './options.ts';
import { SCRIPTS, type ScriptedRedis } from './scripts.ts';

export type Urls = readonly [ServerUrl, ...ServerUrl[]];

export class RedisSession {
  readonly options: RedisOptions;
  readonly keys: RedisKeys;
  /** The connection for everything that does not block: what does holds up all that follows on it. */
  readonly link: Link;
  readonly bindings: Bindings;
  readonly waitLink: Pick<LinkOptions, 'makeClient' | 'connectTimeout' | 'toError'>;
  readonly #urls: Urls;
  /** The servers that take turns; with sentinels there is nothing to choose. */
  readonly #servers: UrlCycle<ServerUrl>;
  readonly #hasSentinels: boolean;
  #isServerFailed = false;
  readonly #clients = new Set<ScriptedRedis>();
  readonly #transportOptions: TransportOptions;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  readonly #warned = new Set<string>();

  constructor(
    urls: Urls,
    transportOptions: TransportOptions,
    hooks: Pick<LinkOptions, 'needed' | 'onUp' | 'onDown' | 'onRetry'>,
  ) {
    this.#urls = urls;
    this.#hasSentinels = urls[0].scheme === 'sentinel';
    this.#servers = urlCycle(urls, transportOptions.failoverStrategy);
    this.#transportOptions = transportOptions;
    this.options = readRedisOptions(transportOptions);
    this.keys = new RedisKeys(this.options, databaseOf(urls));
    this.link = new Link({
      ...this.linkBase(this.options.socketTimeout),
      makeClient: () => this.#makeNextClient(),
      servers: this.#hasSentinels ? 1 : urls.length,
      onServerFailed: (error, isLast) => this.#serverFailed(error, isLast),
      ...hooks,
    });
    this.waitLink = this.linkBase(3 * WAIT_SECONDS);
    this.bindings = new Bindings(this.link, this.keys);
    // Now and not at the first connection: a wrong URL or certificate file is the caller's error.
    for (const url of urls) this.#makeClient(this.options.socketTimeout, url);
  }

  get server(): ServerUrl {
    return this.#hasSentinels ? this.#urls[0] : this.#servers.current;
  }

  /**
   * Only the main connection moves on, and all others follow it to its server: another one has
   * other lists and channels.
   */
  #makeNextClient(): ScriptedRedis {
    if (this.#isServerFailed && this.#urls.length > 1) this.#moveOn();
    this.#isServerFailed = false;
    return this.#makeClient(this.options.socketTimeout);
  }

  #moveOn(): void {
    const left = this.#servers.current;
    if (this.#servers.next() === left) return;
    for (const client of this.#clients) {
      client.disconnect();
      client.stream?.destroy();
    }
  }

  #serverFailed(error: Error, isLast: boolean): void {
    this.#isServerFailed = true;
    if (!isLast) this.emit({ type: 'retrying', error, delay: 0, attempt: 0 });
  }

  linkBase(socketTimeout: number): Pick<LinkOptions, 'makeClient' | 'connectTimeout' | 'toError'> {
    return {
      makeClient: () => this.#makeClient(socketTimeout),
      connectTimeout: this.options.connectTimeout,
      toError: (error, doing) => this.toError(error, doing),
    };
  }

  #makeClient(socketTimeout: number, url = this.server): ScriptedRedis {
    const { connectTimeout, clientName, masterName, sentinelKwargs } = this.options;
    const client = createRedisClient(this.#hasSentinels ? this.#urls : url, {
      connectTimeout,
      socketTimeout,
      clientName,
      masterName,
      sentinelKwargs,
      useSsl: this.#transportOptions.useSsl,
      scripts: SCRIPTS,
    }) as ScriptedRedis;
    client.once('connect', () => this.#clients.add(client));
    client.once('end', () => this.#clients.delete(client));
    return client;
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: TransportEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Tells the user once: what is wrong with one command is wrong with each that follows. */
  warn(message: string): void {
    if (this.#warned.has(message)) return;
    if (this.#warned.size > 1000) this.#warned.clear();
    this.#warned.add(message);
    this.emit({ type: 'warning', message });
  }

  tookBack(count: number, consumer: string): void {
    this.emit({
      type: 'warning',
      message: `${count} message(s) held by consumer ${consumer} had been given to others before they were acknowledged; they may run twice.`,
    });
  }

  lost(count: number, consumer: string): void {
    this.emit({
      type: 'warning',
      message: `Consumer ${consumer} was silent for so long that it was taken for dead; ${count} message(s) that it held were given to others.`,
    });
  }

  toError(error: unknown, doing: string): OperationalError | ChannelError | ConnectionClosed {
    return redisError(error, this.#urls, doing);
  }

  /**
   * Looks at what a command of a consumer failed with. Returns whether the server answered
   * and refused (so that a pause is due); otherwise the connection heals by itself.
   */
  report(error: unknown): boolean {
    if (!isReply(error) || this.dropIfWrong(error)) return false;
    this.warn(this.toError(error, 'consuming').message);
    return true;
  }

  /** Leaves a server that is only a replica now, or not yet ready: neither can be written to. */
  dropIfWrong(error: unknown): boolean {
    if (!isWrongServer(error)) return false;
    this.link.drop(error as Error);
    return true;
  }

  /** Runs one operation on the connection, made if necessary; rejects with our errors only. */
  async run<T>(doing: string, operation: (client: ScriptedRedis) => Promise<T>): Promise<T> {
    try {
      return await operation(this.link.client ?? (await this.link.connect()));
    } catch (error) {
      this.dropIfWrong(error);
      throw this.toError(error, doing);
    }
  }
}

/** Channel names have the number in them, so that it cannot change on the way. */
function databaseOf(urls: Urls): number {
  const first = redisDatabase(urls[0]);
  const other = urls.find(url => redisDatabase(url) !== first);
  if (other === undefined) return first;
  throw new ImproperlyConfigured(
    `The broker URLs ${urls[0].masked} and ${other.masked} name different databases; one database number must do for all.`,
  );
}
