import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { openBackend } from '../../../src/backends/open.ts';
import { ImproperlyConfigured } from '../../../src/base/errors.ts';
import { redisDatabase, redisUrlForPeople } from '../../../src/drivers/redis/client.ts';
import { parseUrl } from '../../../src/drivers/url.ts';
import { checkUrls, redisClientOptionsIn, URL_RULES } from '../../../src/drivers/url-rules.ts';
import { openTransport } from '../../../src/messaging/open.ts';
import { DEFAULT_OPTIONS } from '../../contract/backend.contract.ts';

const OPTIONS = { transportOptions: { master_name: 'm' }, connectTimeout: 4, useSsl: false };
const RESULTS = { ...DEFAULT_OPTIONS, transportOptions: { master_name: 'm' } };

const opened = async (url: string, use: 'broker' | 'results') => {
  if (use === 'broker') await (await openTransport(url, OPTIONS)).close();
  else await (await openBackend(url, RESULTS)).stop();
};
const REFUSED: readonly [url: string, said: RegExp][] = [
  ['redis://h/1e1', /not "1e1"/],
  ['redis://h/0x1', /not "0x1"/],
  ['redis://h/-1', /not "-1"/],
  ['redis://h/1.0', /not "1.0"/],
  ['redis://h/0?db=5', /database is given twice/],
  ['redis://h?db=5&db=6', /db is given twice/],
  ['redis://h?db=five', /db should be a database number, not "five"/],
  ['redis://me@h?username=you', /user is given twice/],
  ['redis://h?dbb=5', /"dbb".*Did you mean "db"\?/],
  ['redis://h?socket_timeut=5', /Did you mean "socket_timeout"\?/],
  ['redis://h?socket_timeout=1e3', /above 0, not "1e3"/],
  [
    `redis://h?socket_timeout=1${'0'.repeat(15)}`,
    /not "1000000000000000"\. It has to be below 1e11/,
  ],
  ['redis://h?zzzzzzzz=5', /In the URL of Redis they are db, virtual_host, /],
  ['redis://h?constructor=5', /Unknown option "constructor"/],
  ['redis://h?ssl_cert_reqs=none', /needs an encrypted connection: write rediss:/],
  ['redis://h/0#1', /# in a URL is written %23/],
  ['redis://h:1:2/0', /Invalid host in the URL "redis:..h:1:2/],
  ['redis://[]:1/0', /Invalid host/],
  ['rediss://h?ssl_cert_req=none', /Did you mean "ssl_cert_reqs"\?/],
  ['redis+socket://run/redis.sock', /host has no effect.*redis\+socket:\/\/\/run/],
  ['redis+socket://:6379/run/redis.sock', /port has no effect/],
  ['redis+socket://', /path of the socket is missing/],
  ['redis+socket:///s?virtual_host=1&db=2', /database is given twice/],
  ['sentinel://h?mastername=m', /Unknown option "mastername"/],
  ['sentinel://a/1;sentinel://b/2', /path of sentinels/],
  ['sentinel://:x@a;sentinel://:y@b', /password of sentinels/],
  ['sentinel://a;redis://b', /same transport.*not sentinel/],
  ['memory://user@x', /user has no effect/],
  ['memory://x:80', /port has no effect/],
  ['memory://x?a=1', /Unknown option "a".*there are none/],
];
const BROKER: typeof REFUSED = [
  ['amqp://h/vh?heartbea=3', /Did you mean "heartbeat"\?/],
  ['amqp://h/vh?heartbeat=0x3', /heartbeat should be a number of seconds, not "0x3"/],
  ['amqp://h?heartbeat=1795173964633', /below 1e11 .*milliseconds: 1795173964\.633\?/],
  ['amqp://h?connect_timeout=0', /connect_timeout should be .* above 0/],
  ['amqp://h?ssl_ca_certs=f', /write amqps:/],
  ['pyamqp://h/vh#1', /%23/],
  ['amqps://h?ssl_cert_req=none', /Did you mean "ssl_cert_reqs"\?/],
  ['amqp://a;redis://b', /same transport.*not amqp/],
  ['redis://a?client_name=x;redis://b', /client_name should be the same/],
  ['memory://a;memory://b', /one URL, not a list/],
  ['sqla+sqlite:///a;sqla+sqlite:///b', /one URL, not a list/],
  ['sqla+sqlite:///f?x=1', /Unknown option "x".*timeout, mode/],
  ['sqla+sqlite://h/f', /not a URL of an SQLite database/],
];
const BACKEND: typeof REFUSED = [
  ['rpc://host', /host has no effect with rpc/],
  ['rpc://u:p@', /user has no effect/],
  ['rpc:///vhost', /path has no effect/],
  ['rpc://?x=1', /Unknown option "x"/],
  ['disabled://x', /host has no effect/],
  ['cache+memory://?x=1', /Unknown option "x"/],
  ['redis://a;redis://b', /results have one server/],
  ['socket://run/redis.sock', /host has no effect/],
  ['db+sqlite:///f?x=1', /Unknown option "x"/],
  ['db+sqlite:///f?mode=wr', /should be ro .* or rwc/],
];

describe('a wrong or surplus part of a URL is refused', () => {
  const uses = [
    ['broker', [...REFUSED, ...BROKER]],
    ['results', [...REFUSED, ...BACKEND]],
  ] as const;
  for (const [use, rows] of uses) {
    for (const [url, said] of rows) {
      test(`${use}: ${url}`, async () => {
        await assert.rejects(opened(url, use), (error: Error) => {
          assert.ok(error instanceof ImproperlyConfigured);
          assert.match(error.message, said);
          return true;
        });
      });
    }
  }
});

describe('what a URL says is honoured', () => {
  test('every option of the table is taken, in a URL of its scheme', () => {
    const values: Record<string, string> = { text: 'x', tls: 'x', python: 'x' };
    for (const [scheme, { options }] of Object.entries(URL_RULES)) {
      for (const [name, kind] of Object.entries(options)) {
        const path = scheme === 'redis+socket' ? '/s' : '';
        checkUrls([parseUrl(`${scheme}://${path}?${name}=${values[kind] ?? '2'}`)], true);
      }
    }
  });

  test('the database, whichever way it is written', () => {
    for (const text of ['redis://h/5', 'redis://h?db=5', 'redis://h/5?db=5', 'redis://h/05']) {
      assert.equal(redisDatabase(parseUrl(text)), 5);
    }
    assert.equal(redisDatabase(parseUrl('sentinel://h?virtual_host=5')), 5);
    assert.equal(redisUrlForPeople(parseUrl('redis://h?db=5')), 'redis://h:6379/5');
  });

  test('options of the Redis client, as numbers where they are numbers', () => {
    const url = parseUrl('redis://h?socket_timeout=2.5&health_check_interval=0&client_name=7');

    assert.deepEqual(redisClientOptionsIn(url), {
      client_name: '7',
      socket_timeout: 2.5,
      health_check_interval: 0,
    });
  });

  test('sentinels may repeat what the first one says', async () => {
    await opened('sentinel://:p@a:1/2;sentinel://:p@b:1/2', 'broker');
    await opened('sentinel://:p@a:1/2;sentinel://b', 'results');
  });

  test('TLS options count when the settings ask for TLS', () => {
    checkUrls([parseUrl('redis://h?ssl_cert_reqs=none')], true);
  });

  test('docs/urls.md names every scheme and every option', () => {
    const text = readFileSync(new URL('../../../docs/urls.md', import.meta.url), 'utf8');
    const names = Object.entries(URL_RULES).flatMap(([scheme, { options }]) => [
      scheme,
      ...Object.keys(options).filter(name => !Object.hasOwn(options, `ssl_${name}`)),
    ]);
    for (const name of names) assert.ok(text.includes(`\`${name}\``), name);
  });
});
