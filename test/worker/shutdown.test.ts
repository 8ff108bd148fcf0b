import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { WorkerLostError } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  withWorker,
} from '../support/worker.ts';

/** Where it is the worker that matters: each child costs as much to start as the worker. */
const ONE_CHILD = { args: ['-c', '1'] };

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  describe(`stopping a worker on ${surround === redisSurroundings ? 'Redis' : 'SQLite'}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('with TERM waits for what runs, gives back the rest and exits with 0', async () => {
      await withWorker(surroundings, {}, async ({ app, worker, file, lines, queue }) => {
        const notes = file();
        const names = ['a', 'b', 'c', 'd', 'e', 'f'];
        const results = [];
        for (const name of names) {
          results.push(await app.sendTask('w.lateWork', [notes, name, 1]));
        }
        await eventually(async () => (await lines(notes)).length === 2);

        worker.kill('SIGTERM');
        const { code, stdout } = await worker.ended();

        assert.equal(code, 0);
        assert.match(stdout, /worker: Warm shutdown \(MainProcess\)/);
        assert.equal(await results[0]!.get({ timeout: 1 }), 'a');
        assert.equal(await results[1]!.get({ timeout: 1 }), 'b');
        assert.deepEqual((await lines(notes)).sort(), ['a', 'b']);
        assert.equal(await (await app[INTERNALS].transport()).size(queue), 4);
      });
    });

    it('with INT is warm too and exits with 1', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, worker, file, lines }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'a', 0.5]);
        await eventually(async () => (await lines(notes)).length === 1);

        worker.kill('SIGINT');
        const { code, stdout } = await worker.ended();

        assert.equal(code, 1);
        assert.match(stdout, /Hitting Ctrl\+C again will initiate cold shutdown/);
        assert.equal(await result.get({ timeout: 1 }), 'a');
      });
    });

    it('with a second INT is cold: late-acked tasks go back, others fail', async () => {
      await withWorker(surroundings, {}, async ({ app, worker, file, lines, queue }) => {
        const [late, early] = [file(), file()];
        await app.sendTask('w.lateWork', [late, 'late', 60]);
        const lost = await app.sendTask('w.work', [early, 'early', 60]);
        await eventually(async () => {
          assert.equal((await lines(late)).length + (await lines(early)).length, 2);
        });

        worker.kill('SIGINT');
        await worker.sees(/Warm shutdown/);
        worker.kill('SIGINT');
        const { code } = await worker.ended();

        assert.equal(code, 1);
        assert.equal(await (await app[INTERNALS].transport()).size(queue), 1);
        await assert.rejects(lost.get({ timeout: 1 }), WorkerLostError);
      });
    });

    it('with QUIT is cold at once; another worker runs what was given back', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, worker, file, lines, another }) => {
        const notes = file();
        const result = await app.sendTask('w.lateWork', [notes, 'again', 1]);
        await eventually(async () => (await lines(notes)).length === 1);

        worker.kill('SIGQUIT');
        const { code } = await worker.ended();
        await another(ONE_CHILD.args);

        assert.equal(code, 0);
        assert.equal(await result.get({ timeout: 20 }), 'again');
        assert.deepEqual(await lines(notes), ['again', 'again']);
      });
    });

    for (const pool of ['solo', 'async']) {
      it(`with QUIT fails what ran in the worker's own process, ${pool}`, async () => {
        await withWorker(surroundings, { args: ['-P', pool] }, async bench => {
          const { app, worker, file, lines } = bench;
          const notes = file();
          const lost = await app.sendTask('w.work', [notes, 'early', 60]);
          await eventually(async () => assert.equal((await lines(notes)).length, 1));

          worker.kill('SIGQUIT');
          const { code } = await worker.ended();

          assert.equal(code, 0);
          await assert.rejects(lost.get({ timeout: 1 }), WorkerLostError);
        });
      });
    }

    it('with QUIT and a soft shutdown ends as soon as nothing runs', async () => {
      const settings = { worker_soft_shutdown_timeout: 25 };
      await withWorker(
        surroundings,
        { settings, ...ONE_CHILD },
        async ({ app, worker, file, lines, queue }) => {
          const notes = file();
          const names = ['a', 'b', 'c'];
          const results = [];
          for (const name of names) {
            results.push(await app.sendTask('w.lateWork', [notes, name, 1.5]));
          }
          await eventually(async () => assert.equal((await lines(notes)).length, 1));

          const began = performance.now();
          worker.kill('SIGQUIT');
          await worker.sees(/Initiating Soft Shutdown, terminating in 25 seconds/);
          const { code, stdout } = await worker.ended();

          assert.equal(code, 0);
          assert.ok(performance.now() - began < 15_000);
          assert.match(stdout, /worker: Cold shutdown \(MainProcess\)/);
          assert.equal(await results[0]!.get({ timeout: 1 }), 'a');
          assert.equal(await (await app[INTERNALS].transport()).size(queue), 2);
        },
      );
    });

    it('gives back what a soft shutdown had no time for; nothing else is said before', async () => {
      const settings = { worker_soft_shutdown_timeout: 1 };
      await withWorker(
        surroundings,
        { settings, ...ONE_CHILD },
        async ({ app, worker, file, lines, queue }) => {
          const notes = file();
          await app.sendTask('w.lateWork', [notes, 'a', 60]);
          await eventually(async () => assert.equal((await lines(notes)).length, 1));

          worker.kill('SIGQUIT');
          await worker.sees(/Initiating Soft Shutdown/);
          assert.doesNotMatch(worker.stdout, /Cold shutdown/);
          const { code, stdout } = await worker.ended();

          assert.equal(code, 0);
          assert.match(stdout, /worker: Cold shutdown \(MainProcess\)/);
          assert.equal(await (await app[INTERNALS].transport()).size(queue), 1);
        },
      );
    });

    it('a second QUIT does not wait for the end of a soft shutdown', async () => {
      const settings = { worker_soft_shutdown_timeout: 60 };
      await withWorker(
        surroundings,
        { settings, ...ONE_CHILD },
        async ({ app, worker, file, lines, queue }) => {
          const notes = file();
          await app.sendTask('w.lateWork', [notes, 'a', 60]);
          await eventually(async () => assert.equal((await lines(notes)).length, 1));

          worker.kill('SIGQUIT');
          await worker.sees(/Initiating Soft Shutdown/);
          worker.kill('SIGQUIT');
          const { code, stdout } = await worker.ended(20);

          assert.equal(code, 0);
          assert.match(stdout, /Waiting gracefully for cold shutdown to complete/);
          assert.equal(await (await app[INTERNALS].transport()).size(queue), 1);
        },
      );
    });

    it('gives back what waits for its eta', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, worker, queue }) => {
        const transport = await app[INTERNALS].transport();
        await app.sendTask('w.add', [1, 2], { countdown: 600 });
        await worker.sees(/w\.add\[.*received/);

        worker.kill('SIGTERM');
        await worker.ended();

        assert.equal(await transport.size(queue), 1);
      });
    });

    it('leaves no child behind when the worker itself is killed', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, worker }) => {
        const who = (await (await app.sendTask('w.whoAmI')).get({ timeout: 20 })) as {
          pid: number;
        };

        worker.kill('SIGKILL');
        await worker.ended();

        await eventually(() => {
          assert.throws(() => process.kill(who.pid, 0), { code: 'ESRCH' });
        });
      });
    });
  });
}

