import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ImproperlyConfigured } from '../../../src/base/errors.ts';
import { maskUrl } from '../../../src/base/text/mask-url.ts';
import { saferepr } from '../../../src/base/text/saferepr.ts';
import {
  redisClientOptions,
  redisDatabase,
  redisUrlForPeople,
} from '../../../src/drivers/redis/client.ts';
import { parseUrl, parseUrls } from '../../../src/drivers/url.ts';
import { openTransport } from '../../../src/messaging/open.ts';

const OPTIONS = { transportOptions: {}, connectTimeout: 4, useSsl: false } as const;
const CLIENT = { connectTimeout: 4 } as const;

describe('broker URL', () => {
  test('all parts are read and percent-decoded', () => {
    const url = parseUrl(
      'REDISS://user%40x:p%2Fa%3Ass@example.org:6380/3?ssl_cert_reqs=none&a=b+c',
    );

    assert.equal(url.scheme, 'rediss');
    assert.equal(url.username, 'user@x');
    assert.equal(url.password, 'p/a:ss');
    assert.equal(url.host, 'example.org');
    assert.equal(url.port, 6380);
    assert.equal(url.path, '3');
    assert.deepEqual(url.query, { ssl_cert_reqs: 'none', a: 'b c' });
    assert.doesNotMatch(url.masked, /p%2Fa/);
  });

  test('missing parts are undefined, the path is empty', () => {
    const { host, port, username, password, path, query } = parseUrl('memory://');

    assert.deepEqual(
      [host, port, username, password],
      [undefined, undefined, undefined, undefined],
    );
    assert.deepEqual([path, query], ['', {}]);
  });

  test('a file path keeps its leading slash when there are four', () => {
    assert.equal(parseUrl('sqla+sqlite:///celery.sqlite').path, 'celery.sqlite');
    assert.equal(parseUrl('sqla+sqlite:////var/lib/celery.sqlite').path, '/var/lib/celery.sqlite');
  });

  test('an IPv6 host, a password with @ and one with a stray % are understood', () => {
    assert.deepEqual(
      [parseUrl('redis://[::1]:7000/0').host, parseUrl('redis://[::1]:7000/0').port],
      ['::1', 7000],
    );
    assert.equal(parseUrl('redis://:p@ss@host').password, 'p@ss');
    assert.equal(parseUrl('redis://:100%@host').password, '100%');
  });

  test('a list is read in order, and a bare transport name is a URL', () => {
    const urls = parseUrls('redis://a ; redis://b:1;');

    assert.deepEqual(
      urls.map(url => url.host),
      ['a', 'b'],
    );
    assert.equal(parseUrls('memory')[0].scheme, 'memory');
  });

  test('a wrong port is named; a password is not, even when it makes the URL unreadable', () => {
    assert.throws(() => parseUrl('redis://host:63x79/0'), /Invalid port "63x79"/);
    for (const text of [
      'redis://:top/secret@host/0',
      'redis://:top#secret@host',
      'redis://u:to?p@h',
    ]) {
      assert.throws(
        () => parseUrl(text),
        (error: Error) => {
          assert.ok(error instanceof ImproperlyConfigured);
          assert.match(error.message, /percent-encoded/);
          assert.doesNotMatch(error.message, /top|secret/);
          return true;
        },
      );
    }
  });

  test('a ; in a password is part of it, and one without a URL behind it is refused', () => {
    const urls = parseUrls('amqp://guest:se;cret@a//;redis://:p;w@b/0;memory');

    assert.deepEqual(
      urls.map(url => url.password),
      ['se;cret', 'p;w', undefined],
    );
    assert.throws(() => parseUrls('redis://a:1;b:2'), /there should be a whole URL/);
  });

  test('no password is shown, whatever it is made of', () => {
    const signs = ';@#%/?:&=+ \n[]<>!$.~';
    const random = () => signs[Math.floor(Math.random() * signs.length)]!;
    for (let i = 0; i < 2000; i++) {
      const password = `Se1${random()}Se2${random()}Se3`;
      const scheme = ['redis', 'rediss', 'amqp', 'sentinel', 'redis+socket'][i % 5]!;
      const url = `${scheme}://user:${password}@host:1/0`;
      let said = maskUrl(`${url};${url}`);
      try {
        said += parseUrls(url)[0].masked + redisUrlForPeople(parseUrl(url));
      } catch (error) {
        said += (error as Error).message;
      }
      assert.doesNotMatch(said, /Se[123]/, JSON.stringify(url));
    }
  });

  test('text that is no URL is refused with an example', () => {
    assert.throws(() => parseUrl('localhost:6379'), /redis:\/\/localhost:6379\/0/);
    assert.throws(() => parseUrls(' ; '), ImproperlyConfigured);
  });
});

