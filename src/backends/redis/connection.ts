/** Turns `result_backend` and the `redis_*` settings into a client that heals by itself. */

import type { Redis, RedisOptions } from 'ioredis';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import { isSeconds, secondsHint } from '../../base/time/seconds.ts';
import { newRedisClient, redisClientOptions, redisDatabase } from '../../drivers/redis/client.ts';
import { parseUrls, type ServerUrl } from '../../drivers/url.ts';
import { checkUrls, redisClientOptionsIn } from '../../drivers/url-rules.ts';
import type { BackendOptions } from '../contract.ts';

/** Milliseconds between reconnects: at once, then slower, at most a second. */
const LONGEST_RECONNECT_MS = 1000;
const RECONNECT_STEP_MS = 50;
/** Milliseconds; as in redis-py, and short enough to notice a dead peer behind a firewall. */
const KEEP_ALIVE_MS = 30_000;
const DEFAULT_CONNECT_TIMEOUT = 10;
/** As on the broker's connection: a peer that has vanished is noticed before anybody gives up. */
const DEFAULT_SOCKET_TIMEOUT = 8;
/** Half of that: whoever only waits sends nothing but pings, and has to notice as well. */
const DEFAULT_HEALTH_CHECK_INTERVAL = 4;

export type RedisUrls = readonly [ServerUrl, ...ServerUrl[]];

/** `result_backend` taken apart; what it leaves open comes from `redis_host` and the like. */
export function redisBackendUrls(text: string, { settings }: BackendOptions): RedisUrls {
  const [first, ...others] = parseUrls(text.replace(/^socket:/i, 'redis+socket:'));
  checkUrls([first, ...others], Boolean(settings.redis_backend_use_ssl));
  redisDatabase(first);
  if (others.length > 0 && first.scheme !== 'sentinel') {
    throw new ImproperlyConfigured(
      'A list of URLs as result_backend is one of sentinels (sentinel://); results have one server.',
    );
  }
  return [withLegacySettings(first, settings), ...others];
}

function withLegacySettings(url: ServerUrl, settings: BackendOptions['settings']): ServerUrl {
  const isGiven = url.path !== '' || url.query.db !== undefined;
  const database =
    isGiven || url.query.virtual_host !== undefined
      ? undefined
      : numberSetting(settings, 'redis_db');
  return {
    ...url,
    host: url.host ?? textSetting(settings, 'redis_host'),
    port: url.port ?? numberSetting(settings, 'redis_port'),
    username: url.username ?? url.query.username ?? textSetting(settings, 'redis_username'),
    password: url.password ?? url.query.password ?? textSetting(settings, 'redis_password'),
    path: database === undefined ? url.path : String(database),
  };
}

export interface HealingClient {
  readonly client: Redis;
  /** What the last attempt to connect failed with; undefined while the connection is up. */
  trouble(): Error | undefined;
}

/**
 * A client, not yet connected, that reconnects for ever. Commands fail at once while the
 * connection is down; trying again is the caller's decision.
 */
export function healingClient(urls: RedisUrls, options: BackendOptions): HealingClient {
  const client = newRedisClient(clientOptions(urls, options));
  let trouble: Error | undefined;
  let isNew = true;
  client.on('connecting', () => {
    isNew = true;
  });
  // the first error of an attempt is the reason, what follows are its consequences
  client.on('error', (error: Error) => {
    if (isNew) trouble = error;
    isNew = false;
  });
  client.on('ready', () => {
    trouble = undefined;
    isNew = true;
  });
  return { client, trouble: () => trouble };
}

function clientOptions(
  urls: RedisUrls,
  { settings, transportOptions }: BackendOptions,
): RedisOptions {
  const inUrl = redisClientOptionsIn(urls[0]);
  const option = (name: string): unknown =>
    inUrl[name] ?? transportOptions[name] ?? settings[`redis_${name}`] ?? undefined;
  return {
    ...redisClientOptions(urls, {
      connectTimeout:
        seconds(option('socket_connect_timeout'), 'redis_socket_connect_timeout') ??
        DEFAULT_CONNECT_TIMEOUT,
      socketTimeout:
        seconds(option('socket_timeout'), 'redis_socket_timeout') ?? DEFAULT_SOCKET_TIMEOUT,
      useSsl: settings.redis_backend_use_ssl as boolean | Record<string, unknown> | undefined,
      clientName: textSetting({ redis_client_name: option('client_name') }, 'redis_client_name'),
      masterName: masterName(urls, transportOptions),
      sentinelKwargs: transportOptions.sentinel_kwargs as Record<string, unknown> | undefined,
    }),
    keepAlive: KEEP_ALIVE_MS,
    // every command of a lost connection is rejected, none is sent again behind our back
    maxRetriesPerRequest: 0,
    retryStrategy: times => Math.min((times - 1) * RECONNECT_STEP_MS, LONGEST_RECONNECT_MS),
  };
}

/** Seconds; 0 is never. Celery's 25 would let those who wait hear nothing for too long. */
export function healthCheckInterval(
  [url]: RedisUrls,
  { settings, transportOptions }: BackendOptions,
): number {
  const given =
    redisClientOptionsIn(url).health_check_interval ??
    transportOptions.health_check_interval ??
    settings.redis_backend_health_check_interval;
  if (given === undefined || given === null) return DEFAULT_HEALTH_CHECK_INTERVAL;
  if (isSeconds(given)) return given;
  throw new ImproperlyConfigured(
    `redis_backend_health_check_interval must be a number of seconds, not ${saferepr(given)}.${secondsHint(given)}`,
  );
}

function masterName([url]: RedisUrls, transportOptions: Readonly<Record<string, unknown>>) {
  const name = textSetting(transportOptions, 'master_name');
  if (url.scheme === 'sentinel' && name === undefined) {
    throw new ImproperlyConfigured(
      'A sentinel:// result backend needs the name of the master: ' +
        "set result_backend_transport_options = {master_name: '…'}.",
    );
  }
  return name;
}

function seconds(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (isSeconds(value) && value > 0) return value;
  throw new ImproperlyConfigured(
    `${name} must be a positive number of seconds, not ${saferepr(value)}.${secondsHint(value)}`,
  );
}

function textSetting(settings: Readonly<Record<string, unknown>>, name: string) {
  const value = settings[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberSetting(settings: Readonly<Record<string, unknown>>, name: string) {
  const value = settings[name];
  return typeof value === 'number' ? value : undefined;
}
