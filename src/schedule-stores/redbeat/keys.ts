/** Where RedBeat keeps what, by its settings. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { REDIS_SCHEMES } from '../../drivers/redis/client.ts';
import { type RedisPlace, redisPlace } from '../place.ts';

type ReadSetting = (name: string) => unknown;

export interface RedBeatKeys {
  readonly prefix: string;
  /** Sorted set: keys of entries by their next due time. */
  readonly schedule: string;
  /** Names of entries of the code. */
  readonly statics: string;
  /** Held by the beat that sends. */
  readonly lock: string;
  /** Ours: the token of the latest leader. */
  readonly token: string;
}

export function redbeatKeys(setting: ReadSetting): RedBeatKeys {
  const prefix = String(setting('redbeat_key_prefix') || 'redbeat:');
  return {
    prefix,
    schedule: `${prefix}:schedule`,
    statics: `${prefix}:statics`,
    lock: String(setting('redbeat_lock_key') || `${prefix}:lock`),
    token: `${prefix}:tscelery-token`,
  };
}

/** @throws ImproperlyConfigured for a URL that is none of a Redis */
export function redbeatPlace(setting: ReadSetting): RedisPlace {
  const given = setting('redbeat_redis_url');
  const url = String(given || (setting('broker_write_url') ?? setting('broker_url') ?? ''));
  if (REDIS_SCHEMES.includes(url.trim().split('://')[0]!.toLowerCase())) {
    return redisPlace(url, setting);
  }
  throw new ImproperlyConfigured(
    given
      ? `redbeat_redis_url ${JSON.stringify(maskUrl(url))} is not a URL of a Redis server, as "redis://localhost:6379/1".`
      : 'RedBeat needs redbeat_redis_url, as "redis://localhost:6379/1": the broker is no Redis server.',
  );
}
