import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maskIn, maskUrl, refusedValue } from '../../../../src/base/text/mask-url.ts';

describe('a URL without its password', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['redis://localhost:6379/0', 'redis://localhost:6379/0'],
    ['amqp://me:hush@h:5672//', 'amqp://me:**@h:5672//'],
    ['redis://:hush@h', 'redis://:**@h'],
    ['amqp://me@h', 'amqp://me@h'],
    ['amqp://me:@h', 'amqp://me:**@h'],
    ['amqp://me:hu@sh@h', 'amqp://me:**@h'],
    ['amqp://me:hu/sh@h/v', 'amqp://me:**@h/v'],
    ['amqp://me:hu?sh#@h', 'amqp://me:**@h'],
    ['amqp://me:a:b@h', 'amqp://me:**@h'],
    ['redis://[::1]:6379/0', 'redis://[::1]:6379/0'],
    ['redis://:hush@[::1]:6379', 'redis://:**@[::1]:6379'],
    ['sqlite:////data/a@b.db', 'sqlite:////data/a@b.db'],
    ['redis://h/0?password=hush&x=1', 'redis://h/0?password=**&x=1'],
    ['redis://h/0?x=1&ssl_key_password=hush', 'redis://h/0?x=1&ssl_key_password=**'],
    ['sqs://h?aws_secret_access_key=hush', 'sqs://h?aws_secret_access_key=**'],
    ['x://h?API_KEY=hush&apikey=hush', 'x://h?API_KEY=**&apikey=**'],
    ['  amqp://me:hush@h', '  amqp://me:**@h'],
    ['amqp://a:hush@h;redis://:hush@i', 'amqp://a:**@h;redis://:**@i'],
    ['amqp://a:hu;sh@h', 'amqp://a:**@h'],
    ['sentinel://:hush@a:1;sentinel://:hush@b:2', 'sentinel://:**@a:1;sentinel://:**@b:2'],
    ['no url at all', 'no url at all'],
    ['me:hush@h', 'me:hush@h'],
    ['', ''],
  ];
  for (const [url, expected] of rows) {
    it(`${JSON.stringify(url)} is ${JSON.stringify(expected)}`, () => {
      assert.equal(maskUrl(url), expected);
    });
  }

  it('has what was asked for in its place', () => {
    assert.equal(maskUrl('amqp://me:hush@h', '********'), 'amqp://me:********@h');
  });
});

describe('a text that quotes a URL', () => {
  const url = 'amqp://me:p%40ss%2Fw"d@h/v?token=t0ken';
  const texts = [
    'cannot reach amqp://me:p%40ss%2Fw"d@h',
    'user me with p@ss/w"d was refused',
    'tried p%40ss%2Fw%22d',
    'tried p%40ss%2fw%22d',
    '{"password":"p@ss/w\\"d"}',
    'with t0ken',
  ];
  for (const text of texts) {
    it(`keeps ${JSON.stringify(text)} to itself`, () => {
      const masked = maskIn(text, url);
      assert.ok(masked.includes('**'), masked);
      assert.doesNotMatch(masked, /p@ss|p%40ss|t0ken/);
    });
  }

  it('stays as it is when there is no password', () => {
    for (const url of ['redis://h', 'amqp://me@h', 'amqp://me:@h', 'nonsense']) {
      assert.equal(maskIn('me at h: refused', url), 'me at h: refused');
    }
  });

  it('is masked for passwords that are no legal encoding', () => {
    assert.equal(maskIn('with 100%', 'amqp://me:100%@h'), 'with **');
    assert.equal(maskIn('with \ud800', 'amqp://me:\ud800@h'), 'with **');
  });

  it('is masked for the longest spelling first', () => {
    assert.equal(maskIn('aab and a%61b', 'amqp://me:a%61b@h'), '** and **');
  });
});

describe('a value that was refused', () => {
  const rows: readonly (readonly [string, unknown, string])[] = [
    ['broker_url', 'amqp://me:hush@h', "'amqp://me:**@h'"],
    ['redis_password', 'hush', 'a string'],
    ['redis_password', 5, 'a number'],
    ['redis_password', null, 'None'],
    ['security_key', 'hush', 'a string'],
    ['task_key_prefix', 'hush', 'a string'],
    ['monkey', 'banana', "'banana'"],
    ['s3_secret_access_key', 'hush', 'a string'],
    ['auth_token', 'hush', 'a string'],
    ['anything', ['hush'], 'a list'],
    ['anything', { password: 'hush', host: 'h' }, 'a map with the keys password, host'],
    ['anything', {}, 'a map with the keys (none)'],
    ['worker_concurrency', -1, '-1'],
    ['worker_concurrency', undefined, 'None'],
    ['timezone', 'Europe/Atlantis', "'Europe/Atlantis'"],
  ];
  for (const [name, value, expected] of rows) {
    it(`of ${name} is shown as ${expected}`, () =>
      assert.equal(refusedValue(name, value), expected));
  }
});