/** For what a slow machine takes its time for. */
const PATIENT = { seconds: 120 };

for (const surround of [redisSurroundings, sqliteSurroundings, rabbitmqSurroundings]) {
  describe(`stopping a busy worker on ${surround.name.replace('Surroundings', '')}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('loses none of very many short tasks, and starts none twice', async () => {
      const args = ['--prefetch-multiplier', '40'];
      await withWorker(
        surroundings,
        { args },
        async ({ app, worker, another, file, lines, queue }) => {
          const notes = file();
          const transport = await app[INTERNALS].transport();
          const names = Array.from({ length: 1600 }, (_, i) => String(i));
          await Promise.all(names.map(name => app.sendTask('w.work', [notes, name, 0])));

          let busy = worker;
          for (const left of [1200, 800, 400]) {
            await eventually(async () => assert.ok((await transport.size(queue)) < left), PATIENT);
            busy.kill('SIGTERM');
            const { code, stderr } = await busy.ended(PATIENT.seconds);
            assert.equal(code, 0);
            assert.doesNotMatch(stderr, /ERROR|WARNING|Error:/);
            const done = (await lines(notes)).length;
            assert.equal(done + (await transport.size(queue)), names.length);
            busy = await another(args);
          }

          await eventually(
            async () => assert.ok((await lines(notes)).length >= names.length),
            PATIENT,
          );
          assert.deepEqual(new Set(await lines(notes)), new Set(names));
          assert.equal((await lines(notes)).length, names.length);
        },
      );
    });
  });
}
