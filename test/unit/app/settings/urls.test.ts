import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  brokerReadUrl,
  brokerUrl,
  brokerWriteUrl,
  EMBEDDED_BACKEND,
  EMBEDDED_BROKER,
  type Environment,
  isEmbedded,
  resultBackend,
  type UrlSettings,
} from '../../../../src/app/settings/urls.ts';
import { parseUrl } from '../../../../src/drivers/url.ts';

const NOTHING: UrlSettings = {
  ...{ broker_url: null, broker_read_url: null, broker_write_url: null, broker_transport: null },
  ...{ broker_host: null, broker_port: null, broker_user: null, broker_password: null },
  ...{ broker_vhost: null, result_backend: null },
};

type Given = Partial<UrlSettings>;

describe('the URL of a broker', () => {
  const rows: readonly (readonly [string, Given, Environment, string])[] = [
    ['is a file when nothing is said', {}, {}, EMBEDDED_BROKER],
    ['is what the settings say', { broker_url: 'redis://h' }, {}, 'redis://h'],
    [
      'is what the environment says, whatever the settings say',
      { broker_url: 'redis://h' },
      { CELERY_BROKER_URL: 'amqp://e' },
      'amqp://e',
    ],
    [
      'is not what an empty variable says',
      { broker_url: 'redis://h' },
      { CELERY_BROKER_URL: '' },
      'redis://h',
    ],
    ['is RabbitMQ when only results are configured', { result_backend: 'rpc://' }, {}, 'amqp://'],
    [
      'is RabbitMQ when only results are, in the environment',
      {},
      { CELERY_RESULT_BACKEND: 'rpc://' },
      'amqp://',
    ],
    [
      'is RabbitMQ when only reading is configured',
      { broker_read_url: 'redis://r' },
      {},
      'amqp://',
    ],
    [
      'gets its scheme from the transport',
      { broker_url: 'h:1/2', broker_transport: 'redis' },
      {},
      'redis://h:1/2',
    ],
    [
      'keeps a scheme of its own',
      { broker_url: 'amqp://h', broker_transport: 'redis' },
      {},
      'amqp://h',
    ],
    ['is made from a host', { broker_host: 'h' }, {}, 'amqp://h/'],
    ['is made from a transport', { broker_transport: 'redis' }, {}, 'redis://localhost/'],
  ];
  for (const [what, settings, env, expected] of rows) {
    test(what, () => assert.equal(brokerUrl({ ...NOTHING, ...settings }, env), expected));
  }

  test('is another one for reading or writing only where one is given', () => {
    const settings = { ...NOTHING, broker_url: 'redis://h', broker_read_url: 'redis://r' };
    assert.equal(brokerReadUrl(settings, {}), 'redis://r');
    assert.equal(brokerWriteUrl(settings, {}), 'redis://h');
    assert.equal(brokerReadUrl(settings, { CELERY_BROKER_READ_URL: 'redis://er' }), 'redis://er');
    assert.equal(brokerWriteUrl(settings, { CELERY_BROKER_WRITE_URL: 'redis://ew' }), 'redis://ew');
  });
});

describe('a URL that is made from parts', () => {
  const parts: readonly (readonly [string, Given, Record<string, unknown>])[] = [
    [
      'has user and password',
      { broker_user: 'me', broker_password: 'pw' },
      { username: 'me', password: 'pw' },
    ],
    ['has a password alone', { broker_password: 'pw' }, { password: 'pw' }],
    ['has a user alone', { broker_user: 'me' }, { username: 'me' }],
    [
      'has a user with a colon',
      { broker_user: 'a:b', broker_password: 'p' },
      { username: 'a:b', password: 'p' },
    ],
    [
      'has a user with a slash',
      { broker_user: 'a/b', broker_password: 'p' },
      { username: 'a/b', password: 'p' },
    ],
    [
      'has a user with an at sign',
      { broker_user: 'a@b', broker_password: 'p' },
      { username: 'a@b', password: 'p' },
    ],
    [
      'has signs of percent as they are',
      { broker_user: '5%41', broker_password: '%41' },
      { username: '5%41', password: '%41' },
    ],
    [
      'has any password',
      { broker_user: 'u', broker_password: 'p/@:?#%' },
      { username: 'u', password: 'p/@:?#%' },
    ],
    ['has a port', { broker_port: 6380 }, { port: 6380 }],
    ['has a virtual host', { broker_vhost: 'v' }, { path: 'v' }],
    ['has the virtual host of a single slash', { broker_vhost: '/' }, { path: '/' }],
    ['has a virtual host of several parts', { broker_vhost: 'a/b' }, { path: 'a/b' }],
    ['has a virtual host of odd signs', { broker_vhost: 'x?y#z 5%41' }, { path: 'x?y#z 5%41' }],
    [
      'has an address of IPv6',
      { broker_host: '::1', broker_port: 5672 },
      { host: '::1', port: 5672 },
    ],
    ['has one in brackets', { broker_host: '[::1]' }, { host: '::1' }],
    ['has a port beside the host', { broker_host: 'box:5673' }, { host: 'box', port: 5673 }],
  ];
  for (const [what, given, expected] of parts) {
    test(`${what}, as it was given`, () => {
      const url = brokerUrl({ ...NOTHING, broker_host: 'h', ...given }, {});
      const { scheme, username, password, host, port, path } = parseUrl(url);
      const found = { scheme, username, password, host, port, path };
      const rest = { scheme: 'amqp', username: undefined, password: undefined, port: undefined };
      assert.deepEqual(found, { ...rest, host: 'h', path: '', ...expected });
    });
  }

  test('shows no password, whatever the user is called', () => {
    const url = brokerUrl(
      { ...NOTHING, broker_host: 'h', broker_user: 'a/b', broker_password: 'hush' },
      {},
    );
    assert.ok(!parseUrl(url).masked.includes('hush'));
  });
});

describe('results', () => {
  const rows: readonly (readonly [string, Given, Environment, string | null])[] = [
    ['are in a file when nothing is said', {}, {}, EMBEDDED_BACKEND],
    ['are not kept with a broker alone', { broker_url: 'redis://h' }, {}, null],
    [
      'are not kept with a broker of the environment alone',
      {},
      { CELERY_BROKER_URL: 'redis://h' },
      null,
    ],
    ['are kept where the settings say', { result_backend: 'rpc://' }, {}, 'rpc://'],
    [
      'are kept where the environment says',
      { result_backend: 'rpc://' },
      { CELERY_RESULT_BACKEND: 'redis://e' },
      'redis://e',
    ],
  ];
  for (const [what, settings, env, expected] of rows) {
    test(what, () => assert.equal(resultBackend({ ...NOTHING, ...settings }, env), expected));
  }
});

describe('an app that has a file for a broker', () => {
  test('is one that is told of no server in any way', () => {
    assert.equal(isEmbedded(NOTHING, {}), true);
    const settings: Given[] = [
      ...[{ broker_url: 'x' }, { broker_read_url: 'x' }, { broker_write_url: 'x' }],
      ...[{ broker_transport: 'x' }, { broker_host: 'x' }, { result_backend: 'x' }],
    ];
    for (const each of settings) assert.equal(isEmbedded({ ...NOTHING, ...each }, {}), false);
    for (const name of ['BROKER_URL', 'BROKER_READ_URL', 'BROKER_WRITE_URL', 'RESULT_BACKEND']) {
      assert.equal(isEmbedded(NOTHING, { [`CELERY_${name}`]: 'x' }), false, name);
    }
  });
});
