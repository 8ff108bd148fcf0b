import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { sharedRpc } from '../support/rpc-backend.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { backendContract } from './backend.contract.ts';

function contractOver(broker: string, url: (t: TestContext) => string): void {
  backendContract(`rpc over ${broker}`, async t => ({
    keepsFamily: true,
    keepsGroups: false,
    open: sharedRpc(t, url(t)),
  }));
}

let redis: RedisServer;
let folder: string;
before(async () => {
  redis = await startRedis();
  folder = await mkdtemp(join(tmpdir(), 'tscelery-rpc-'));
});
after(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

contractOver('memory', () => `memory://${randomUUID()}`);
contractOver('redis', () => redis.url);
contractOver('sqlite', () => `sqla+sqlite:///${join(folder, randomUUID())}`);
