/** Choosing and loading a transport by the scheme of its URL. */
import { ImproperlyConfigured } from '../base/errors.ts';
import { parseUrls, type ServerUrl, unknownScheme } from '../drivers/url.ts';
import { checkUrls } from '../drivers/url-rules.ts';
import type { Transport, TransportOptions } from './contract.ts';

type Maker = (
  urls: readonly [ServerUrl, ...ServerUrl[]],
  options: TransportOptions,
) => Promise<Transport>;

const openRedis: Maker = async (urls, options) => {
  const { createRedisTransport } = await import('./redis/transport.ts');
  return createRedisTransport(urls, options);
};

const openAmqp: Maker = async (urls, options) => {
  const { createAmqpTransport } = await import('./amqp/transport.ts');
  return createAmqpTransport(urls, options);
};

const openSqlite: Maker = async ([url], options) => {
  const { createSqliteTransport } = await import('./sqlite/transport.ts');
  return createSqliteTransport(url, options);
};

const openMemory: Maker = async ([url], options) => {
  const { createMemoryTransport } = await import('./memory/transport.ts');
  return createMemoryTransport(url, options);
};

/** Drivers are loaded on first use only: `--help` and the embedded broker never load ioredis. */
const MAKERS: Readonly<Record<string, Maker>> = {
  memory: openMemory,
  'sqla+sqlite': openSqlite,
  sqlite: openSqlite,
  redis: openRedis,
  rediss: openRedis,
  'redis+socket': openRedis,
  sentinel: openRedis,
  amqp: openAmqp,
  amqps: openAmqp,
  pyamqp: openAmqp,
  librabbitmq: openAmqp,
};

/** kombu's others, so that the answer is "not yet" rather than "unknown". */
const NOT_YET: readonly string[] = [
  ...['sqs', 'mongodb', 'mongodb+srv', 'beanstalk', 'zookeeper', 'filesystem', 'consul', 'etcd'],
  ...[
    'azurestoragequeues',
    'azureservicebus',
    'pyro',
    'slmq',
    'qpid',
    'gcpubsub',
    'confluentkafka',
  ],
  ...['sqla', 'sqlalchemy', 'sqla+postgresql', 'sqla+mysql', 'sqla+oracle', 'sqla+mssql'],
  'sqla+mariadb',
];

export const TRANSPORT_SCHEMES: readonly string[] = Object.keys(MAKERS);

/**
 * Makes the transport for a `broker_url` without connecting. Several URLs (`;`) are tried in turn with
 * Redis and AMQP, and are the sentinels with `sentinel://`; the others have one. Throws
 * ImproperlyConfigured for a URL that cannot be used, or has a part that would do nothing.
 */
export async function openTransport(url: string, options: TransportOptions): Promise<Transport> {
  const urls = parseUrls(url);
  const [{ scheme, masked }] = urls;
  const make = Object.hasOwn(MAKERS, scheme) ? MAKERS[scheme] : undefined;
  if (make) {
    checkUrls(urls, options.useSsl === true || typeof options.useSsl === 'object');
    return make(urls, options);
  }
  if (isNotYet(scheme)) {
    throw new ImproperlyConfigured(
      `The transport of ${JSON.stringify(masked)} is not in tscelery yet. Available: ${TRANSPORT_SCHEMES.join(', ')}.`,
    );
  }
  throw unknownScheme('transport', scheme, TRANSPORT_SCHEMES);
}

/** A driver may follow the database: `sqla+postgresql+psycopg2`. */
function isNotYet(scheme: string): boolean {
  return NOT_YET.includes(scheme) || NOT_YET.includes(scheme.split('+').slice(0, 2).join('+'));
}
