import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseUrl } from '../../../../src/drivers/url.ts';
import {
  amqpUrlForPeople,
  confirmTimeout,
  connectArguments,
  optionWarnings,
  virtualHost,
} from '../../../../src/messaging/amqp/options.ts';
import type { TransportOptions } from '../../../../src/messaging/contract.ts';
import { selfSigned } from '../../../support/certificates.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const DEFAULTS: TransportOptions = { transportOptions: {}, connectTimeout: 4, useSsl: false };
const read = (url: string, options: Partial<TransportOptions> = {}) =>
  connectArguments(parseUrl(url), { ...DEFAULTS, ...options });

const given = (transportOptions: Record<string, unknown>) => ({ ...DEFAULTS, transportOptions });

describe('an amqp URL', () => {
  test('has user, password, host, port and virtual host of Celery by default', () => {
    const { url, socket } = read('amqp://');

    assert.deepEqual([url.hostname, url.port, url.vhost], ['localhost', 5672, '%2F']);
    assert.equal(socket.credentials!.response().toString(), '\0guest\0guest');
  });

  test('names its virtual host as in kombu', () => {
    const hosts = [
      'amqp://h',
      'amqp://h/',
      'amqp://h//',
      'amqp://h/%2f',
      'amqp://h/a',
      'amqp://h//a',
    ];

    assert.deepEqual(
      hosts.map(url => virtualHost(parseUrl(url))),
      ['/', '/', '/', '/', 'a', '/a'],
    );
    assert.equal(read('amqp://h/a%2Fb c').url.vhost, 'a%2Fb%20c');
  });

  test('may have special characters in user and password', () => {
    const { socket } = read('amqp://us%40er:p%2F%3A%25@h');

    assert.equal(socket.credentials!.response().toString(), '\0us@er\0p/:%');
  });

  test('is shown without its password', () => {
    const shown = (url: string) => amqpUrlForPeople(parseUrl(url), false);

    assert.equal(shown('amqp://me:secret@h:5673/v'), 'amqp://me:**@h:5673/v');
    assert.equal(shown('pyamqp://[::1]'), 'pyamqp://guest:**@[::1]:5672//');
    assert.equal(shown('amqps://h/'), 'amqps://guest:**@h:5671//');
  });
});

describe('amqp settings', () => {
  test('the heartbeat is whole seconds, and none without the setting', () => {
    assert.equal(read('amqp://h', { heartbeat: 120 }).url.heartbeat, 120);
    assert.equal(read('amqp://h', { heartbeat: null }).url.heartbeat, 0);
    assert.equal(read('amqp://h?heartbeat=7', { heartbeat: 120 }).url.heartbeat, 7);
    assert.throws(() => read('amqp://h?heartbeat=often'), /number of seconds, not "often"/);
  });

  test('the time to connect may be longer than any timer', () => {
    const { socket } = read('amqp://', { connectTimeout: 3e9 });

    assert.equal((socket as { timeout?: number }).timeout, 2 ** 31 - 1);
  });

  test('the login method is one of three', () => {
    const mechanism = (loginMethod: string) =>
      read('amqp://h', { loginMethod }).socket.credentials!.mechanism;

    assert.equal(mechanism('AMQPLAIN'), 'AMQPLAIN');
    assert.equal(mechanism('external'), 'EXTERNAL');
    assert.throws(() => mechanism('PLAIM'), /"PLAIM" is none of .* Did you mean "PLAIN"/);
  });

  test('TLS options have their names in Python, with and without ssl_', t => {
    const { key, certificate } = selfSigned();
    const folder = temporaryProject(t, { 'key.pem': key, 'cert.pem': certificate });
    const [keyfile, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];

    const { url, socket } = read('amqp://h', {
      useSsl: { keyfile, ssl_certfile: cert, ca_certs: cert, cert_reqs: 0 },
    });

    assert.deepEqual([url.protocol, url.port], ['amqps', 5671]);
    assert.equal(socket.rejectUnauthorized, false);
    assert.ok(Buffer.isBuffer(socket.key) && Buffer.isBuffer(socket.cert));
    assert.ok(Buffer.isBuffer(socket.ca));
  });

  test('certificates are checked unless it is said otherwise', () => {
    assert.equal(read('amqps://h').socket.rejectUnauthorized, true);
    assert.equal(read('amqps://h?ssl_cert_reqs=none').socket.rejectUnauthorized, false);
    assert.throws(() => read('amqps://h?ssl_cert_reqs=nune'), /"nune".*Did you mean "none"/);
    assert.throws(
      () => read('amqps://h?ssl_keyfile=/none.pem'),
      /Cannot read keyfile "\/none.pem"/,
    );
  });

  test('a transport option that does nothing is told by name', () => {
    assert.deepEqual(optionWarnings({ confirm_publish: true, confirm_timeout: 3 }), []);
    assert.match(optionWarnings({ confirm_publsh: true })[0]!, /Did you mean confirm_publish/);
    assert.match(optionWarnings({ read_timeout: 3 })[0]!, /read_timeout has no effect with Rabbit/);
    assert.match(optionWarnings({ confirm_publish: false })[0]!, /always waits/);
  });

  test('a confirm_timeout that is no time is refused with the value received', () => {
    assert.throws(() => confirmTimeout(given({ confirm_timeout: '3' })), /above 0, not '3'/);
    for (const endless of [1e15, Number.POSITIVE_INFINITY]) {
      const message = /confirm_timeout .*It has to be below 1e11 seconds/;
      assert.throws(() => confirmTimeout(given({ confirm_timeout: endless })), { message });
    }
    assert.equal(confirmTimeout(given({ confirm_timeout: 0.5 })), 0.5);
    assert.equal(confirmTimeout(DEFAULTS), undefined);
  });
});
