/** Workers whose pools follow their work. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { AsyncResult } from '../../src/app/results/async-result.ts';
import { type Celery, WorkerLostError, type WorkerStats } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  redisSurroundings,
  type Surroundings,
  startWorker,
  withWorker,
} from '../support/worker.ts';

const KEEPALIVE = '0.3';

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

const options = (...args: string[]) => ({ args, env: { AUTOSCALE_KEEPALIVE: KEEPALIVE } });

async function stats(app: Celery): Promise<WorkerStats> {
  const { 'w1@test': shown } = await app.control.inspect({ limit: 1, timeout: 10 }).stats();
  return shown as WorkerStats;
}

async function scale(app: Celery) {
  return (await stats(app)).autoscaler!;
}

const until = (app: Celery, children: number) =>
  eventually(async () => assert.equal((await scale(app)).current, children), { seconds: 20 });

/** So many tasks run. */
const running = (app: Celery, count: number) =>
  eventually(
    async () => {
      const { 'w1@test': active } = await app.control.inspect({ limit: 1, timeout: 10 }).active();
      assert.equal((active as unknown[]).length, count);
    },
    { seconds: 20 },
  );

/** Tasks that run until the file `gate` is there. */
const send = (app: Celery, count: number, gate: string) =>
  Promise.all(Array.from({ length: count }, () => app.sendTask('w.waitsFor', [gate])));

const all = (results: readonly AsyncResult<unknown>[]) =>
  Promise.all(results.map(result => result.get({ timeout: 60 })));

for (const pool of ['prefork', 'threads']) {
  describe(`a ${pool} worker with --autoscale=3,1`, () => {
    it('grows to its maximum in a burst, and shrinks when it is idle', async () => {
      await withWorker(
        surroundings,
        options('--autoscale=3,1', '-P', pool),
        async ({ app, worker, file }) => {
          assert.match(
            worker.stdout,
            new RegExp(`concurrency: \\{min=1, max=3\\} \\(${pool}\\)\\n`),
          );
          assert.deepEqual(await scale(app), { max: 3, min: 1, current: 1, qty: 0 });
          const gate = file();

          const burst = await send(app, 6, gate);
          await worker.sees(/Scaling up \d processes\./);
          await until(app, 3);
          await running(app, 3);

          const { pool: shown, prefetch_count: prefetch } = await stats(app);
          assert.equal(shown['max-concurrency'], 3);
          assert.equal(prefetch, 3 * 4);
          await writeFile(gate, '');
          await all(burst);
          await worker.sees(/Scaling down \d processes\./);
          await until(app, 1);
          const { pool: small, prefetch_count: same } = await stats(app);
          assert.equal((small.processes as number[]).length, 1);
          assert.equal(same, 3 * 4);
        },
      );
    });

    it('keeps a child that runs a task, however long', async () => {
      await withWorker(
        surroundings,
        options('--autoscale=3,1', '-P', pool),
        async ({ app, worker, file }) => {
          const gate = file();
          const long = await send(app, 2, gate);
          const short = await Promise.all([1, 2, 3, 4].map(n => app.sendTask('w.add', [n, n])));
          await all(short);
          await until(app, 2);
          // meanwhile some keepalives go by
          const { uptime } = await stats(app);
          await eventually(async () => assert.ok((await stats(app)).uptime >= uptime + 2));
          assert.deepEqual(await scale(app), { max: 3, min: 1, current: 2, qty: 2 });

          await writeFile(gate, '');
          assert.deepEqual(await all(long), ['opened', 'opened']);
          await until(app, 1);
          assert.doesNotMatch(worker.stderr, /WorkerLost|exited with|ERROR/);
        },
      );
    });
  });
}

describe('a worker with --autoscale=3', () => {
  it('may have no child while it is idle, and loses nothing when it is stopped with its first task', async () => {
    await withWorker(
      surroundings,
      options('--autoscale=3', '--disable-prefetch'),
      async ({ app, worker, another, file, lines }) => {
        await until(app, 0);
        assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
        await until(app, 0);
        const ran = file();

        const tasks = await Promise.all(
          Array.from({ length: 12 }, (_, i) => app.sendTask('w.work', [ran, `${i}`, 0.05])),
        );
        await worker.sees(/Scaling up.*\n(.*\n)*.*Scaling up/);
        worker.kill('SIGTERM');
        await worker.ended();
        await another();
        await all(tasks);

        assert.equal((await lines(ran)).length, 12);
        assert.equal(new Set(await lines(ran)).size, 12);
      },
    );
  });
});

