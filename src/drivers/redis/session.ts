/**
 * One connection for occasional commands: made when one is needed, made anew after it ended.
 *
 * Owns: the client. Nothing runs in the background and nothing is sent twice: a command whose
 * connection ends is rejected, and what to do about that its caller knows.
 */
import type { Redis } from 'ioredis';
import { outside } from '../../base/outside.ts';
import { systemClock } from '../../base/time/clock.ts';
import { ConnectionClosed } from '../errors.ts';
import type { ServerUrl } from '../url.ts';
import { redisClientOptionsIn } from '../url-rules.ts';
import { createRedisClient, type RedisClientOptions, redisError } from './client.ts';
import { isWrongServer } from './replies.ts';

/** As the settings of brokers have them. */
export interface RedisSettings {
  /** `broker_transport_options`. */
  readonly transportOptions: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly connectTimeout: number;
  readonly useSsl?: boolean | Readonly<Record<string, unknown>> | undefined;
}

type Lua = Readonly<Record<string, { readonly lua: string; readonly numberOfKeys: number }>>;
type Command = (...keysAndArguments: (string | number)[]) => Promise<unknown>;
/** A client with scripts as commands. */
export type Scripted<Scripts extends Lua> = Redis & Record<keyof Scripts, Command>;

export interface RedisSessionOptions<Scripts extends Lua> {
  readonly urls: readonly [ServerUrl, ...ServerUrl[]];
  readonly settings: RedisSettings;
  readonly scripts: Scripts;
  /** Seconds without an answer after which the connection counts as dead. */
  readonly socketTimeout?: number;
}

const DEFAULT_SOCKET_TIMEOUT = 5;

export class RedisSession<Scripts extends Lua> {
  readonly #options: RedisSessionOptions<Scripts>;
  /** Servers to try one after the other; sentinels are asked together. */
  readonly #servers: readonly (readonly [ServerUrl, ...ServerUrl[]])[];
  #at = 0;
  #client: Scripted<Scripts> | undefined;
  #opening: Promise<Scripted<Scripts>> | undefined;
  readonly #ending = new AbortController();

  constructor(options: RedisSessionOptions<Scripts>) {
    this.#options = options;
    const { urls } = options;
    this.#servers = urls[0].scheme === 'sentinel' ? [urls] : urls.map(url => [url]);
  }

  /**
   * @param doing for the message of an error: `asking who leads`
   * @throws OperationalError when the server cannot be asked, ChannelError when it refuses
   */
  async run<T>(doing: string, ask: (client: Scripted<Scripts>) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      return await ask(client);
    } catch (error) {
      if (isWrongServer(error)) this.#drop(client);
      throw this.#toError(error, doing);
    }
  }

  /** Commands that are under way are rejected. */
  close(): void {
    this.#ending.abort();
    if (this.#client) this.#drop(this.#client);
  }

  #connect(): Promise<Scripted<Scripts>> {
    if (this.#ending.signal.aborted) return Promise.reject(closedByUs());
    if (this.#client?.status === 'ready') return Promise.resolve(this.#client);
    this.#opening ??= outside(() => this.#tryServers()).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #tryServers(): Promise<Scripted<Scripts>> {
    for (let left = this.#servers.length; ; left--) {
      try {
        return await this.#open(this.#servers[this.#at]!);
      } catch (error) {
        this.#at = (this.#at + 1) % this.#servers.length;
        if (left <= 1 || this.#ending.signal.aborted) throw error;
      }
    }
  }

  async #open(server: readonly [ServerUrl, ...ServerUrl[]]): Promise<Scripted<Scripts>> {
    const options = this.#clientOptions(server[0]);
    const client = createRedisClient(server, options) as Scripted<Scripts>;
    let why: unknown;
    client.on('error', (error: Error) => {
      why ??= error;
    });
    const abandon = () => this.#drop(client);
    // the driver's own limit ends with the TCP connection
    const timer = systemClock.after(options.connectTimeout, () => {
      why ??= new Error(`no answer within ${options.connectTimeout} s`);
      abandon();
    });
    const { signal } = this.#ending;
    signal.addEventListener('abort', abandon, { once: true });
    try {
      await client.connect();
    } catch (error) {
      this.#drop(client);
      throw signal.aborted ? closedByUs() : this.#toError(why ?? error, 'connecting to Redis');
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abandon);
    }
    this.#client = client;
    return client;
  }

  #clientOptions(url: ServerUrl): RedisClientOptions {
    const { settings, scripts, socketTimeout = DEFAULT_SOCKET_TIMEOUT } = this.#options;
    const given = { ...settings.transportOptions, ...redisClientOptionsIn(url) };
    return {
      connectTimeout: Number(given.socket_connect_timeout ?? settings.connectTimeout),
      socketTimeout,
      useSsl: settings.useSsl,
      clientName: textOf(given.client_name),
      masterName: textOf(given.master_name),
      sentinelKwargs: given.sentinel_kwargs as Readonly<Record<string, unknown>> | undefined,
      scripts,
    };
  }

  #drop(client: Scripted<Scripts>): void {
    if (this.#client === client) this.#client = undefined;
    client.disconnect();
    // a socket whose peer is silent would linger in the graceful close
    client.stream?.destroy();
  }

  #toError(error: unknown, doing: string): Error {
    return this.#ending.signal.aborted
      ? closedByUs()
      : redisError(error, this.#options.urls, doing);
  }
}

const closedByUs = () => new ConnectionClosed('The connection was closed.');

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
