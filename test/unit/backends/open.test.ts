import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendOptions } from '../../../src/backends/contract.ts';
import { openBackend } from '../../../src/backends/open.ts';

const OPTIONS: BackendOptions = {
  expires: 86_400,
  transportOptions: {},
  extended: false,
  settings: {},
};

async function messageOf(url: string, options: Partial<BackendOptions> = {}): Promise<string> {
  const error = await openBackend(url, { ...OPTIONS, ...options }).then(
    () => assert.fail(`${url} was accepted`),
    (reason: Error) => reason,
  );
  assert.equal(error.name, 'ImproperlyConfigured');
  return error.message;
}

describe('result_backend', () => {
  for (const [url, name, shown] of [
    ['redis', 'redis', 'redis://localhost:6379//'],
    ['redis://:pass@host/3', 'redis', 'redis://:**@host:6379/3'],
    ['rediss://host:6380/1', 'redis', 'rediss://host:6380/1'],
    ['redis+socket:///tmp/redis.sock', 'redis', 'redis+socket:///tmp/redis.sock'],
    ['socket:///tmp/redis.sock', 'redis', 'redis+socket:///tmp/redis.sock'],
    ['cache+memory://', 'memory', 'cache+memory://'],
    ['cache', 'memory', 'cache+memory://'],
    ['memory://', 'memory', 'memory://'],
    ['db+sqlite:///results.sqlite', 'database', 'db+sqlite:///results.sqlite'],
    ['disabled', 'disabled', 'disabled://'],
    ['', 'disabled', 'disabled://'],
  ] as const) {
    it(`${JSON.stringify(url)} opens the ${name} backend without connecting`, async () => {
      const backend = await openBackend(url, OPTIONS);

      assert.deepEqual([backend.name, backend.url], [name, shown]);
      await backend.stop();
    });
  }

  it('"database" takes its URL from database_url', async () => {
    const settings = { database_url: 'sqlite:///old.sqlite' };

    const backend = await openBackend('database', { ...OPTIONS, settings });

    assert.equal(backend.url, 'db+sqlite:///old.sqlite');
    assert.match(await messageOf('database'), /database_url/);
  });

  it('"redis" takes what its URL lacks from the redis_* settings', async () => {
    const settings = { redis_host: 'box', redis_port: 6390, redis_db: 4, redis_password: 'secret' };

    const backend = await openBackend('redis', { ...OPTIONS, settings });

    assert.equal(backend.url, 'redis://:**@box:6390/4');
  });

  for (const url of ['db+postgresql://u:secret@h/d', 'mongodb://h', 'file:///x']) {
    it(`${url} is refused as not available yet, with what is`, async () => {
      const message = await messageOf(url);

      assert.match(message, /is not in tscelery yet\. Available: redis,/);
      assert.doesNotMatch(message, /secret/);
    });
  }

  it('"rpc" needs an app, whose broker it uses', async () => {
    for (const url of ['rpc', 'rpc://'])
      assert.match(await messageOf(url), /only as part of an app/);
  });

  it('an amqp URL is answered with "rpc://"', async () => {
    const message = await messageOf('amqp://u:secret@h');

    assert.match(message, /no result backend "amqp:\/\/u:\*\*@h".* "rpc:\/\/"/);
  });

  it('names the nearest backend for a misspelt one and hides the password', async () => {
    const message = await messageOf('rediss+://u:secret@host');
    const other = await messageOf('reddis://u:secret@host');

    assert.match(
      other,
      /Unknown result backend "reddis:\/\/u:\*\*@host"\. Did you mean "rediss?"\?/,
    );
    assert.doesNotMatch(message + other, /secret/);
  });

  it('refuses a sentinel URL without master_name when it is used', async () => {
    const backend = await openBackend('sentinel://localhost:26379/0', OPTIONS);

    await assert.rejects(backend.start(), /result_backend_transport_options = \{master_name/);
    await backend.stop();
  });

  it('refuses table names that make no sense', async () => {
    for (const database_table_names of [{ tasks: 'x' }, { task: 7 }]) {
      const settings = { database_table_names };
      assert.match(await messageOf('db+sqlite:///x', { settings }), /database_table_names/);
    }
  });
});

describe('disabled result backend', () => {
  it('takes results and throws them away', async () => {
    const backend = await openBackend('disabled://', OPTIONS);

    await backend.start();
    await backend.store({
      task_id: 'id',
      status: 'SUCCESS',
      result: 1,
      traceback: null,
      children: null,
      date_done: null,
    });
    await backend.stop();
  });

  it('tells who asks for a result what to configure', async () => {
    const backend = await openBackend('disabled://', OPTIONS);

    for (const ask of [
      () => backend.fetch('id'),
      () => backend.subscribe('id', () => {}),
      () => backend.fetchGroup('id'),
    ]) {
      await assert.rejects(ask(), /^ImproperlyConfigured: No result backend is configured\. Set/);
    }
  });
});
