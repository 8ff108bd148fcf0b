/** A worker whose broker goes away, and one that goes away itself for a while. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { storedMessage } from '../../src/messaging/redis/intake/restore.ts';
import { markRedelivered } from '../../src/wire/messages/envelope.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

describe('a worker on Redis', () => {
  let surroundings: Surroundings;
  let server: RedisServer;
  before(async () => {
    surroundings = await redisSurroundings();
    server = await startRedis({ persistent: true });
  });
  after(async () => {
    await surroundings.stop();
    await server.stop();
  });

  it('consumes after twenty restarts of the broker within a minute', async () => {
    const settings = { broker_url: server.url, result_backend: server.url };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app, worker }) => {
      const began = performance.now();
      for (let restart = 0; restart < 20; restart++) {
        await server.restart();
        // now and then with the worker connected, now and then before it has found the server
        await new Promise(resolve => setTimeout(resolve, (restart % 5) * 300));
      }
      assert.ok(performance.now() - began < 60_000);

      const result = await app.sendTask('w.add', [1, 2], { retryPolicy: { maxRetries: null } });

      assert.equal(await result.get({ timeout: 20 }), 3);
      assert.match(worker.stderr, /consuming again: 1 queue\b/);
      assert.equal(worker.child.exitCode, null);
    });
  });

  it('connects again when the broker goes away while the worker starts', async t => {
    const proxy = await startTcpProxy(server.port);
    t.after(() => proxy.close());
    const steps = ['.pidbox', 'tscelery.unacked'];
    const cut: string[] = [];
    proxy.watch((bytes, from) => {
      const step = steps.find(name => !cut.includes(name) && bytes.includes(name));
      if (from === 'server' || step === undefined) return 'pass';
      cut.push(step);
      return 'reset';
    });
    const broker_url = server.url.replace(String(server.port), String(proxy.port));
    const settings = { broker_url, result_backend: server.url };

    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app, worker }) => {
      assert.deepEqual(cut, steps);
      assert.match(worker.stderr, /Cannot connect to .*\.\n.*Trying again in 2\.00 seconds/);
      assert.equal((await app.control.ping()).length, 1);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
    });
  });

  it('that was stopped for so long that it was taken for dead starts nothing that others have run', async () => {
    await withWorker(surroundings, { args: ['-c', '1'] }, async bench => {
      const { app, worker, file, lines, another, queue } = bench;
      const notes = file();
      // one runs, the others are held behind it
      const first = await app.sendTask('w.work', [notes, 'runs', 1]);
      await eventually(async () => assert.deepEqual(await lines(notes), ['runs']));
      const held = ['a', 'b', 'c'];
      for (const name of held) await app.sendTask('w.work', [notes, name, 0.01]);
      const late = await app.sendTask('w.lateWork', [notes, 'late', 0.01]);
      await worker.sees(/w\.lateWork\[\S+\] received/);

      worker.kill('SIGSTOP');
      await another(['-c', '1']);
      await eventually(
        async () => assert.deepEqual((await lines(notes)).sort(), ['a', 'b', 'c', 'late', 'runs']),
        { seconds: 40 },
      );
      worker.kill('SIGCONT');

      await worker.sees(/taken for dead/);
      assert.equal(await first.get({ timeout: 20 }), 'runs');
      assert.equal(await late.get({ timeout: 20 }), 'late');
      const again = Array.from({ length: 10 }, (_, n) => `again ${n}`);
      for (const name of again) await app.sendTask('w.work', [notes, name, 0.05]);
      await eventually(async () => {
        assert.deepEqual((await lines(notes)).sort(), [...held, ...again, 'late', 'runs'].sort());
      });
      // it consumes again, under the same name
      await worker.sees(
        /Task w\.work\[\S+\] received[\s\S]*taken for dead[\s\S]*Task w\.work\[\S+\] received/,
      );
      assert.match(worker.stderr, /not started here/);
      assert.equal(await (await app[INTERNALS].transport()).size(queue), 0);
    });
  });

  it('runs a task once that the broker delivers again while it runs', async () => {
    const options = { settings: { broker_url: server.url, result_backend: server.url } };
    await withWorker(surroundings, options, async ({ app, worker, file, lines, queue }) => {
      const notes = file();
      const client = server.client();
      const result = await app.sendTask('w.lateWork', [notes, 'once', 1]);
      await eventually(async () => assert.deepEqual(await lines(notes), ['once']));

      // what a Python worker with a shorter visibility timeout does
      const [[tag, value]] = Object.entries(await client.hgetall('unacked')) as [[string, string]];
      const text = markRedelivered(storedMessage(value)!.raw);
      await client
        .multi()
        .hdel('unacked', tag)
        .zrem('unacked_index', tag)
        .rpush(queue, text)
        .exec();
      await worker.sees(/w\.lateWork\[\S+\] received again; it is not started twice/);

      assert.equal(await result.get({ timeout: 20 }), 'once');
      await eventually(async () => {
        assert.equal(await client.hlen('unacked'), 0);
        assert.equal(await client.llen(queue), 0);
      });
      assert.deepEqual(await lines(notes), ['once']);
    });
  });

  it('lets running tasks go on when the connection is lost, unless it is told to cancel late-acked ones', async () => {
    for (const cancels of [false, true]) {
      const proxy = await startTcpProxy(server.port);
      const settings = {
        broker_url: server.url.replace(String(server.port), String(proxy.port)),
        result_backend: server.url,
        worker_cancel_long_running_tasks_on_connection_loss: cancels,
      };
      try {
        await withWorker(surroundings, { settings }, async ({ app, worker, file, lines }) => {
          const [late, early] = [file(), file()];
          const first = await app.sendTask('w.lateWork', [late, 'late', 2]);
          const second = await app.sendTask('w.work', [early, 'early', 2]);
          await eventually(async () => {
            assert.equal((await lines(late)).length + (await lines(early)).length, 2);
          });

          proxy.drop();
          await worker.sees(/Connection to broker lost/);

          if (cancels) {
            await worker.sees(
              /Cancelling w\.lateWork\[\S+\]: the connection to the broker was lost/,
            );
            await eventually(async () => assert.equal(await first.state(), 'RETRY'));
          }
          assert.equal(await first.get({ timeout: 20 }), 'late');
          assert.equal(await second.get({ timeout: 20 }), 'early');
          assert.deepEqual(await lines(late), cancels ? ['late', 'late'] : ['late']);
          assert.deepEqual(await lines(early), ['early']);
        });
      } finally {
        await proxy.close();
      }
    }
  });
});
