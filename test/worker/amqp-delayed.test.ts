/** Native delayed delivery: with quorum queues and topic exchanges RabbitMQ keeps what is due later. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { sharedRabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { lines, type Surroundings, startWorker, withWorker } from '../support/worker.ts';

let surroundings: Awaited<ReturnType<typeof sharedRabbitmqWithRpc>>;
before(async () => {
  surroundings = await sharedRabbitmqWithRpc();
});
after(() => surroundings.stop());

/** A quorum queue behind a topic exchange, the default of its app. */
function topical(settings: CeleryConfig = {}): CeleryConfig {
  const name = `q-${randomUUID().slice(0, 8)}`;
  return {
    task_default_queue: name,
    task_default_queue_type: 'quorum',
    task_default_exchange: `x-${name}`,
    task_default_exchange_type: 'topic',
    task_default_routing_key: `${name}.work`,
    worker_park_eta_after: null,
    ...settings,
  };
}

/** Starts with nothing declared in the broker. */
async function emptyBroker(): Promise<Surroundings> {
  const url = await surroundings.server.vhost();
  return { ...surroundings, settings: { broker_url: url, result_backend: 'rpc://' } };
}

describe('native delayed delivery', () => {
  it('keeps a message in the broker until it is due, and hides that it did', async () => {
    const settings = topical();
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, worker, file }) => {
        const notes = file();
        const transport = await app[INTERNALS].transport();
        const eta = new Date(Date.now() + 5600);

        const result = await app.sendTask('w.retriesIn', [notes, 0, 0], { eta });
        const waiting = await transport.size('celery_delayed_2');
        const log = worker.stderr + worker.stdout;

        assert.equal(waiting, 1);
        assert.doesNotMatch(log, /w\.retriesIn\[.*received/);
        assert.equal(await result.get({ timeout: 20 }), 0);
        assert.ok(Date.now() >= eta.getTime());
        const { task_default_exchange: to, task_default_routing_key: key } = settings;
        assert.deepEqual(await lines(notes), [`${to} ${key} `]);
      },
    );
  });

  it('delays each retry anew, however many there are', async () => {
    const settings = topical();
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app, file }) => {
      const notes = file();
      const started = performance.now();

      const result = await app.sendTask('w.retriesIn', [notes, 1.2, 3], { countdown: 1.2 });

      assert.equal(await result.get({ timeout: 30 }), 3);
      assert.ok(performance.now() - started >= 4 * 1200);
      const { task_default_exchange: to, task_default_routing_key: key } = settings;
      assert.deepEqual(await lines(notes), Array(4).fill(`${to} ${key} `));
    });
  });

  it('loses nothing that is sent before the first worker has started', async () => {
    const empty = await emptyBroker();
    const settings = { ...empty.settings, ...topical() };
    const app = new Celery('client', settings);
    try {
      const result = await app.sendTask('w.add', [1, 2], { countdown: 2 });
      const transport = await app[INTERNALS].transport();
      // it comes out of its delay while nobody listens
      await eventually(async () => {
        assert.equal(await transport.size(String(settings.task_default_queue)), 1);
      });
      const worker = startWorker(settings, ['-n', 'late@test']);
      try {
        assert.equal(await result.get({ timeout: 30 }), 3);
      } finally {
        worker.kill('SIGKILL');
        await worker.ended();
      }
    } finally {
      await app.close();
    }
  });

  it('can use classic queues to wait in', async () => {
    const empty = await emptyBroker();
    const settings = topical({ broker_native_delayed_delivery_queue_type: 'classic' });
    await withWorker(empty, { settings, args: ['-c', '1'] }, async ({ app }) => {
      const vhost = new URL(String(empty.settings.broker_url)).pathname.slice(1);
      const queues = await surroundings.server.queues(vhost);
      const delays = queues.filter(({ name }) => name.startsWith('celery_delayed_'));

      assert.equal(delays.length, 28);
      assert.ok(delays.every(({ type }) => type === 'classic'));
      const result = await app.sendTask('w.add', [1, 2], { countdown: 1.5 });
      assert.equal(await result.get({ timeout: 20 }), 3);
    });
  });

  it('leaves a direct exchange alone, and says so once', async () => {
    const settings = { task_default_queue_type: 'quorum' };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app, worker }) => {
      const warnings: string[] = [];
      const listen = ({ message }: Error) => void warnings.push(message);
      process.on('warning', listen);
      try {
        const eta = new Date(Date.now() + 3000);
        await app.sendTask('w.nothing', [], { eta });
        const result = await app.sendTask('w.add', [1, 2], { eta });

        await worker.sees(/w\.add\[.*\] received/);
        assert.ok(Date.now() < eta.getTime(), 'it waited in the broker');
        assert.equal(await result.get({ timeout: 20 }), 3);
        assert.ok(Date.now() >= eta.getTime());
        assert.equal(warnings.filter(each => each.includes('direct exchange')).length, 1);
      } finally {
        process.off('warning', listen);
      }
    });
  });

  it('is not used without a quorum queue, nor when detection is turned off', async () => {
    for (const more of [
      { task_default_queue_type: 'classic' },
      { worker_detect_quorum_queues: false },
    ]) {
      const empty = await emptyBroker();
      await withWorker(
        empty,
        { settings: topical(more), args: ['-c', '1'] },
        async ({ app, worker }) => {
          await app.sendTask('w.nothing', [], { countdown: 3600 });
          await worker.sees(/w\.nothing\[.*\] received/);

          const vhost = new URL(String(empty.settings.broker_url)).pathname.slice(1);
          const listed = await surroundings.server.eval(
            `rabbit_exchange:info_all(<<"${vhost}">>, [name]).`,
          );
          assert.match(listed, /"amq\.topic"/);
          assert.doesNotMatch(listed, /celery_delayed/);
        },
      );
    }
  });

  it('is not the reason for a worker not to start', async () => {
    const empty = await emptyBroker();
    const settings = topical();
    const other = new Celery('other', { ...empty.settings });
    try {
      const transport = await other[INTERNALS].transport();
      const { queue } = await import('../../src/messaging/entities.ts');
      await transport.declare(queue('celery_delayed_5'));
    } finally {
      await other.close();
    }
    await withWorker(empty, { settings, args: ['-c', '1'] }, async ({ app, worker }) => {
      await worker.sees(/Native delayed delivery is not set up/);

      const result = await app.sendTask('w.add', [1, 2], { countdown: 1.5 });

      assert.equal(await result.get({ timeout: 20 }), 3);
    });
  });
});
