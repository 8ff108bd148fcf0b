/** Where the leader among beats is elected, by the scheme of a URL. */
import { ImproperlyConfigured } from '../../base/errors.ts';
import { maskUrl } from '../../base/text/mask-url.ts';
import { didYouMean } from '../../base/text/nearest.ts';
import { parseUrls, type ServerUrl } from '../../drivers/url.ts';
import { checkUrls } from '../../drivers/url-rules.ts';
import type { TransportOptions } from '../../messaging/contract.ts';
import type { Election } from './contract.ts';

export interface ElectionOptions {
  /** Of the connection, as brokers have them. */
  readonly settings: TransportOptions;
  /** Beats of one name elect one leader; others of the same server do not concern them. */
  readonly name: string;
  /** Seconds; default 12. */
  readonly lease?: number;
}

type Maker = (url: string, options: ElectionOptions) => Promise<Election>;

const redis: Maker = async (url, options) => {
  const { RedisElection } = await import('./redis.ts');
  return new RedisElection(checkedUrls(url, options), options);
};
const amqp: Maker = async (url, options) => {
  const { AmqpElection } = await import('./amqp.ts');
  return new AmqpElection(checkedUrls(url, options), options);
};
const sqlite: Maker = async (url, options) => {
  const { SqliteElection } = await import('./sqlite.ts');
  return new SqliteElection(url, options);
};

const MAKERS: Readonly<Record<string, Maker>> = {
  redis,
  rediss: redis,
  'redis+socket': redis,
  sentinel: redis,
  amqp,
  amqps: amqp,
  pyamqp: amqp,
  librabbitmq: amqp,
  sqlite,
  'sqla+sqlite': sqlite,
  'db+sqlite': sqlite,
};

function checkedUrls(
  url: string,
  { settings }: ElectionOptions,
): readonly [ServerUrl, ...ServerUrl[]] {
  const urls = parseUrls(url);
  checkUrls(urls, settings.useSsl === true || typeof settings.useSsl === 'object');
  return urls;
}

const schemeOf = (url: string) =>
  /^\s*([a-z][a-z0-9+.-]*)(:\/\/|\s*$)/i.exec(url)?.[1]?.toLowerCase();

/** Whether beats can elect their leader there. */
export function electsLeaders(url: string): boolean {
  return Object.hasOwn(MAKERS, schemeOf(url) ?? '');
}

/**
 * Not started yet.
 *
 * @param url as of a broker or a result backend: Redis, RabbitMQ or an SQLite file
 * @throws ImproperlyConfigured for what cannot elect, or cannot be used
 */
export async function openElection(url: string, options: ElectionOptions): Promise<Election> {
  const scheme = schemeOf(url) ?? '';
  const make = Object.hasOwn(MAKERS, scheme) ? MAKERS[scheme] : undefined;
  if (make) return await make(url, options);
  const names = Object.keys(MAKERS);
  throw new ImproperlyConfigured(
    `${JSON.stringify(maskUrl(url))} cannot elect a leader among beats.${didYouMean(scheme, names)} ` +
      `What can: ${names.join(', ')}.`,
  );
}
