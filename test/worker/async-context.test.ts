/** What a call opens and leaves open does not live in the async context of that call. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Celery } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { redisSurroundings, type Surroundings, sqliteSurroundings } from '../support/worker.ts';

/** Whoever keeps one of these keeps the context that it was made in. */
const LASTING = /^(TCPWRAP|TCPCONNECTWRAP|PIPEWRAP|TLSWRAP|FSEVENTWRAP|STATWATCHER|Timeout)$/;
const request = new AsyncLocalStorage<string>();

/** What was made in a request since, and is still there. */
function leftIn(t: TestContext): () => string[] {
  const there = new Map<number, string>();
  const hook = createHook({
    init(id, type) {
      if (request.getStore() !== undefined && LASTING.test(type)) there.set(id, type);
    },
    destroy: id => void there.delete(id),
  }).enable();
  t.after(() => hook.disable());
  return () => [...there.values()];
}

for (const [name, make] of [
  ['Redis', redisSurroundings],
  ['SQLite', sqliteSurroundings],
  ['RabbitMQ with rpc://', rabbitmqWithRpc],
] as const) {
  describe(`a request that is the first to use ${name}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await make();
    });
    after(() => surroundings.stop());

    it('leaves no connection, timer or watcher that remembers it', async t => {
      const app = new Celery('client', {
        ...surroundings.settings,
        task_default_queue: randomUUID(),
      });
      t.after(() => app.close());
      const left = leftIn(t);

      await request.run('the first one', async () => {
        const sent = await app.sendTask('w.add', [1, 2]);
        assert.equal(request.getStore(), 'the first one');
        const waiting = sent.get({ timeout: 0.3 });
        await assert.rejects(waiting, { name: 'TimeoutError' });
        assert.equal(request.getStore(), 'the first one');
      });

      // what is on its way is over soon
      await eventually(() => assert.deepEqual(left(), []));
    });
  });
}
