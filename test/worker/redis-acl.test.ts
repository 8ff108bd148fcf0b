/** Users of Redis who may touch only what has their prefix, or use no channel at all. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBackend } from '../../src/backends/open.ts';
import { DEFAULT_OPTIONS } from '../contract/backend.contract.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { type Surroundings, type WorkerBench, withWorker } from '../support/worker.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
  const admin = server.client();
  await admin.acl('SETUSER', 'pre', 'on', '>pw', '~pre:*', '&pre:*', '+@all');
  await admin.acl('SETUSER', 'mute', 'on', '>pw', '~*', 'resetchannels', '+@all');
});
after(() => server.stop());

const OPTIONS = { global_keyprefix: 'pre:' };

async function withUser(user: string, body: (bench: WorkerBench) => Promise<void>) {
  const url = `redis://${user}:pw@127.0.0.1:${server.port}/0`;
  const surroundings: Surroundings = {
    name: user,
    dir: '/nowhere',
    settings: {
      broker_url: url,
      result_backend: url,
      broker_transport_options: OPTIONS,
      result_backend_transport_options: OPTIONS,
    },
    stop: async () => {},
  };
  await withWorker(surroundings, { args: ['-P', 'solo'] }, body);
}

describe('a Redis user with a prefix for keys and channels', () => {
  it('has tasks, results and remote control, and no complaint', async () => {
    await withUser('pre', async ({ app, worker }) => {
      const result = await app.sendTask('w.add', [1, 2]);

      assert.equal(await result.get({ timeout: 20 }), 3);
      await app.control.revoke('x');
      await worker.sees(/Tasks flagged as revoked: x/);
      assert.doesNotMatch(worker.stderr, /NOPERM/);
    });
  });
});

describe('a Redis user without channels', () => {
  it('has a worker without remote control, which says what is missing', async () => {
    await withUser('mute', async ({ worker }) => {
      await worker.sees(
        /WARNING.*Remote control is off: .*NOPERM.*Its ACL needs &pre:\/0\.celery\.pidbox/,
      );
    });
  });

  it('has results: the worker says that they are not announced, the client polls', async () => {
    await withUser('mute', async ({ app, worker }) => {
      const results = await Promise.all([1, 2].map(n => app.sendTask('w.add', [n, n])));

      assert.deepEqual(await Promise.all(results.map(r => r.get({ timeout: 20 }))), [2, 4]);
      await worker.sees(/announce results.*can't publish.*Its ACL needs &pre:celery-task-meta-\*/);
    });
  });

  it('keeps groups', async t => {
    const url = `redis://mute:pw@127.0.0.1:${server.port}/0`;
    const backend = await openBackend(url, DEFAULT_OPTIONS);
    t.after(() => backend.stop());

    await backend.storeGroup('g', [['g', null], []]);

    assert.deepEqual(await backend.fetchGroup('g'), [['g', null], []]);
  });

  it('is told that a command could not be sent, and on which channel', async () => {
    await withUser('mute', async ({ app }) => {
      await assert.rejects(
        app.control.revoke('x'),
        /publishing to the channel pre:\/0\.celery\.pidbox: NOPERM/,
      );
    });
  });
});
