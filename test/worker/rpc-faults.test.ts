/** Results over a RabbitMQ node that is not kind to its connections. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type AsyncResult, Celery } from '../../src/index.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { withWorker } from '../support/worker.ts';

const TASKS = 2000;
/** Of each task, so that there is something to disturb. */
const SECONDS = 0.004;

describe('results over RabbitMQ in trouble', () => {
  let surroundings: Awaited<ReturnType<typeof rabbitmqWithRpc>>;
  before(async () => {
    surroundings = await rabbitmqWithRpc();
  });
  after(() => surroundings.stop());

  /** Sends tasks that are acknowledged late, does harm, and expects every result. */
  async function through(harm: (server: typeof surroundings.server) => Promise<void>) {
    const settings = {
      result_persistent: true,
      task_publish_retry_policy: { max_retries: null, interval_max: 0.5 },
    };
    await withWorker(surroundings, { settings }, async ({ app, file }) => {
      const log = file();
      const sending = Array.from({ length: TASKS }, (_, i) =>
        app.sendTask('w.lateWork', [log, `n${i}`, SECONDS]),
      );
      await harm(surroundings.server);
      const results = (await Promise.all(sending)) as AsyncResult<string>[];

      const values = await Promise.all(results.map(result => result.get({ timeout: 120 })));

      assert.deepEqual(
        values,
        results.map((_, i) => `n${i}`),
      );
    });
  }

  it('are complete although every connection is closed by the broker again and again', () =>
    through(async server => {
      for (let round = 0; round < 4; round++) {
        await pause(1500);
        await server.eval('rabbit_networking:close_all_connections("harm").');
      }
    }));

  it('are complete although the broker is killed', () =>
    through(async server => {
      await pause(500);
      await server.restart();
    }));
});

describe('an app with results over a node that is paused', { timeout: 120_000 }, () => {
  it('closes soon, and can be used again', async t => {
    const node = await rabbitmqWithRpc();
    t.after(() => node.stop());
    const app = new Celery('client', { ...node.settings, task_default_queue: randomUUID() });
    t.after(() => app.close());
    await app.sendTask('w.add', [1, 2]);

    await node.server.pause();
    const from = performance.now();
    await app.close().finally(() => node.server.resume());
    const seconds = (performance.now() - from) / 1000;

    assert.ok(seconds < 12, `${seconds} s`);
    assert.ok(await app.sendTask('w.add', [3, 4]));
  });
});
