/** Servers that let nobody in, or not into the database that was asked for. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openBackend } from '../../src/backends/open.ts';
import { waitForResult } from '../../src/backends/wait.ts';
import { queue } from '../../src/messaging/entities.ts';
import { DEFAULT_OPTIONS, meta } from '../contract/backend.contract.ts';
import { collect, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openRedis, toQueue } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startWorker } from '../support/worker.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
  const admin = server.client();
  await admin.acl('SETUSER', 'fixed', 'on', '>pw', '~*', '&*', '+@all', '-select');
  await admin.acl('SETUSER', 'open', 'on', 'nopass', '~*', '&*', '+@all');
});
after(() => server.stop());

/** URLs with which nobody may end up anywhere, and what is said about them. */
const REFUSED: readonly [string, string, RegExp][] = [
  ['a database that does not exist', '127.0.0.1:PORT/16', /out of range \(database 16\)/],
  ['a database for a user without SELECT', 'fixed:pw@127.0.0.1:PORT/3', /NOPERM.*\(database 3\)/],
  ['a wrong password', 'fixed:no@127.0.0.1:PORT/0', /WRONGPASS/],
  ['a user who is not known', 'nobody@127.0.0.1:PORT/0', /WRONGPASS/],
];
const urlOf = (rest: string) => `redis://${rest.replace('PORT', String(server.port))}`;

async function keysAnywhere(): Promise<string[]> {
  const info = await server.client().info('keyspace');
  return info.match(/^db\d+:/gm) ?? [];
}

async function openedBackend(t: TestContext, url: string) {
  const backend = await openBackend(url, DEFAULT_OPTIONS);
  t.after(() => backend.stop());
  return backend;
}

for (const [what, rest, reason] of REFUSED) {
  describe(what, () => {
    it('is refused to publishers and consumers, and nothing is written', async t => {
      const { transport } = openRedis(t, urlOf(rest));
      const refusal = (error: Error) => error.name === 'ChannelError' && reason.test(error.message);

      await assert.rejects(transport.publish(textMessage('x'), toQueue('q')), refusal);
      await assert.rejects(transport.declare(queue('q')), refusal);
      await assert.rejects(
        transport.consume([queue('q')], { prefetch: 1, onDeliveries() {} }),
        refusal,
      );

      assert.deepEqual(await keysAnywhere(), []);
    });

    it('is refused to the result backend at once', async t => {
      const backend = await openedBackend(t, urlOf(rest));
      const began = performance.now();

      await assert.rejects(backend.start(), reason);
      await assert.rejects(backend.store(meta('a', 'SUCCESS', 1)), reason);
      await assert.rejects(backend.fetch('a'), reason);
      await assert.rejects(waitForResult(backend, 'a'), reason);
      await assert.rejects(
        backend.subscribe('a', () => {}),
        reason,
      );

      assert.ok(performance.now() - began < 3000);
      assert.deepEqual(await keysAnywhere(), []);
    });
  });
}

describe('a user without a password', () => {
  it('is the one who connects', async t => {
    const { transport } = openRedis(t, urlOf('open@127.0.0.1:PORT/0'));
    const backend = await openedBackend(t, urlOf('open@127.0.0.1:PORT/0'));

    await Promise.all([transport.connect(), backend.start()]);

    const list = (await server.client().client('LIST')) as string;
    assert.equal(list.match(/ user=open /g)?.length, 2);
  });
});

describe('a worker', () => {
  it('does not start with a broker database that does not exist', async () => {
    const worker = startWorker({ broker_url: urlOf('127.0.0.1:PORT/99') });

    const { code, stderr } = await worker.ended();

    assert.equal(code, 1);
    assert.match(stderr, /DB index is out of range \(database 99\)/);
  });

  it('does not start with a result database that does not exist', async () => {
    const worker = startWorker({
      broker_url: urlOf('127.0.0.1:PORT/0'),
      result_backend: urlOf('127.0.0.1:PORT/99'),
    });

    const { code, stderr } = await worker.ended();

    assert.equal(code, 1);
    assert.match(stderr, /DB index is out of range \(database 99\)/);
  });
});

describe('a database that cannot be selected any more', () => {
  it('is waited for after a reconnect, and no other is used', async t => {
    const admin = server.client();
    await admin.acl('SETUSER', 'moody', 'on', '>pw', '~*', '&*', '+@all');
    const { transport, eventTypes } = openRedis(t, urlOf('moody:pw@127.0.0.1:PORT/5'));
    const got: string[] = [];
    await collect(transport, [queue('jobs')], 1, d => {
      got.push(String(d.message.body));
      void d.ack();
    });
    await admin.acl('SETUSER', 'moody', '-select');
    await admin.client('KILL', 'USER', 'moody');
    await eventually(() => eventTypes().filter(type => type === 'retrying').length > 1);

    await admin.lpush('jobs', 'nobody takes what is in another database');
    await assert.rejects(transport.publish(textMessage('x'), toQueue('jobs')), /database 5/);
    await admin.acl('SETUSER', 'moody', '+select');
    await eventually(() => transport.publish(textMessage('y'), toQueue('jobs')));

    await eventually(() => assert.equal(got.length, 1));
    assert.equal(await admin.del('jobs'), 1);
  });
});
