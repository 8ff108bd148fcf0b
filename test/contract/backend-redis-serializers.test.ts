/** The contract for documents that are not JSON, and what is particular to them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { BackendOptions } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { backendContract, DEFAULT_OPTIONS, meta } from './backend.contract.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

async function open(t: TestContext, options: Partial<BackendOptions>) {
  const backend = await openBackend(server.url, { ...DEFAULT_OPTIONS, ...options });
  t.after(() => backend.stop());
  return backend;
}

backendContract('redis, pickled,', async t => {
  const transportOptions = { global_keyprefix: randomUUID() };
  return {
    keepsFamily: true,
    open: options =>
      open(t, { transportOptions, serializer: 'pickle', accept: ['pickle'], ...options }),
  };
});

describe('redis results by serializer', () => {
  for (const [serializer, head] of [
    ['json', '{"status": "SUCCESS", "result": [1]'],
    ['yaml', '{"status": "SUCCESS", "result": [1]'],
    ['msgpack', '\x86\xa6status\xa7SUCCESS'],
    ['pickle', '\x80\x05}(\x8c\x06status'],
  ] as const) {
    it(`are stored as ${serializer}`, async t => {
      const id = randomUUID();
      const backend = await open(t, { serializer });

      await backend.store(meta(id, 'SUCCESS', [1]));

      const stored = await server.client().getBuffer(`celery-task-meta-${id}`);
      assert.equal(stored!.toString('latin1', 0, head.length), head);
      assert.deepEqual((await backend.fetch(id))?.result, [1]);
    });
  }

  it('are refused unless result_accept_content lists the serializer', async t => {
    const id = randomUUID();
    for (const [serializer, accept] of [
      ['yaml', ['json']],
      ['json', ['yaml']],
    ] as const) {
      const writer = await open(t, { serializer });
      await writer.store(meta(id, 'SUCCESS', 1));
      const reader = await open(t, { serializer, accept });

      await assert.rejects(reader.fetch(id), {
        name: 'BackendGetMetaError',
        message: new RegExp(`disabled content of type "application/(x-)?${serializer}"`),
      });
      await writer.forget(id);
    }
  });

  it('of an unknown serializer are refused with the nearest one', async t => {
    const backend = await open(t, { serializer: 'msgpak' });

    await assert.rejects(backend.store(meta('x', 'SUCCESS', 1)), {
      name: 'SerializerNotInstalled',
      message: /Did you mean "msgpack"/,
    });
  });

  it('keep SUCCESS when several processes store states at once', async t => {
    const ids = Array.from({ length: 20 }, () => randomUUID());
    const backends = await Promise.all(
      Array.from({ length: 4 }, () => open(t, { serializer: 'msgpack' })),
    );

    await Promise.all(
      backends.flatMap((backend, i) =>
        ids.flatMap(id => [
          backend.store(meta(id, 'STARTED', i)),
          backend.store(meta(id, i === 0 ? 'SUCCESS' : 'RETRY', i)),
          backend.store(meta(id, 'PROGRESS', i)),
        ]),
      ),
    );

    for (const id of ids) assert.equal((await backends[1]!.fetch(id))?.status, 'SUCCESS');
  });
});
