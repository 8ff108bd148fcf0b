import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { OperationalError } from '../../src/drivers/errors.ts';
import { queue } from '../../src/messaging/entities.ts';
import type { RedisTransport } from '../../src/messaging/redis/transport.ts';
import { collect, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openRedis, toQueue } from '../support/redis-transport.ts';
import { freePort, startRedis } from '../support/servers.ts';

async function temporaryDirectory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tscelery-redis-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

function startServer(t: TestContext, args: string[]): void {
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  t.after(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
}

/** Sends one message through the transport and takes it again. */
async function roundTrip(transport: RedisTransport): Promise<void> {
  const { reaches } = await collect(transport, [queue('work')], 1, d => void d.ack());
  await transport.publish(textMessage('x'), toQueue('work'));
  await reaches(1);
}

describe('kinds of Redis servers', () => {
  test('a unix socket with a password and a database works', async t => {
    const path = join(await temporaryDirectory(t), 'redis.sock');
    const server = await startRedis({ password: 'pw', args: ['--unixsocket', path] });
    t.after(() => server.stop());
    const { transport } = openRedis(t, `redis+socket://:pw@${path}?virtual_host=3`);

    await roundTrip(transport);

    const client = server.client();
    await client.select(3);
    assert.equal(await client.exists('_kombu.binding.work'), 1);
  });

  test('TLS works with a known certificate and is refused with an unknown one', async t => {
    const dir = await temporaryDirectory(t);
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
    try {
      execFileSync('openssl', [...request, '-keyout', key, '-out', cert, ...subject], {
        stdio: 'ignore',
      });
    } catch {
      return t.skip('openssl is not installed');
    }
    const port = await freePort();
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert];
    const tls = ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'];
    startServer(t, [...tls, ...files, '--save', '', '--dir', dir]);

    const known = openRedis(t, `rediss://localhost:${port}/0?ssl_ca_certs=${cert}`);
    await eventually(async () => {
      await known.transport.connect();
    });
    await roundTrip(known.transport);

    const unknown = openRedis(t, `rediss://localhost:${port}/0`);
    await assert.rejects(unknown.transport.connect(), (error: Error) => {
      assert.ok(error instanceof OperationalError);
      assert.match(error.message, /certificate/);
      return true;
    });
    const careless = openRedis(t, `rediss://localhost:${port}/0?ssl_cert_reqs=none`);
    await careless.transport.connect();
  });

  test('with sentinels the consumer follows a failover to the new master', async t => {
    const dir = await temporaryDirectory(t);
    const [master, replica] = [await startRedis(), await startRedis()];
    t.after(() => Promise.all([master.stop(), replica.stop()]));
    await replica.client().replicaof('127.0.0.1', String(master.port));
    const port = await freePort();
    const config = join(dir, 'sentinel.conf');
    await writeFile(
      config,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${dir}`,
        `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds mymaster 500',
        'sentinel failover-timeout mymaster 2000',
        '',
      ].join('\n'),
    );
    startServer(t, [config, '--sentinel']);
    const unused = await freePort();
    const url = `sentinel://127.0.0.1:${unused}/0;sentinel://127.0.0.1:${port}/0`;
    const transportOptions = { master_name: 'mymaster' };
    const { transport, eventTypes } = openRedis(t, url, { transportOptions });
    await eventually(async () => {
      await transport.connect();
    });
    // The sentinel must have found the replica before the master may die.
    const sentinel = new Redis({ host: '127.0.0.1', port });
    t.after(() => sentinel.disconnect());
    await eventually(async () => /slaves=1/.test(await sentinel.info('sentinel')), { seconds: 30 });
    const { reaches } = await collect(transport, [queue('work')], 1, d => void d.ack());
    await transport.publish(textMessage('before'), toQueue('work'));
    await reaches(1);

    await master.kill();
    await eventually(() => assert.equal(eventTypes().at(-1), 'consuming'), { seconds: 60 });
    await transport.publish(textMessage('after'), toQueue('work'));

    await reaches(2);
  });
});
