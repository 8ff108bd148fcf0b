/**
 * From a `result_backend` setting to a result store; drivers load when they are needed, so that
 * nobody waits for those of others.
 */
import { ImproperlyConfigured } from '../base/errors.ts';
import { maskUrl } from '../base/text/mask-url.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { parseUrls } from '../drivers/url.ts';
import { checkUrls } from '../drivers/url-rules.ts';
import type { BackendOptions, ResultBackend } from './contract.ts';

type Maker = (url: string, options: BackendOptions) => Promise<ResultBackend>;

const memory: Maker = async (url, options) => {
  checkUrls(parseUrls(url), false);
  const { MemoryBackend } = await import('./memory.ts');
  return new MemoryBackend(url, options);
};
const redis: Maker = async (url, options) => {
  const { RedisBackend } = await import('./redis/backend.ts');
  return new RedisBackend(url, options);
};
const sqlite: Maker = async (url, options) => {
  const { SqliteBackend } = await import('./sqlite/backend.ts');
  return new SqliteBackend(url, options);
};
const rpc: Maker = async (url, options) => {
  checkUrls(parseUrls(url), false);
  const { RpcBackend } = await import('./rpc/backend.ts');
  return new RpcBackend(options);
};
const disabled: Maker = async url => {
  checkUrls(parseUrls(url), false);
  const { DisabledBackend } = await import('./disabled.ts');
  return new DisabledBackend();
};

const MAKERS: Readonly<Record<string, Maker>> = {
  'cache+memory': memory,
  memory,
  'db+sqlite': sqlite,
  'database+sqlite': sqlite,
  'db+sqlite+pysqlite': sqlite,
  redis,
  rediss: redis,
  'redis+socket': redis,
  socket: redis,
  sentinel: redis,
  rpc,
  disabled,
};

const AVAILABLE =
  'redis, rediss, redis+socket, sentinel, rpc, db+sqlite, cache+memory and disabled';

/** Celery's others, so that the answer is "not yet" rather than "unknown". */
const NOT_YET = new Set([
  ...['file', 'mongodb', 'mongodb+srv', 'elasticsearch', 'cassandra', 'couchbase'],
  ...['couchdb', 'cosmosdbsql', 'consul', 'dynamodb', 'azureblockblob', 'arangodb', 's3', 'gs'],
  ...['cache+memcached', 'cache+pylibmc', 'memcached', 'pylibmc'],
  ...['db+postgresql', 'db+mysql', 'db+oracle', 'db+mssql', 'db+mariadb'],
]);

/** Whether results are sent to the process that sent the task, which has to be listening by then. */
export function answersSender(url: string): boolean {
  return /^rpc(:\/\/|$)/i.test(url.trim());
}

/**
 * @param url `result_backend`: a URL or a bare name such as `redis`; empty is `disabled`
 * @throws ImproperlyConfigured for a scheme that does not exist or is not there yet
 */
export async function openBackend(url: string, options: BackendOptions): Promise<ResultBackend> {
  const full = expandAlias(url.trim(), options);
  const scheme = full.slice(0, Math.max(0, full.indexOf('://'))).toLowerCase();
  const make = Object.hasOwn(MAKERS, scheme) ? MAKERS[scheme] : undefined;
  if (make) return make(full, options);
  throw unavailable(scheme, full);
}

/** A bare name gets the rest of its URL from the settings of that backend. */
function expandAlias(url: string, { settings }: BackendOptions): string {
  if (url.includes('://')) return url;
  const alias = url.toLowerCase();
  if (alias === 'db' || alias === 'database') {
    return `db+${textSetting(settings, 'database_url', url)}`;
  }
  if (alias === 'cache') {
    const backend = settings.cache_backend ?? 'memory';
    const cache = String(backend);
    return `cache+${cache.includes('://') ? cache : `${cache}://`}`;
  }
  return alias === '' ? 'disabled://' : `${alias}://`;
}

function textSetting(
  settings: Readonly<Record<string, unknown>>,
  name: string,
  backend: string,
): string {
  const value = settings[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ImproperlyConfigured(
    `result_backend ${JSON.stringify(backend)} needs ${name}; or write the whole URL, as in "db+sqlite:///results.sqlite".`,
  );
}

function unavailable(scheme: string, url: string): ImproperlyConfigured {
  const shown = JSON.stringify(maskUrl(url));
  const base = scheme.split('+').slice(0, 2).join('+');
  if (NOT_YET.has(scheme) || NOT_YET.has(base)) {
    return new ImproperlyConfigured(
      `The result backend ${shown} is not in tscelery yet. Available: ${AVAILABLE}.`,
    );
  }
  if (base === 'amqp' || base === 'pyamqp' || base === 'amqps') {
    return new ImproperlyConfigured(
      `There is no result backend ${shown}: with results sent over the broker it is "rpc://".`,
    );
  }
  const known = [...Object.keys(MAKERS), ...NOT_YET];
  return new ImproperlyConfigured(
    `Unknown result backend ${shown}.${didYouMean(scheme, known)} Available: ${AVAILABLE}.`,
  );
}
