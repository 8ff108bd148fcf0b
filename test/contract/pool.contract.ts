import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { WorkerLostError } from '../../src/pool/errors.ts';
import { logFile, newPool, startedPool } from '../fixtures/pool-harness.ts';
import { eventually } from '../support/eventually.ts';

export interface PoolCapabilities {
  /** Running jobs can be ended from outside: killed with their child, or abandoned; or not at all. */
  readonly ends: 'by killing' | 'by abandoning' | 'never';
  /** There are children: their number can change, and they can be replaced. */
  readonly children: boolean;
}

/** What every pool promises. */
export function poolContract(kind: string, capabilities: PoolCapabilities): void {
  describe(`${kind} pool`, () => {
    test('every submitted job is announced once and answered once with its own reply', async t => {
      const h = await startedPool(t, kind);
      const numbers = Array.from({ length: 500 }, (_, i) => i);

      const answers = await Promise.all(numbers.map(n => h.run({ do: 'echo', value: n })));

      assert.deepEqual(
        answers.map(a => a.reply),
        numbers,
      );
      assert.equal(h.answers.length, 500);
      assert.equal(new Set(h.started.map(s => s.id)).size, 500);
      assert.equal(h.started.length, 500);
    });

    test('tells how its children are, and that it has none', async t => {
      const h = await startedPool(t, kind, { blockedAfter: 0.3 });
      const none = { wanted: 0, ready: 0, blocked: 0, launched: 0, lost: 0 };
      const well = { ...none, wanted: 1, ready: 1, launched: 1 };
      assert.deepEqual(h.pool.vitals(), capabilities.children ? well : none);
      if (!capabilities.children) return;

      const blocking = h.run({ do: 'block', ms: 1500 });
      await eventually(() => assert.deepEqual(h.pool.vitals(), { ...well, blocked: 1 }));
      await blocking;
      assert.deepEqual(h.pool.vitals(), well);

      await h.pool.restart();
      await eventually(() => assert.deepEqual(h.pool.vitals(), { ...well, launched: 2 }));
    });

    test('a single place starts jobs in the order they were submitted', async t => {
      const h = await startedPool(t, kind);
      const log = logFile(t);

      await Promise.all(
        [1, 2, 3, 4, 5, 6].map(value =>
          h.run({ do: 'sleep', ms: value % 2 ? 3 : 0, value, log: log.path }),
        ),
      );

      assert.deepEqual(log.lines(), ['1', '2', '3', '4', '5', '6']);
    });

    test('a single place runs one job at a time', async t => {
      const h = await startedPool(t, kind);
      const first = h.submit({ do: 'sleep', ms: 100 });
      h.submit({ do: 'echo' });

      await eventually(() => h.answers.length === 2);

      assert.equal(h.answers[0]!.id, first);
    });

    test('a long job is announced while it runs', async t => {
      const h = await startedPool(t, kind);
      const id = h.submit({ do: 'sleep', ms: 1000 });

      await eventually(() => h.started.length === 1);

      assert.deepEqual(h.started, [{ id, pid: h.pool.pids[0] }]);
      assert.equal(h.answers.length, 0);
    });

    test('room shrinks with each submitted job and is announced when it comes back', async t => {
      const h = await startedPool(t, kind, { prefetchPerChild: 2 });
      assert.equal(h.pool.size, 1);
      assert.equal(h.pool.free, 3);

      for (let i = 0; i < 3; i++) h.submit({ do: 'sleep', ms: 5 });

      assert.equal(h.pool.free, 0);
      assert.throws(() => h.submit('one too many'), RangeError);
      await eventually(() => h.answers.length === 3);
      assert.equal(h.pool.free, 3);
      assert.ok(h.rooms >= 1);
    });

    test('a job that passes its soft limit is aborted with SoftTimeLimitExceeded', async t => {
      const h = await startedPool(t, kind);

      const answer = await h.run({ do: 'untilSoft' }, { softTimeLimit: 0.1 });

      assert.deepEqual(answer.reply, { name: 'SoftTimeLimitExceeded', limit: 0.1 });
      assert.deepEqual(h.softTimeouts, [{ id: answer.id, seconds: 0.1 }]);
    });

    test("the pool's soft limit holds for jobs that bring none", async t => {
      const h = await startedPool(t, kind, { softTimeLimit: 0.1 });

      const answer = await h.run({ do: 'untilSoft' });

      assert.deepEqual(answer.reply, { name: 'SoftTimeLimitExceeded', limit: 0.1 });
    });

    test('the soft limit of a job that ended in time is not reported', async t => {
      const h = await startedPool(t, kind);

      await h.run({ do: 'echo' }, { softTimeLimit: 0.05 });
      await h.run({ do: 'sleep', ms: 120 });

      assert.deepEqual(h.softTimeouts, []);
    });

    test('a runner that throws fails the job and is logged', async t => {
      const h = await startedPool(t, kind);

      const answer = await h.run({ do: 'throw', value: 'boom' });

      assert.ok(answer.error instanceof WorkerLostError);
      assert.equal(answer.error.message, 'runner failed: Error: boom');
      assert.match(h.logs.join('\n'), /^error: .*runner failed: Error: boom/);
      assert.equal((await h.run({ do: 'echo', value: 'next' })).reply, 'next');
    });

    test('a released job leaves its place to the next one before it is answered', async t => {
      const h = await startedPool(t, kind);
      h.submit({ do: 'release', ms: 300, value: 'slow' });

      const second = await h.run({ do: 'echo', value: 'fast' });

      assert.equal(second.reply, 'fast');
      assert.equal(h.answers.length, 1);
      assert.equal((await h.answerTo(1)).reply, 'slow');
    });

    test('a soft limit does not reach a job that has released its place', async t => {
      const h = await startedPool(t, kind);

      const answer = await h.run({ do: 'release', ms: 200, value: 1 }, { softTimeLimit: 0.05 });

      assert.equal(answer.reply, 1);
      assert.deepEqual(h.softTimeouts, []);
    });

    test('recall takes back the jobs that have not started, and nothing is called for them', async t => {
      const h = await startedPool(t, kind);
      const log = logFile(t);
      const running = h.submit({ do: 'sleep', ms: 150, value: 'running', log: log.path });
      await eventually(() => h.started.length === 1);
      const waiting = [1, 2, 3].map(value => h.submit({ do: 'echo', value, log: log.path }));

      const recalled = await h.pool.recall();

      assert.deepEqual(recalled, waiting);
      await h.answerTo(running);
      await h.run({ do: 'echo' });
      assert.deepEqual(log.lines(), ['running']);
      assert.equal(h.answers.length, 2);
    });

    test('a job that has not started can be terminated', async t => {
      const h = await startedPool(t, kind);
      const running = h.submit({ do: 'sleep', ms: 100 });
      await eventually(() => h.started.length === 1);
      const waiting = h.submit({ do: 'echo' });

      assert.equal(h.pool.terminate(waiting), true);

      assert.equal((await h.answerTo(waiting)).error?.code, 'TERMINATED');
      assert.equal((await h.answerTo(running)).error, undefined);
      assert.ok(h.started.every(s => s.id !== waiting));
    });

    test('terminating a job that is not here changes nothing', async t => {
      const h = await startedPool(t, kind);
      const { id } = await h.run({ do: 'echo' });

      assert.equal(h.pool.terminate(id), false);
      assert.equal(h.pool.terminate(12_345), false);
    });

    test('a signal that does not exist is refused, and nothing has changed', async t => {
      const h = await startedPool(t, kind);
      const running = h.submit({ do: 'sleep', ms: 100, value: 1 });
      await eventually(() => h.started.length === 1);

      assert.throws(() => h.pool.terminate(running, 'SIGFOO' as NodeJS.Signals), {
        name: 'TypeError',
        message: /"SIGFOO"/,
      });

      assert.equal((await h.answerTo(running)).reply, 1);
      assert.equal((await h.run({ do: 'echo', value: 2 })).reply, 2);
    });

    test('drain waits for all jobs and stops the runner', async t => {
      const journal = logFile(t);
      const h = await startedPool(t, kind, { runnerConfig: { journal: journal.path } });
      h.submit({ do: 'sleep', ms: 100, value: 1 });
      h.submit({ do: 'release', ms: 100, value: 2 });
      h.submit({ do: 'echo', value: 3 });

      await h.pool.drain();

      assert.deepEqual(h.answers.map(a => a.reply).sort(), [1, 2, 3]);
      assert.deepEqual(
        journal.lines().map(line => line.split(' ')[0]),
        ['start', 'stop'],
      );
      assert.equal(h.pool.free, 0);
    });

    test('stop ends at once and calls nothing for the jobs that were there', async t => {
      const h = await startedPool(t, kind);
      h.submit({ do: 'sleep', ms: 300 });
      h.submit({ do: 'echo' });
      await eventually(() => h.started.length === 1);

      const before = performance.now();
      await h.pool.stop();

      assert.ok(performance.now() - before < 280);
      await new Promise(resolve => setTimeout(resolve, 350)); // the job would have ended by now
      assert.equal(h.answers.length, 0);
    });

    test('a pool can be stopped before it starts, while it starts and twice', async t => {
      const never = newPool(t, kind);
      await never.pool.stop();
      await never.pool.stop();

      const starting = newPool(t, kind);
      const start = starting.pool.start().catch(() => {});
      await starting.pool.stop();
      await start;

      assert.equal(starting.pool.free, 0);
    });

    test('a runner that cannot be loaded fails the start with its own error text', async t => {
      const runnerUrl = new URL('../fixtures/pool-broken-runner.ts', import.meta.url);
      const h = newPool(t, kind, { runnerUrl });

      await assert.rejects(h.pool.start(), /this runner cannot be loaded/);
    });

    test('info tells what inspect stats shows', async t => {
      const h = await startedPool(t, kind);

      const info = h.pool.info();

      assert.equal(info['max-concurrency'], 1);
      assert.deepEqual(info.processes, h.pool.pids);
    });

    if (capabilities.ends === 'never') {
      test('terminating a running job is refused', async t => {
        const h = await startedPool(t, kind);
        const id = h.submit({ do: 'sleep', ms: 100 });
        await eventually(() => h.started.length === 1);

        assert.equal(h.pool.terminate(id), false);

        assert.equal((await h.answerTo(id)).error, undefined);
      });

      test('a hard limit that cannot be enforced is reported at the start', async t => {
        const h = await startedPool(t, kind, { timeLimit: 5 });

        assert.match(h.logs.join('\n'), /^warning: .*hard time limits/);
      });
    } else {
      test('a running job that is terminated fails, and its place is free', async t => {
        const h = await startedPool(t, kind);
        const id = h.submit({ do: 'sleep', ms: 60_000 });
        await eventually(() => h.started.length === 1);

        assert.equal(h.pool.terminate(id), true);

        assert.equal((await h.answerTo(id)).error?.code, 'TERMINATED');
        assert.equal((await h.run({ do: 'echo', value: 1 })).reply, 1);
      });

      test('a job that passes its hard limit fails, and its place is free', async t => {
        const h = await startedPool(t, kind);

        const { error } = await h.run({ do: 'sleep', ms: 60_000 }, { timeLimit: 0.2 });

        assert.equal(error?.code, 'TIME_LIMIT');
        assert.equal(error?.message, 'TimeLimitExceeded(0.2,)');
        assert.equal((await h.run({ do: 'echo', value: 'next' })).reply, 'next');
      });

      test('the soft limit comes before the hard one', async t => {
        const h = await startedPool(t, kind, { softTimeLimit: 0.1, timeLimit: 0.3 });

        const { id, error } = await h.run({ do: 'sleep', ms: 60_000 });

        assert.deepEqual(h.softTimeouts, [{ id, seconds: 0.1 }]);
        assert.equal(error?.code, 'TIME_LIMIT');
      });
    }

    if (capabilities.ends === 'by killing') {
      test('terminating a job that never pauses ends it', async t => {
        const h = await startedPool(t, kind);
        const id = h.submit({ do: 'block', ms: 60_000 });
        await eventually(() => h.started.length === 1);

        assert.equal(h.pool.terminate(id), true);

        assert.equal((await h.answerTo(id)).error?.code, 'TERMINATED');
        assert.equal((await h.run({ do: 'echo', value: 1 })).reply, 1);
      });

      test('a job that never pauses is reported as blocking, and its hard limit holds', async t => {
        const h = await startedPool(t, kind, { blockedAfter: 0.2 });

        const { id, error } = await h.run({ do: 'block', ms: 60_000 }, { timeLimit: 0.5 });

        assert.equal(error?.code, 'TIME_LIMIT');
        const [blockage] = h.blockages;
        assert.deepEqual(blockage?.jobs, [id]);
        assert.ok(blockage.seconds >= 0.2 && !blockage.isOver);
        assert.match(blockage.where, /^\w+PoolWorker-1 pid:\d+$/);
      });
    } else {
      test('a job that blocks the event loop is reported when it is over', async t => {
        const h = await startedPool(t, kind, { blockedAfter: 0.1 });

        const { id } = await h.run({ do: 'block', ms: 200 });

        const [blockage, ...others] = h.blockages;
        assert.deepEqual(blockage?.jobs, [id]);
        assert.ok(blockage.seconds >= 0.2 && blockage.isOver);
        assert.equal(blockage.where, 'MainProcess');
        assert.deepEqual(others, []);
      });
    }

    if (capabilities.children) {
      test('the pool grows and shrinks by whole children', async t => {
        const h = await startedPool(t, kind);

        await h.pool.grow(2);
        assert.equal(h.pool.size, 3);

        await h.pool.shrink(2);
        assert.equal(h.pool.size, 1);
      });

      test('a pool that grows says that it has room, at once', async t => {
        const h = await startedPool(t, kind);
        h.submit({ do: 'sleep', ms: 60_000 });
        const { rooms } = h;

        const grown = h.pool.grow(1);

        assert.equal(h.rooms, rooms + 1);
        await grown;
        assert.equal((await h.run({ do: 'echo' })).error, undefined);
      });

      test('of the idle children as many go as are asked to, and busy ones stay', async t => {
        const h = await startedPool(t, kind, { concurrency: 3 });
        const gate = logFile(t);
        const long = h.run({ do: 'untilFile', value: gate.path });
        await eventually(() => h.started.length === 1);
        const { pid } = h.started[0]!;

        assert.equal(h.pool.letGo(1), 1);
        assert.equal(h.pool.size, 2);
        assert.equal(h.pool.letGo(5), 1);
        assert.equal(h.pool.size, 1);
        assert.equal(h.pool.letGo(1), 0);

        assert.deepEqual(h.pool.pids, [pid]);
        writeFileSync(gate.path, '');
        assert.equal((await long).error, undefined);
      });

      test('a busy child may be let go, too, and ends what it runs before', async t => {
        const h = await startedPool(t, kind, { concurrency: 2 });
        const gate = logFile(t);
        const long = [1, 2].map(() => h.run({ do: 'untilFile', value: gate.path }));
        await eventually(() => h.started.length === 2);

        assert.equal(h.pool.letGo(1), 0);
        assert.equal(h.pool.letGo(1, true), 1);
        assert.deepEqual([h.pool.size, h.pool.pids.length], [1, 1]);
        const waits = h.run({ do: 'echo' });

        writeFileSync(gate.path, '');
        assert.ok((await Promise.all(long)).every(({ error }) => error === undefined));
        await waits;
        assert.equal(h.started.at(-1)!.pid, h.pool.pids[0]);
        await h.pool.drain();
      });

      test('a pool may have no child for a while', async t => {
        const h = await startedPool(t, kind, { concurrency: 2 });
        assert.equal(h.pool.letGo(2), 2);
        assert.deepEqual([h.pool.size, h.pool.free, h.pool.pids], [0, 0, []]);
        assert.deepEqual(await h.pool.recall(), []);
        await h.pool.restart();

        const late = h.run({ do: 'echo' });
        await h.pool.grow(1);

        assert.equal((await late).error, undefined);
        assert.equal(h.pool.size, 1);
        assert.equal(h.pool.letGo(1), 1);
        await h.pool.drain();
      });

      test('no job is lost while children come and go', async t => {
        const h = await startedPool(t, kind, { concurrency: 2 });
        const jobs = Array.from({ length: 300 }, (_, i) =>
          h.run({ do: i % 10 === 0 ? 'sleep' : 'echo', ms: 5, value: i }),
        );

        for (let round = 0; round < 6; round++) {
          const grown = h.pool.grow(2);
          h.pool.letGo(1);
          await grown;
          h.pool.letGo(3);
        }

        const answers = await Promise.all(jobs);
        assert.deepEqual(
          answers.filter(({ error }) => error !== undefined),
          [],
        );
        assert.equal(new Set(answers.map(({ id }) => id)).size, 300);
        await h.pool.drain();
      });

      test('several slots let one child run several jobs at once', async t => {
        const h = await startedPool(t, kind, { slots: 3 });
        assert.equal(h.pool.size, 3);
        const slow = [1, 2].map(() => h.run({ do: 'sleep', ms: 500 }));

        await h.run({ do: 'echo' });

        assert.equal(h.answers.length, 1);
        await Promise.all(slow);
      });

      test('a restart replaces every child, and those that run a job end it first', async t => {
        const journal = logFile(t);
        const runnerConfig = { journal: journal.path };
        const h = await startedPool(t, kind, { concurrency: 2, runnerConfig });
        const gate = logFile(t);
        const long = h.run({ do: 'untilFile', value: gate.path });
        await eventually(() => h.started.length === 1);

        await h.pool.restart();

        assert.equal(h.answers.length, 0);
        assert.equal(h.pool.size, 2);
        assert.equal((await h.run({ do: 'echo', value: 'new' })).reply, 'new');
        writeFileSync(gate.path, '');
        assert.equal((await long).reply, gate.path);
        const stops = () => journal.lines().filter(line => line.startsWith('stop'));
        await eventually(() => stops().length === 2);
        const starts = journal.lines().filter(line => line.startsWith('start'));
        assert.deepEqual(starts.map(line => line.split(' ').slice(1, 3).join('/')).sort(), [
          '1/1',
          '1/3',
          '2/2',
          '2/4',
        ]);
        assert.deepEqual(h.logs, []);
      });

      test('restarts under load lose no job and run none twice', async t => {
        const h = await startedPool(t, kind, { concurrency: 2, slots: 2 });
        const log = logFile(t);
        const jobs = Array.from({ length: 400 }, (_, value) =>
          h.run({ do: value % 3 ? 'sleep' : 'echo', ms: value % 7, value, log: log.path }),
        );

        while (h.answers.length < 300) await h.pool.restart();

        const answers = await Promise.all(jobs);
        assert.ok(answers.every((answer, i) => answer.reply === i));
        assert.equal(log.lines().length, 400);
        assert.equal(new Set(log.lines()).size, 400);
      });

      test('a restart with code that does not load fails and leaves the old children', async t => {
        const switchFile = logFile(t);
        const h = await startedPool(t, kind, { runnerConfig: { brokenBy: switchFile.path } });
        writeFileSync(switchFile.path, '');

        await assert.rejects(h.pool.restart(), {
          code: 'POOL_FAILURE',
          message: /Could not restart: .*this runner was broken/,
        });

        assert.equal((await h.run({ do: 'echo', value: 'old' })).reply, 'old');
      });

      test('a pool that is stopped while it restarts leaves nothing behind', async t => {
        const h = await startedPool(t, kind, { concurrency: 2 });
        const restart = assert.rejects(h.pool.restart());

        await h.pool.stop();

        await restart;
        assert.equal(h.pool.free, 0);
      });
    } else {
      test('there are no children that could say anything', async t => {
        const h = await startedPool(t, kind);

        assert.deepEqual(await h.pool.reports(), []);
      });

      test('the pool refuses to grow, to shrink and to restart', async t => {
        const h = await startedPool(t, kind);

        await assert.rejects(h.pool.grow(1), RangeError);
        await assert.rejects(h.pool.shrink(1), RangeError);
        assert.equal(h.pool.letGo(1), 0);
        await assert.rejects(h.pool.restart(), RangeError);
      });
    }
  });
}