describe('a worker that grows and shrinks all the time', () => {
  it('loses none of 2 000 tasks, whatever dies and whatever bounds it is given', async () => {
    await withWorker(
      surroundings,
      {
        ...options('--autoscale=4,1'),
        settings: { worker_max_deliveries: null },
      },
      async ({ app, worker, file, lines }) => {
        const ran = file();
        const early: AsyncResult<unknown>[] = [];
        const late: AsyncResult<unknown>[] = [];
        let kills = 0;
        for (let wave = 0; wave < 10; wave++) {
          const sent = Array.from({ length: 200 }, (_, i) => {
            const name = `${wave}.${i}`;
            return i % 2 === 0
              ? app.sendTask('w.lateWork', [ran, name, i % 50 === 0 ? 0.02 : 0])
              : app.sendTask('w.add', [wave, i]);
          });
          const results = await Promise.all(sent);
          for (const [i, result] of results.entries()) (i % 2 === 0 ? late : early).push(result);
          if (wave % 2 === 0) {
            const max = 2 + (wave % 3);
            await app.control.autoscale({ max, min: wave % 3 === 0 ? 0 : 1 });
          }
          const [victim] = (await stats(app)).pool.processes as number[];
          if (victim !== undefined && wave % 3 === 1) kills += kill(victim);
          // some of the waves end in a pause
          if (wave % 2 === 1) {
            await all(late);
            await eventually(async () => assert.ok((await scale(app)).current <= 1), {
              seconds: 20,
            });
          }
        }

        await all(late);
        const ends = await Promise.allSettled(early.map(result => result.get({ timeout: 60 })));
        const lost = ends.flatMap(end => (end.status === 'rejected' ? end.reason : []));
        assert.ok(lost.every(error => error instanceof WorkerLostError));
        assert.ok(lost.length <= kills, `${lost.length} lost by ${kills} kills`);
        assert.equal(new Set(await lines(ran)).size, 1000);
        assert.ok(kills >= 2);
        const said = (text: string) => worker.stderr.split(text).length - 1;
        assert.ok(said('Scaling up') >= 4, `${said('Scaling up')} growths`);
        assert.ok(said('Scaling down') >= 4, `${said('Scaling down')} shrinkages`);
        assert.equal((await scale(app)).qty, 0);
      },
    );
  });
});

/** 1 when the process was there. */
function kill(pid: number): number {
  try {
    process.kill(pid, 'SIGKILL');
    return 1;
  } catch {
    return 0;
  }
}

