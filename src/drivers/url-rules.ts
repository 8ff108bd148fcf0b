/**
 * Which parts of a URL count with which broker or result backend. What does not count is refused:
 * nobody writes a user, a database or an option to have it ignored.
 */

import { ImproperlyConfigured } from '../base/errors.ts';
import { didYouMean } from '../base/text/nearest.ts';
import { LONGEST_SECONDS, secondsHint } from '../base/time/seconds.ts';
import type { ServerUrl } from './url.ts';

type Part = 'user' | 'host' | 'port' | 'path';
/**
 * `tls`: text that counts with an encrypted connection only; `python`: what redis-py alone needs to
 * be told.
 */
type OptionKind = 'text' | 'seconds' | 'seconds or 0' | 'database' | 'tls' | 'python';

export interface UrlRules {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly options: Readonly<Record<string, OptionKind>>;
  readonly example: string;
  /** What the other URLs of a list may have of their own; undefined: there is no list. */
  readonly list?: 'everything' | 'address';
}

const REDIS_OPTIONS: UrlRules['options'] = {
  db: 'database',
  virtual_host: 'database',
  username: 'text',
  password: 'text',
  client_name: 'text',
  socket_timeout: 'seconds',
  socket_connect_timeout: 'seconds',
  health_check_interval: 'seconds or 0',
  ssl_cert_reqs: 'tls',
  ssl_ca_certs: 'tls',
  ssl_certfile: 'tls',
  ssl_keyfile: 'tls',
  ssl_check_hostname: 'tls',
  // how redis-py does what is always so here
  socket_keepalive: 'python',
  retry_on_timeout: 'python',
  max_connections: 'python',
};

const AMQP_OPTIONS: UrlRules['options'] = {
  heartbeat: 'seconds or 0',
  connect_timeout: 'seconds',
  login_method: 'text',
  ...Object.fromEntries(
    [
      ...['cert_reqs', 'ca_certs', 'certfile', 'keyfile', 'keyfile_password', 'ciphers'],
      ...['check_hostname', 'server_hostname'],
    ].flatMap(name => [
      [`ssl_${name}`, 'tls'],
      [name, 'tls'],
    ]),
  ),
  ssl_password: 'tls',
};

const REDIS: UrlRules = {
  name: 'Redis',
  parts: ['user', 'host', 'port', 'path'],
  options: REDIS_OPTIONS,
  example: 'redis://user:password@host:6379/0',
  list: 'everything',
};
const REDIS_SOCKET: UrlRules = {
  ...REDIS,
  name: 'a Redis socket',
  parts: ['user', 'path'],
  example: 'redis+socket:///run/redis.sock?virtual_host=0',
};
const SENTINEL: UrlRules = {
  ...REDIS,
  name: 'Redis sentinels',
  example: 'sentinel://one:26379/0;sentinel://two:26379',
  list: 'address',
};
const AMQP: UrlRules = {
  name: 'RabbitMQ',
  parts: ['user', 'host', 'port', 'path'],
  options: AMQP_OPTIONS,
  example: 'amqp://user:password@host:5672/vhost',
  list: 'everything',
};
const MEMORY: UrlRules = {
  name: 'memory',
  parts: ['host', 'path'],
  options: {},
  example: 'memory://',
};

/** By scheme. SQLite's URLs are SQLAlchemy's: `sqlite/location.ts` reads and checks them. */
export const URL_RULES: Readonly<Record<string, UrlRules>> = {
  redis: REDIS,
  rediss: REDIS,
  'redis+socket': REDIS_SOCKET,
  sentinel: SENTINEL,
  amqp: AMQP,
  amqps: AMQP,
  pyamqp: AMQP,
  librabbitmq: AMQP,
  memory: MEMORY,
  'cache+memory': { ...MEMORY, example: 'cache+memory://' },
  rpc: { name: 'rpc, which uses the broker', parts: [], options: {}, example: 'rpc://' },
  disabled: { name: 'disabled', parts: [], options: {}, example: 'disabled://' },
};

const ENCRYPTED: ReadonlySet<string> = new Set(['rediss', 'amqps']);
const ENCRYPTED_TWIN: Readonly<Record<string, string>> = {
  redis: 'rediss://',
  amqp: 'amqps://',
  pyamqp: 'amqps://',
  librabbitmq: 'amqps://',
};

/**
 * @param urls one URL, or the servers of a list
 * @param useTls `broker_use_ssl` and the like ask for encryption
 * @throws ImproperlyConfigured for a part or an option that would do nothing
 */
export function checkUrls(urls: readonly [ServerUrl, ...ServerUrl[]], useTls: boolean): void {
  const [first, ...others] = urls;
  for (const url of others) checkListed(url, first);
  for (const url of urls) {
    const rules = URL_RULES[url.scheme];
    if (rules) checkUrl(url, rules, useTls);
  }
}

function refuse(url: ServerUrl, what: string): never {
  throw new ImproperlyConfigured(`${what} (in ${JSON.stringify(url.masked)}).`);
}