describe('opening a transport', () => {
  test('an unknown scheme is refused with the nearest known one', async () => {
    await assert.rejects(openTransport('nosuch://', OPTIONS), {
      name: 'ImproperlyConfigured',
      message: 'No such transport: nosuch',
    });
    await assert.rejects(openTransport('reddis://localhost', OPTIONS), /Did you mean "redis"/);
  });

  test("kombu's other transports are named as missing", async () => {
    const urls = ['sqs://k:secret@', 'sqla+postgresql+psycopg2://h/db', 'filesystem://'];

    for (const url of urls) {
      const message = await openTransport(url, OPTIONS).then(() => '', String);
      assert.match(message, /is not in tscelery yet\. Available: memory, sqla\+sqlite, /);
      assert.ok(!message.includes('secret'));
    }
  });

  test('Redis URLs give a Redis transport that is not connected', async () => {
    for (const url of ['redis://', 'rediss://h/1', 'redis+socket:///tmp/x.sock', 'redis']) {
      const transport = await openTransport(url, OPTIONS);

      assert.equal(transport.name, 'redis');
      assert.equal(transport.connected, false);
      await transport.close();
    }
  });

  test('a wrong option is refused with the value received', async () => {
    const wrong = [
      { visibility_timeout: -1 },
      { socket_timeout: Number.POSITIVE_INFINITY },
      { health_check_interval: 1e15 },
      { priority_steps: 'x' },
      { queue_order_strategy: 'fair' },
      { global_keyprefix: 5 },
    ];
    for (const transportOptions of wrong) {
      const [name, value] = Object.entries(transportOptions)[0]!;
      await assert.rejects(
        openTransport('redis://', { ...OPTIONS, transportOptions }),
        (error: Error) =>
          error instanceof ImproperlyConfigured &&
          error.message.includes(name) &&
          error.message.includes(saferepr(value)),
      );
    }
  });
});

describe('Redis URL', () => {
  const options = (text: string, more = {}) =>
    redisClientOptions(parseUrls(text), { ...CLIENT, ...more });

  test('the database is the path, or virtual_host with a unix socket', () => {
    assert.equal(redisDatabase(parseUrl('redis://h')), 0);
    assert.equal(redisDatabase(parseUrl('redis://h/7')), 7);
    assert.equal(redisDatabase(parseUrl('redis+socket:///run/redis.sock?virtual_host=2')), 2);
    assert.throws(() => redisDatabase(parseUrl('redis://:pw@h/seven')), /not "seven"/);
  });

  test('it is shown as Celery shows it', () => {
    const shown = (text: string) => redisUrlForPeople(parseUrl(text));

    assert.equal(shown('redis://'), 'redis://localhost:6379//');
    assert.equal(shown('redis://:pw@h:1/2'), 'redis://:**@h:1/2');
    assert.equal(shown('redis://me:pw@h/0'), 'redis://me:**@h:6379/0');
  });

  test('a unix socket is a path, with password and database', () => {
    const { path, password, db } = options('redis+socket://:pw@/run/redis.sock?virtual_host=2');

    assert.deepEqual([path, password, db], ['/run/redis.sock', 'pw', 2]);
  });

  test('rediss verifies certificates unless told otherwise', () => {
    assert.equal(options('rediss://h').tls?.rejectUnauthorized, true);
    assert.equal(options('rediss://h?ssl_cert_reqs=CERT_NONE').tls?.rejectUnauthorized, false);
    assert.equal(options('redis://h').tls, undefined);
    const useSsl = { ssl_cert_reqs: 'none' };
    assert.equal(options('redis://h', { useSsl }).tls?.rejectUnauthorized, false);
    const unprefixed = { cert_reqs: 'none', server_hostname: 'other', keyfile_password: 'p' };
    const { tls } = options('redis://h?password=q', { useSsl: unprefixed });
    assert.deepEqual(tls, { rejectUnauthorized: false, servername: 'other', passphrase: 'p' });
    assert.throws(() => options('rediss://h?ssl_cert_reqs=nono'), /ssl_cert_reqs "nono"/);
    assert.throws(() => options('rediss://h?ssl_ca_certs=/no/such/file'), /\/no\/such\/file/);
  });

  test('a list of sentinels needs the name of the master', () => {
    const text = 'sentinel://:pw@one:26379/2;sentinel://two';

    assert.throws(() => options(text), /master_name/);
    const { sentinels, name, password, db } = options(text, {
      masterName: 'mymaster',
      sentinelKwargs: { password: 'other' },
    });
    assert.deepEqual(sentinels, [
      { host: 'one', port: 26379 },
      { host: 'two', port: 26379 },
    ]);
    assert.deepEqual([name, password, db], ['mymaster', 'pw', 2]);
  });
});