describe('the command autoscale', () => {
  const reply = { reply: true, limit: 1, timeout: 10 } as const;
  const value = async (asked: Promise<readonly { value: unknown }[]>) => (await asked)[0]!.value;

  it('changes the bounds: more children for what waits, and fewer when their tasks have ended', async () => {
    await withWorker(surroundings, options('--autoscale=1,1'), async ({ app, file }) => {
      const gate = file();
      const tasks = await send(app, 10, gate);
      await running(app, 1);

      assert.deepEqual(await value(app.control.autoscale({ max: 4, min: 2 }, reply)), {
        ok: 'autoscale now max=4 min=2',
      });
      assert.equal((await scale(app)).current, 4);
      await running(app, 4);
      await eventually(async () => assert.equal((await scale(app)).qty, 10));

      await value(app.control.autoscale({ max: 2 }, reply));
      assert.deepEqual(await scale(app), { max: 2, min: 2, current: 2, qty: 10 });
      await running(app, 4);
      await writeFile(gate, '');
      assert.equal((await all(tasks)).length, 10);
      assert.equal((await stats(app)).prefetch_count, 8);

      await value(app.control.autoscale({ max: 3, min: 3 }, reply));
      assert.equal((await scale(app)).current, 3);
    });
  });

  it('refuses bounds that leave nothing, and the pool is not changed beside it', async () => {
    await withWorker(surroundings, options('--autoscale=2,1'), async ({ app }) => {
      const error = async (max: number | null, min: number | null) =>
        ((await value(app.control.autoscale({ max, min }, reply))) as { error: string }).error;
      assert.equal(await error(2, 30), "RangeError('min must not be above max, got max=2 min=30')");
      assert.equal(await error(0, 0), "RangeError('max must be at least 1, got 0')");
      assert.equal(await error(5000, null), "RangeError('max must be at most 1000, got 5000')");
      assert.deepEqual(
        await value(app.control.call('autoscale', { max: '3' }, { limit: 1, timeout: 10 })),
        { error: 'TypeError(\'max must be a whole number, got "3"\')' },
      );
      for (const how of ['grow', 'shrink'] as const) {
        const asked = app.control.call(`pool_${how}`, { n: 1 }, { limit: 1, timeout: 10 });
        assert.deepEqual(await value(asked), {
          error: `pool_${how} is not supported with autoscale. Adjust autoscale range instead.`,
        });
      }
      assert.deepEqual(await scale(app), { max: 2, min: 1, current: 1, qty: 0 });
    });
  });

  it('is refused by a worker that was started without', async () => {
    await withWorker(surroundings, {}, async ({ app }) => {
      assert.deepEqual(await value(app.control.autoscale({ max: 3 }, reply)), {
        error: "ValueError('Autoscale not enabled')",
      });
      assert.equal('autoscaler' in (await stats(app)), false);
    });
  });
});

describe('a task that waits for another one', () => {
  it('is given a child to wait for, and is no reason for a warning', async () => {
    await withWorker(surroundings, options('--autoscale=3,1'), async ({ app, worker }) => {
      const result = await app.sendTask('w.delegates', [1, 2]);

      assert.equal(await result.get({ timeout: 20 }), 3);
      assert.doesNotMatch(worker.stderr, /is taken by a task that waits/);
    });
  });
});

describe('--autoscale is refused', () => {
  const refusal = async (args: readonly string[], env: Record<string, string> = {}) => {
    const ran = await startWorker(surroundings.settings, args, undefined, env).ended();
    assert.equal(ran.stdout, '');
    return `${ran.code} ${ran.stderr.trim().split('\n').at(-1)}`;
  };
  const invalid = (text: string) => `2 Error: Invalid value for '--autoscale': ${text}`;

  for (const [given, text] of [
    ['x', "'x': Expected an integer. Got 'x' instead."],
    ['3,x', "'3,x': Expected two comma separated integers. Got 'x' instead."],
    ['3.5', "'3.5': Expected an integer. Got '3.5' instead."],
    ['3,', "'3,': Expected two comma separated integers. Got '' instead."],
    ['1,2,3', "'1,2,3': Expected two comma separated integers or one integer. Got 3 instead."],
    ['0', "'0' allows no children: MAX must be at least 1."],
    ['0,0', "'0,0' allows no children: MAX must be at least 1."],
    ['-1', "'-1': -1 is not in the range x>=0."],
    ['5,-1', "'5,-1': -1 is not in the range x>=0."],
  ] as const) {
    it(`when it is ${given}`, async () => {
      assert.equal(await refusal([`--autoscale=${given}`]), invalid(text));
    });
  }

  for (const pool of ['async', 'solo', 'gevent']) {
    it(`with the pool ${pool}, which has no children`, async () => {
      assert.equal(
        await refusal(['--autoscale=3,10', '-P', pool]),
        `1 Error: autoscale (max=10, min=3) needs a pool with children, and the pool "${pool}" has none. Use the pool "prefork" or "threads"; for "async" say with concurrency (-c) how many tasks run at once, which costs nothing while there are fewer.`,
      );
    });
  }

  it('with a keepalive that is none', async () => {
    assert.equal(
      await refusal(['--autoscale=3'], { AUTOSCALE_KEEPALIVE: 'soon' }),
      '1 Error: The environment variable AUTOSCALE_KEEPALIVE must be a number of seconds above 0, not "soon".',
    );
  });
});
