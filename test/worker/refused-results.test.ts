/** A result store that refuses for a while: no memory, no replica, a full disk. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { BackendStoreError } from '../../src/backends/errors.ts';
import { openBackend } from '../../src/backends/open.ts';
import { OperationalError } from '../../src/index.ts';
import { DEFAULT_OPTIONS, meta } from '../contract/backend.contract.ts';
import { textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { openRedis, toQueue } from '../support/redis-transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

let results: RedisServer;
before(async () => {
  results = await startRedis();
});
after(() => results.stop());

/** Each with the setting that makes the server refuse, and the one that ends it. */
const REFUSALS = [
  ['NOREPLICAS', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
  ['OOM', ['maxmemory', '1'], ['maxmemory', '0']],
] as const;
const set = ([name, value]: readonly [string, string]) =>
  results.client().config('SET', name, value);

async function redisBackend(t: TestContext, retry_policy = {}, settings = {}) {
  const transportOptions = { retry_policy };
  const options = { ...DEFAULT_OPTIONS, transportOptions, settings };
  const backend = await openBackend(results.url, options);
  t.after(() => backend.stop());
  return backend;
}

for (const [code, begin, end] of REFUSALS) {
  describe(`a server that answers ${code}`, () => {
    it('gets the result when it takes writes again', async t => {
      const backend = await redisBackend(t);
      const id = randomUUID();
      await backend.fetch(id);
      await set(begin);

      const storing = backend.store(meta(id, 'SUCCESS', 7));
      const early = await Promise.race([storing, new Promise(r => setTimeout(r, 500, 'waits'))]);
      await set(end);
      await storing;

      assert.equal(early, 'waits');
      assert.equal((await backend.fetch(id))?.result, 7);
    });

    it('is given up after retry_policy, with an error that may pass', async t => {
      const backend = await redisBackend(t, { max_retries: 2, interval_max: 0.01 });
      await set(begin);
      t.after(() => set(end));

      const failure = await backend.store(meta(randomUUID(), 'SUCCESS', 7)).catch(e => e);

      assert.ok(failure instanceof BackendStoreError && failure.recoverable);
      assert.match(failure.message, new RegExp(code));
    });

    it('fails a publish with OperationalError', async t => {
      const { transport } = openRedis(t, results.url);
      await set(begin);
      t.after(() => set(end));

      await assert.rejects(transport.publish(textMessage('x'), toQueue('q')), OperationalError);
    });
  });
}

describe('result_backend_always_retry', () => {
  it('retries result_backend_max_retries times', async t => {
    const backend = await redisBackend(t, undefined, {
      result_backend_always_retry: true,
      result_backend_max_retries: 2,
      result_backend_base_sleep_between_retries_ms: 1,
    });
    await set(['min-replicas-to-write', '1']);
    t.after(() => set(['min-replicas-to-write', '0']));

    await assert.rejects(backend.store(meta(randomUUID(), 'SUCCESS', 7)), /NOREPLICAS/);
  });
});

describe('a worker whose results are refused', () => {
  let broker: Surroundings;
  before(async () => {
    broker = await redisSurroundings();
  });
  after(() => broker.stop());

  it('gives a message with late acks back until its result is stored', async () => {
    const settings = {
      result_backend: results.url,
      result_backend_transport_options: { retry_policy: { max_retries: 1, interval_max: 0.1 } },
    };
    await withWorker(broker, { settings }, async ({ app, worker, file, lines }) => {
      const notes = file();
      await set(['min-replicas-to-write', '1']);
      const result = await app.sendTask('w.lateWork', [notes, 'ran', 0]);
      await worker.sees(/reject requeue=True: the result was not stored: .*NOREPLICAS/);
      await set(['min-replicas-to-write', '0']);

      assert.equal(await result.get({ timeout: 10 }), 'ran');
      assert.ok((await lines(notes)).length > 1);
    });
  });
});

describe('a file on a disk that is full', () => {
  it('gets the result when there is room again', async t => {
    const disk = mkdtempSync(join(tmpdir(), 'tscelery-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1024k', 'tmpfs', disk], {
        stdio: 'ignore',
      });
    } catch {
      return t.skip('only root may mount a file system of its own');
    }
    const backend = await openBackend(`db+sqlite:///${disk}/results.sqlite`, DEFAULT_OPTIONS);
    t.after(async () => {
      await backend.stop();
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true });
    });
    await backend.start();
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(900_000));
    const id = randomUUID();

    const storing = backend.store(meta(id, 'SUCCESS', 'x'.repeat(300_000)));
    const early = await Promise.race([storing, new Promise(r => setTimeout(r, 500, 'waits'))]);
    rmSync(join(disk, 'ballast'));
    await storing;

    assert.equal(early, 'waits');
    await eventually(async () => assert.equal((await backend.fetch(id))?.status, 'SUCCESS'));
  });
});
