/**
 * Making ioredis clients from our URLs: plain, TLS, unix socket, sentinels.
 *
 * Shared by the transport and the result backend. A client made here never reconnects and
 * never queues by itself: when its connection ends, every command in flight is rejected at
 * once. Healing is the job of `link.ts`, which makes a new client.
 */

import type { ConnectionOptions } from 'node:tls';
import { Redis, type RedisOptions } from 'ioredis';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { maskIn } from '../../base/text/mask-url.ts';
import { timerMs } from '../../base/time/seconds.ts';
import { ChannelError, ConnectionClosed, OperationalError } from '../errors.ts';
import { tlsOptions } from '../tls.ts';
import type { ServerUrl } from '../url.ts';
import { refuseOtherDatabases } from './handshake.ts';
import { isPassingReply, isReply } from './replies.ts';

export interface RedisClientOptions {
  /** Seconds for the TCP (and TLS) connection. */
  readonly connectTimeout: number;
  /**
   * Seconds without an answer after which the socket is destroyed, long before TCP would give up;
   * undefined waits for ever.
   */
  readonly socketTimeout?: number | undefined;
  /** `broker_use_ssl` or `redis_backend_use_ssl`. */
  readonly useSsl?: boolean | Readonly<Record<string, unknown>> | undefined;
  /** CLIENT SETNAME. */
  readonly clientName?: string | undefined;
  /** `sentinel://` only, and required there: the name of the master group, by which sentinels are asked. */
  readonly masterName?: string | undefined;
  /**
   * `sentinel://` only: `password`, `username`, `ssl`… for the sentinels themselves, which are
   * servers with a login of their own.
   */
  readonly sentinelKwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Lua scripts to define as commands, by name. */
  readonly scripts?: Readonly<Record<string, { lua: string; numberOfKeys?: number }>> | undefined;
}

export const REDIS_SCHEMES: readonly string[] = ['redis', 'rediss', 'redis+socket', 'sentinel'];
const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

/** The database number of a URL (`/3`, `?db=3` or `?virtual_host=3`); 0 when none is given. */
export function redisDatabase(url: ServerUrl): number {
  const path = url.scheme === 'redis+socket' ? '' : url.path.replace(/^\/+/, '');
  const text = url.query.db ?? url.query.virtual_host ?? path;
  if (/^\d*$/.test(text)) return Number(text);
  throw new ImproperlyConfigured(
    `Database is int between 0 and limit - 1, not ${JSON.stringify(text)} (in ${url.masked}).`,
  );
}

/** The URL as Celery prints it: default host and port filled in, `/` for no database, no password. */
export function redisUrlForPeople(url: ServerUrl): string {
  if (url.scheme === 'redis+socket') return url.masked;
  const user = url.username ?? '';
  const userInfo = url.password ? `${user}:**@` : user ? `${user}@` : '';
  const port = url.port ?? (url.scheme === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT);
  return `${url.scheme}://${userInfo}${url.host ?? 'localhost'}:${port}/${url.path || databaseOption(url) || '/'}`;
}

const databaseOption = ({ query }: ServerUrl) => query.db ?? query.virtual_host;

/**
 * TLS options from `ssl_*` query parameters and settings, where `ssl_` may be left out; undefined
 * when TLS is off.
 */
export function redisTls(
  url: ServerUrl,
  useSsl: boolean | Readonly<Record<string, unknown>> | undefined,
): ConnectionOptions | undefined {
  if (url.scheme !== 'rediss' && !useSsl) return undefined;
  const settings: Record<string, unknown> = typeof useSsl === 'object' ? { ...useSsl } : {};
  const given: Record<string, unknown> = { ...settings, ...url.query };
  // without `ssl_` a URL's password is that of the server
  const option = (name: string) => given[`ssl_${name}`] ?? settings[name] ?? undefined;
  const tls = tlsOptions(option, 'ssl_');
  const server = option('server_hostname') ?? url.host ?? 'localhost';
  if (typeof server === 'string' && !/^[\d.]+$|:/.test(server)) tls.servername = server;
  return tls;
}