function checkUrl(url: ServerUrl, rules: UrlRules, useTls: boolean): void {
  const given: Readonly<Record<Part, unknown>> = {
    user: url.username ?? url.password,
    host: url.host,
    port: url.port,
    path: url.path.replace(/^\/+/, '') || undefined,
  };
  for (const part of ['user', 'host', 'port', 'path'] as const) {
    if (given[part] === undefined || rules.parts.includes(part)) continue;
    refuse(url, `A ${part} has no effect with ${rules.name}; write it as in ${rules.example}`);
  }
  if (url.fragment !== '') refuse(url, 'A # in a URL is written %23; what follows it is lost');
  if (url.scheme === 'redis+socket' && given.path === undefined) {
    refuse(url, `The path of the socket is missing; write it as in ${rules.example}`);
  }
  for (const option of Object.entries(url.query)) checkOption(url, option, rules, useTls);
  checkTwice(url, given.path);
}

function checkOption(
  url: ServerUrl,
  [name, value]: readonly [string, string],
  rules: UrlRules,
  useTls: boolean,
): void {
  const { options } = rules;
  const names = Object.keys(options);
  const kind = Object.hasOwn(options, name) ? options[name]! : undefined;
  if (kind === undefined) {
    const known = names.length === 0 ? 'there are none' : `they are ${names.join(', ')}`;
    const hint = didYouMean(name, names) || ` In the URL of ${rules.name} ${known}.`;
    throw new ImproperlyConfigured(
      `Unknown option ${JSON.stringify(name)} in ${JSON.stringify(url.masked)}.${hint}`,
    );
  }
  if (kind === 'tls' && !useTls && !ENCRYPTED.has(url.scheme)) {
    const twin = ENCRYPTED_TWIN[url.scheme];
    refuse(
      url,
      `${name} needs an encrypted connection${twin ? `: write ${twin}` : ', which is off'}`,
    );
  }
  const wanted = WANTED[kind];
  if (wanted && !wanted.test(value)) {
    // the value of a number is no secret
    refuse(
      url,
      `${name} should be ${wanted.text}, not ${JSON.stringify(value)}.${secondsHint(Number(value))}`.replace(
        /\.$/,
        '',
      ),
    );
  }
}

const isDuration = (value: string) =>
  /^\d+(\.\d+)?$/.test(value) && Number(value) < LONGEST_SECONDS;
const WANTED: Partial<Record<OptionKind, { text: string; test: (value: string) => boolean }>> = {
  seconds: {
    text: 'a number of seconds above 0',
    test: value => isDuration(value) && Number(value) > 0,
  },
  'seconds or 0': { text: 'a number of seconds', test: isDuration },
  database: { text: 'a database number', test: value => /^\d+$/.test(value) },
};

/** The same said twice, in different words: which one counts nobody should have to know. */
function checkTwice(url: ServerUrl, path: unknown): void {
  const { db, virtual_host, username, password } = url.query;
  const isSocket = url.scheme === 'redis+socket';
  const databases = [isSocket ? undefined : path, db, virtual_host].filter(v => v !== undefined);
  const pairs = [
    ['database', databases],
    ['user', [url.username, username]],
    ['password', [url.password, password]],
  ] as const;
  for (const [what, values] of pairs) {
    const given = values.filter(value => value !== undefined);
    if (new Set(given).size > 1) refuse(url, `The ${what} is given twice`);
  }
}

/** One transport serves a whole list, so that what belongs to it has to be the same for all. */
function checkListed(url: ServerUrl, first: ServerUrl): void {
  const rules = URL_RULES[first.scheme];
  const own = URL_RULES[url.scheme];
  if (rules?.list === undefined) refuse(url, `With ${first.scheme} there is one URL, not a list`);
  if (own?.options !== rules.options || own.list !== rules.list) {
    refuse(url, `All URLs of a list need the same transport: this one is not ${first.scheme}`);
  }
  if (rules.list === 'address') checkSentinel(url, first);
  if (rules.options === REDIS_OPTIONS) checkClientOptions(url, first);
}

/** User, password, database and options are those of the first sentinel; saying them again is fine. */
function checkSentinel(url: ServerUrl, first: ServerUrl): void {
  const differs = (['username', 'password', 'path'] as const).find(
    part => url[part] !== undefined && url[part] !== '' && url[part] !== first[part],
  );
  const option = Object.keys(url.query).find(name => url.query[name] !== first.query[name]);
  const found = differs ?? option;
  if (found) refuse(url, `The ${found} of sentinels is that of the first URL; this one differs`);
}

function checkClientOptions(url: ServerUrl, first: ServerUrl): void {
  for (const name of CLIENT_OPTIONS) {
    if (url.query[name] === first.query[name]) continue;
    refuse(url, `${name} should be the same in all URLs of a list`);
  }
}

const CLIENT_OPTIONS = [
  'client_name',
  'socket_timeout',
  'socket_connect_timeout',
  'health_check_interval',
];

/** The options of a Redis URL that belong to the client: they go before those of the settings. */
export function redisClientOptionsIn(url: ServerUrl): Record<string, string | number> {
  return Object.fromEntries(
    CLIENT_OPTIONS.filter(name => url.query[name] !== undefined).map(name => {
      const value = url.query[name]!;
      return [name, REDIS_OPTIONS[name] === 'text' ? value : Number(value)];
    }),
  );
}
