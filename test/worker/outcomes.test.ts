import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  MaxRetriesExceededError,
  NotRegistered,
  RemoteTaskError,
  SoftTimeLimitExceeded,
  TaskRevokedError,
  TimeLimitExceeded,
  WorkerLostError,
} from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  WORKER_APP_SOURCE,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  describe(`a task on ${surround === redisSurroundings ? 'Redis' : 'SQLite'}`, () => {
    let surroundings: Surroundings;
    let bench: WorkerBench;
    let finish: () => void;
    let finished: Promise<void>;

    before(async () => {
      surroundings = await surround();
      await new Promise<void>((ready, failed) => {
        finished = withWorker(surroundings, { appFile: WORKER_APP_SOURCE }, async started => {
          bench = started;
          ready();
          await new Promise<void>(resolve => {
            finish = resolve;
          });
        });
        finished.catch(failed);
      });
    });
    after(async () => {
      finish();
      await finished;
      await surroundings.stop();
    });

    const send = (name: string, args: unknown[] = [], options = {}) =>
      bench.app.sendTask(name, args, options);
    const get = async (name: string, args: unknown[] = [], options = {}) =>
      (await send(name, args, options)).get({ timeout: 20 });

    it('returns its value to the caller', async () => {
      assert.equal(await get('w.add', [1, 2]), 3);
    });

    it('carries values of every JSON type, dates and bytes there and back', async () => {
      const value = {
        text: 'ünïcødé ✓',
        list: [1, 2.5, null, true, [[]]],
        date: new Date('2026-01-02T03:04:05.006Z'),
        bytes: Buffer.from([0, 255, 1]),
        big: 2n ** 70n,
      };

      assert.deepEqual(await get('w.echo', [value]), value);
    });

    it('fails with the error its code threw, and its remote stack', async () => {
      const result = await send('w.fail', ['so sorry']);

      await assert.rejects(result.get({ timeout: 20 }), (error: Error) => {
        assert.ok(error instanceof TypeError);
        assert.equal(error.message, 'so sorry');
        assert.match(error.stack ?? '', /worker-app\.ts/);
        return true;
      });
      assert.equal(await result.state(), 'FAILURE');
      assert.match((await result.traceback()) ?? '', /worker-app\.ts/);
    });

    it('keeps the name of an error class that the caller does not know', async () => {
      await assert.rejects(get('w.overdraw'), (error: Error) => {
        assert.ok(error instanceof RemoteTaskError);
        assert.equal(error.name, 'Overdrawn');
        return true;
      });
    });

    it('logs an expected error at INFO and without a stack', async () => {
      const result = await send('w.overdraw');
      await assert.rejects(result.get({ timeout: 20 }));

      const line = await bench.worker.sees(new RegExp(`.*${result.id}. raised expected.*`));
      assert.match(line[0], /INFO\/ForkPoolWorker-\d+/);
    });

    it('binds keyword arguments to parameters by name', async () => {
      assert.equal(await get('w.add', [], { kwargs: { y: 2, x: 1 } }), 3);
      assert.equal(await get('w.options', [1], { kwargs: { z: 5 } }), 16);
    });

    it('fails like a Python function when a keyword argument fits no parameter', async () => {
      await assert.rejects(get('w.add', [1], { kwargs: { why: 2 } }), {
        name: 'TypeError',
        message: /unexpected keyword argument 'why'/,
      });
    });

    it('runs again after a retry, with the same id', async () => {
      const result = await send('w.retries', [2]);

      assert.equal(await result.get({ timeout: 20 }), 2);
      const retried = bench.worker.stderr.match(new RegExp(`${result.id}. retry: Retry in`, 'g'));
      assert.equal(retried?.length, 2);
    });

    it('fails with MaxRetriesExceededError when no retry is left', async () => {
      await assert.rejects(get('w.hopeless'), MaxRetriesExceededError);
    });

    it('stores nothing when it is ignored', async () => {
      const result = await send('w.ignored');

      await bench.worker.sees(new RegExp(`${result.id}. ignored`));
      assert.equal(await result.state(), 'PENDING');
    });

    it('is dropped by Reject and put back by Reject with requeue', async () => {
      const [dropped, back] = [bench.file(), bench.file()];
      await send('w.rejected', [dropped]);

      assert.equal(await get('w.requeued', [back]), 'second time');
      assert.deepEqual(await bench.lines(back), ['false', 'true']);
      assert.deepEqual(await bench.lines(dropped), ['rejected']);
    });

    it('shows the states it stores on its way, in order', async () => {
      const result = await bench.app.sendTask('w.progress', [], { countdown: 0.3 });
      const seen: unknown[] = [];

      const value = await result.get({
        timeout: 20,
        onMessage: meta => seen.push(meta.status === 'PROGRESS' ? meta.result : meta.status),
      });

      assert.equal(value, 'done');
      assert.equal(seen.at(-1), 'SUCCESS');
      if (surroundings.name === 'Redis') {
        assert.deepEqual(seen, [{ step: 1 }, { step: 2 }, { step: 3 }, 'SUCCESS']);
      }
    });

    it('knows its request, also after an await', async () => {
      const result = await send('w.whoAmI', [], { headers: { 'x-tenant': 'acme' } });

      const { pid, ...seen } = (await result.get({ timeout: 20 })) as Record<string, unknown>;
      assert.deepEqual(seen, {
        same: true,
        id: result.id,
        task: 'w.whoAmI',
        hostname: 'w1@test',
        headers: { 'x-tenant': 'acme' },
        routing_key: bench.queue,
        retries: 0,
      });
      assert.notEqual(pid, bench.worker.child.pid);
    });

    it('hands its root and its own id to the tasks it sends', async () => {
      const parent = await send('w.spawnIds');

      const child = bench.app.AsyncResult(String(await parent.get({ timeout: 20 })));
      assert.deepEqual(await child.get({ timeout: 20 }), { root: parent.id, parent: parent.id });
    });

    it('starts no earlier than its countdown says', async () => {
      const sent = performance.now();
      await get('w.add', [1, 1], { countdown: 0.4 });

      assert.ok(performance.now() - sent >= 395);
    });

    it('starts no earlier than its eta says', async () => {
      const eta = new Date(Date.now() + 400);
      await get('w.add', [1, 1], { eta });

      assert.ok(Date.now() >= eta.getTime());
    });

    it('that expired before it could start is revoked and never runs', async () => {
      const file = bench.file();
      const result = await send('w.work', [file, 'late', 0], {
        eta: new Date(Date.now() + 300),
        expires: new Date(Date.now() + 100),
      });

      await assert.rejects(result.get({ timeout: 20 }), TaskRevokedError);
      assert.equal(await result.state(), 'REVOKED');
      assert.deepEqual(await bench.lines(file), []);
    });

    it('of an unknown name fails with NotRegistered, and the log shows the message', async () => {
      const result = await send('w.unknown', [1, 'two']);

      await assert.rejects(result.get({ timeout: 20 }), NotRegistered);
      await bench.worker.sees(/Received unregistered task of type 'w\.unknown'/);
    });

    for (const name of ['eta', 'expires']) {
      it(`whose ${name} cannot be read fails, and the log says so`, async () => {
        // as older versions sent it
        const headers = { [name]: '+058877-11-12T09:57:00+00:00' };

        const result = await send('w.add', [1, 2], { headers });

        await assert.rejects(result.get({ timeout: 20 }), {
          name: 'InvalidTaskError',
          message: new RegExp(`${name} is '\\+058877.*not an ISO 8601 date`),
        });
        await bench.worker.sees(new RegExp(`Received invalid task message:.* ${name} is`));
      });
    }

    it('with a result that cannot be written fails and says why', async () => {
      await assert.rejects(get('w.unwritable'), { name: 'EncodeError', message: /function/ });
    });

    it('that kills its process fails with WorkerLostError, once', async () => {
      const file = bench.file();
      const result = await send('w.dies', [file]);

      await assert.rejects(result.get({ timeout: 20 }), WorkerLostError);
      assert.deepEqual(await bench.lines(file), ['dies']);
    });

    it('that exits its process fails with WorkerLostError naming the exit code', async () => {
      await assert.rejects(get('w.exits', [3]), (error: Error) => {
        assert.ok(error instanceof WorkerLostError);
        assert.match(error.message, /exitcode 3/);
        return true;
      });
    });

    it('with late acks and reject_on_worker_lost runs again when its process dies', async () => {
      const file = bench.file();

      assert.equal(await get('w.diesOnce', [file]), 'survived');
      assert.deepEqual(await bench.lines(file), ['run', 'run']);
    });

    it('that never yields is killed at its hard time limit', async () => {
      const result = await send('w.spins');

      await assert.rejects(result.get({ timeout: 20 }), TimeLimitExceeded);
      await bench.worker.sees(
        new RegExp(`Hard time limit \\(0\\.5s\\) exceeded for w\\.spins\\[${result.id}`),
      );
    });

    it('is told of its soft time limit and may clean up', async () => {
      assert.equal(await get('w.careful'), 'cleaned up');
      await assert.rejects(get('w.patient'), SoftTimeLimitExceeded);
      await bench.worker.sees(/Soft time limit \(0\.2s\) exceeded for w\.patient/);
    });

    it('stores STARTED when asked to', async () => {
      const file = bench.file();
      const result = await send('w.started', [file], { timeLimit: 2 });

      await eventually(async () => (await result.state()) === 'STARTED');
      await assert.rejects(result.get({ timeout: 20 }), TimeLimitExceeded);
    });

    it('leaves no result when the result is ignored, and get does not wait for it', async () => {
      const result = await send('w.add', [1, 1], { ignoreResult: true });

      assert.equal(await result.get(), undefined);
      await bench.worker.sees(new RegExp(`${result.id}. succeeded`));
      assert.equal(await bench.app.AsyncResult(result.id).state(), 'PENDING');
    });

    it('can be forgotten', async () => {
      const result = await send('w.add', [1, 2]);
      await result.get({ timeout: 20 });

      await result.forget();

      assert.equal(await result.state(), 'PENDING');
    });
  });
}