function sentinelOptions(
  urls: readonly ServerUrl[],
  options: RedisClientOptions,
  tls: ConnectionOptions | undefined,
): RedisOptions {
  const { masterName, sentinelKwargs = {} } = options;
  if (!masterName) {
    throw new ImproperlyConfigured(
      "A sentinel:// URL needs the name of the master: set broker_transport_options = {master_name: '…'}.",
    );
  }
  return {
    name: masterName,
    sentinels: urls.map(url => ({
      host: url.host ?? 'localhost',
      port: url.port ?? DEFAULT_SENTINEL_PORT,
    })),
    // One pass over the sentinels per attempt: link.ts decides when to try again.
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: timerMs(options.connectTimeout),
    ...(typeof sentinelKwargs.username === 'string' && {
      sentinelUsername: sentinelKwargs.username,
    }),
    ...(typeof sentinelKwargs.password === 'string' && {
      sentinelPassword: sentinelKwargs.password,
    }),
    ...(tls && { enableTLSForSentinelMode: true }),
    ...(sentinelKwargs.ssl === true && { sentinelTLS: tls ?? {} }),
  };
}

function addressOptions(
  urls: readonly [ServerUrl, ...ServerUrl[]],
  options: RedisClientOptions,
): RedisOptions {
  const [url] = urls;
  const tls = redisTls(url, options.useSsl);
  if (url.scheme === 'sentinel') {
    return { ...sentinelOptions(urls, options, tls), ...(tls && { tls }) };
  }
  if (url.scheme === 'redis+socket') return { path: `/${url.path.replace(/^\/+/, '')}` };
  return {
    host: url.host ?? 'localhost',
    port: url.port ?? DEFAULT_PORT,
    ...(tls && { tls }),
  };
}

/** What ioredis is given for these URLs; throws ImproperlyConfigured, opens nothing. */
export function redisClientOptions(
  urls: readonly [ServerUrl, ...ServerUrl[]],
  options: RedisClientOptions,
): RedisOptions {
  const [url] = urls;
  const username = url.username ?? url.query.username;
  const password = url.password ?? url.query.password;
  return {
    ...addressOptions(urls, options),
    db: redisDatabase(url),
    ...(username && { username }),
    ...((username || password) && { password: password ?? '' }),
    ...(options.clientName && { connectionName: options.clientName }),
    ...(options.socketTimeout && { socketTimeout: timerMs(options.socketTimeout) }),
    ...(options.scripts && { scripts: { ...options.scripts } }),
    connectTimeout: timerMs(options.connectTimeout),
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
  };
}

/**
 * A client, not yet connected, that is on the right database or, should the server refuse that,
 * never connected.
 */
export function newRedisClient(options: RedisOptions): Redis {
  const client = new Redis({ ...options, replyMapping: 'legacy' });
  refuseOtherDatabases(client);
  // Without a listener ioredis prints; whoever makes a client listens too, or sees a rejection.
  client.on('error', () => {});
  return client;
}

/**
 * A client that is not yet connected (`client.connect()`); errors of its connection are
 * reported by rejections, and by `error` events with the reason.
 */
export function createRedisClient(
  url: ServerUrl | readonly [ServerUrl, ...ServerUrl[]],
  options: RedisClientOptions,
): Redis {
  const urls = 'scheme' in url ? ([url] as const) : url;
  return newRedisClient(redisClientOptions(urls, options));
}

/**
 * Any error of the driver or the server as ours, with no password in it: OperationalError if
 * trying again may help, ChannelError for what the server will not do.
 */
export function redisError(
  error: unknown,
  urls: readonly ServerUrl[],
  doing: string,
): OperationalError | ChannelError | ConnectionClosed {
  if (error instanceof OperationalError) return error;
  if (error instanceof ChannelError || error instanceof ConnectionClosed) return error;
  // The cause is left out on purpose: ioredis errors carry the command with all its arguments.
  const message = `Error ${doing}: ${textOf(error, urls)}`;
  return isReply(error) && !isPassingReply(error)
    ? new ChannelError(message)
    : new OperationalError(message);
}

function textOf(error: unknown, urls: readonly ServerUrl[]): string {
  const cause = error instanceof Error ? error : new Error(String(error));
  // several addresses were tried: what the first said is in `errors`
  const first = (cause as AggregateError).errors?.[0] as Error | undefined;
  const text =
    cause.message || first?.message || (cause as NodeJS.ErrnoException).code || cause.name;
  return urls.reduce((masked, url) => maskIn(masked, url.text), text);
}
