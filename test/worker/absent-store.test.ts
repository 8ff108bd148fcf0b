/** A result store that is not there when a client asks it for the first time. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { openBackend } from '../../src/backends/open.ts';
import { type AsyncResult, BackendGetMetaError, Celery } from '../../src/index.ts';
import { DEFAULT_OPTIONS, meta } from '../contract/backend.contract.ts';
import { freePort, type RedisServer, startRedis } from '../support/servers.ts';

function resultIn(t: TestContext, result_backend: string, retry_policy?: object): AsyncResult {
  const app = new Celery('client', {
    broker_url: 'memory://',
    result_backend,
    result_backend_transport_options: retry_policy === undefined ? {} : { retry_policy },
  });
  t.after(() => app.close());
  return app.AsyncResult(randomUUID());
}

/** A server that is gone before anybody connects to it. */
async function goneRedis(t: TestContext): Promise<RedisServer> {
  const server = await startRedis();
  t.after(() => server.stop());
  await server.kill();
  return server;
}

const ASK = {
  state: (result: AsyncResult) => result.state(),
  get: (result: AsyncResult) => result.get(),
  forget: (result: AsyncResult) => result.forget(),
};

describe('a Redis for results that is not there', { concurrency: true }, () => {
  for (const [name, ask] of Object.entries(ASK)) {
    it(`is named by ${name}() after two seconds`, async t => {
      const port = await freePort();
      const start = performance.now();

      const error = await ask(resultIn(t, `redis://127.0.0.1:${port}`)).catch(e => e);

      const seconds = (performance.now() - start) / 1000;
      assert.ok(error instanceof BackendGetMetaError);
      assert.match(error.message, new RegExp(`connect ECONNREFUSED 127\\.0\\.0\\.1:${port}`));
      assert.ok(seconds > 1.5 && seconds < 10, `${seconds} s`);
    });
  }

  it('is given up at once when retry_policy says so', async t => {
    const result = resultIn(t, `redis://127.0.0.1:${await freePort()}`, { max_retries: 0 });
    const start = performance.now();

    await assert.rejects(result.state(), /ECONNREFUSED/);

    assert.ok(performance.now() - start < 1500);
  });

  it('is waited for as long as retry_policy says', async t => {
    const server = await goneRedis(t);
    const asked = resultIn(t, server.url, { max_retries: 200, interval_max: 0.1 }).state();
    const early = await Promise.race([asked, new Promise(r => setTimeout(r, 2500, 'waits'))]);
    await server.restart();

    assert.equal(early, 'waits');
    assert.equal(await asked, 'PENDING');
  });

  it('is waited for longer by what is to be stored', async t => {
    const server = await goneRedis(t);
    const backend = await openBackend(server.url, DEFAULT_OPTIONS);
    t.after(() => backend.stop());
    const id = randomUUID();
    const storing = backend.store(meta(id, 'SUCCESS', 7));
    const early = await Promise.race([storing, new Promise(r => setTimeout(r, 3500, 'waits'))]);
    await server.restart();
    await storing;

    assert.equal(early, 'waits');
    assert.equal((await backend.fetch(id))?.result, 7);
  });
});
