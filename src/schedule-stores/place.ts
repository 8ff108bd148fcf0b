/** Where a schedule that is shared is kept: by `beat_store_url`, or with the messages or results. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { REDIS_SCHEMES } from '../drivers/redis/client.ts';
import type { RedisSettings } from '../drivers/redis/session.ts';
import { MEMORY, parseSqliteUrl, type SqliteLocation } from '../drivers/sqlite/location.ts';
import { parseUrls, type ServerUrl } from '../drivers/url.ts';
import { checkUrls } from '../drivers/url-rules.ts';

type ReadSetting = (name: string) => unknown;

export interface RedisPlace {
  readonly urls: readonly [ServerUrl, ...ServerUrl[]];
  readonly settings: RedisSettings;
}

export type Place =
  | { readonly kind: 'redis'; readonly redis: RedisPlace }
  | { readonly kind: 'sqlite'; readonly location: SqliteLocation };

const SQLITE_SCHEMES = ['sqlite', 'sqla+sqlite', 'db+sqlite', 'database+sqlite'];
const SCHEMES = [...REDIS_SCHEMES, ...SQLITE_SCHEMES];

const schemeOf = (url: string) => url.trim().split(/:\/\//)[0]!.toLowerCase();
const canKeep = (url: string) => {
  if (!SCHEMES.includes(schemeOf(url))) return false;
  return !SQLITE_SCHEMES.includes(schemeOf(url)) || parseSqliteUrl(fromAlias(url)).path !== MEMORY;
};
const fromAlias = (url: string) => url.replace(/^database\+/i, 'db+');

/**
 * @throws ImproperlyConfigured for a URL that cannot keep a schedule, and when there is none and
 * neither broker nor result backend can
 */
export function placeOf(setting: ReadSetting): Place {
  const given = textSetting(setting, 'beat_store_url');
  if (given !== undefined) {
    if (!canKeep(given)) throw unusable(given);
    return placeAt(given, setting);
  }
  const broker = textSetting(setting, 'broker_write_url') ?? textSetting(setting, 'broker_url');
  const url = [broker, textSetting(setting, 'result_backend')].find(
    each => each !== undefined && canKeep(each),
  );
  if (url !== undefined) return placeAt(url, setting);
  throw new ImproperlyConfigured(
    'A schedule that is shared needs beat_store_url, as "redis://localhost:6379/0" or ' +
      '"sqlite:///schedule.db": neither the broker nor the result backend is a Redis or an SQLite file.',
  );
}

/** @throws ImproperlyConfigured when `beat_store_url` is no SQLite file */
export function djangoPlace(setting: ReadSetting): SqliteLocation {
  const url = textSetting(setting, 'beat_store_url');
  const place = url === undefined ? undefined : placeOf(setting);
  if (place?.kind === 'sqlite') return place.location;
  throw new ImproperlyConfigured(
    'The tables of django-celery-beat are in the database of Django, which beat_store_url names, as ' +
      `"sqlite:///db.sqlite3"${url === undefined ? '' : `, and not ${JSON.stringify(maskUrl(url))}`}; no other kind is there yet.`,
  );
}

function placeAt(url: string, setting: ReadSetting): Place {
  if (SQLITE_SCHEMES.includes(schemeOf(url))) {
    return { kind: 'sqlite', location: parseSqliteUrl(fromAlias(url)) };
  }
  return { kind: 'redis', redis: redisPlace(url, setting) };
}

/** With the options of the broker or of the result backend, whose URL it is. */
export function redisPlace(url: string, setting: ReadSetting): RedisPlace {
  const isOfResults =
    url === textSetting(setting, 'result_backend') && url !== textSetting(setting, 'broker_url');
  const options = isOfResults ? 'result_backend_transport_options' : 'broker_transport_options';
  const useSsl = setting(isOfResults ? 'redis_backend_use_ssl' : 'broker_use_ssl');
  const urls = parseUrls(url);
  checkUrls(urls, Boolean(useSsl));
  return {
    urls,
    settings: {
      transportOptions: (setting(options) ?? {}) as Readonly<Record<string, unknown>>,
      connectTimeout: setting('broker_connection_timeout') as number,
      useSsl: useSsl as RedisSettings['useSsl'],
    },
  };
}

function unusable(url: string): ImproperlyConfigured {
  const hint = didYouMean(schemeOf(url), SCHEMES);
  return new ImproperlyConfigured(
    `beat_store_url ${JSON.stringify(maskUrl(url))} cannot keep a schedule.${hint} ` +
      `What can: ${SCHEMES.join(', ')}; an SQLite database has to be a file.`,
  );
}

function textSetting(setting: ReadSetting, name: string): string | undefined {
  const value = setting(name);
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
