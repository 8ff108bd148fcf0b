/** Groups and chords made here, on brokers that other processes share, with a worker in this one. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Celery, chain, chord, group } from '../../src/index.ts';
import { startRedis } from '../support/servers.ts';

const WAIT = { timeout: 30 };

interface Place {
  readonly broker: string;
  readonly backend: string;
  stop?(): Promise<void>;
}

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  Redis: async () => {
    const redis = await startRedis();
    return { broker: redis.url, backend: redis.url, stop: () => redis.stop() };
  },
  SQLite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tscelery-canvas-'));
    const file = join(folder, 'celery.sqlite');
    const stop = () => rm(folder, { recursive: true });
    return { broker: `sqla+sqlite:///${file}`, backend: `db+sqlite:///${file}`, stop };
  },
};

async function setup(t: TestContext, { stop, ...place }: Place) {
  const app = new Celery('sums', place);
  const add = app.task('sums.add', (x: number, y: number) => x + y);
  const double = app.task('sums.double', (x: number) => 2 * x);
  const sum = app.task('sums.sum', (xs: number[]) => xs.reduce((all, x) => all + x, 0));
  const broken = app.task('sums.broken', (x: number): number => {
    throw new RangeError(`broken ${x}`);
  });
  const worker = app.worker({ pool: 'async', concurrency: 4 });
  await worker.start();
  t.after(async () => {
    await worker.stop();
    await app.close();
    await stop?.();
  });
  return { app, add, double, sum, broken };
}

for (const [name, placeOf] of Object.entries(PLACES)) {
  describe(`workflows on ${name}`, () => {
    test('give the results that the same would give here', async t => {
      const { app, add, double, sum } = await setup(t, await placeOf());
      const squares = [1, 2, 3].map(i => double.s(i));
      const workflows = [
        group(add.s(1, 2), double.s(4)),
        chord(squares, sum.s()),
        chain(add.s(1, 2), group(add.s(1), add.s(2)), sum.s(), double.s()),
        chord([chord(squares, sum.s()), chain(add.s(1, 1), double.s())], sum.s()),
        chain(group(squares), sum.s(), group(add.s(1), double.s())),
        double.map([1, 2, 3]),
        add.starmap([[1, 2]]),
        add.chunks(
          [
            [1, 1],
            [2, 2],
            [3, 3],
          ],
          2,
        ),
        group(squares.values()).pipe(sum.s()),
        chord([], sum.s()),
        app.signature(JSON.parse(JSON.stringify(chord(squares, sum.s())))),
      ];

      for (const workflow of workflows) {
        const sent = await workflow.delay();
        const here = await app.signature(JSON.parse(JSON.stringify(workflow))).apply();
        assert.deepEqual(await sent.get(WAIT), await here.get(), String(workflow));
      }
    });

    test('fail as a whole, and finish a long header', async t => {
      const { add, broken, double, sum } = await setup(t, await placeOf());

      const failing = await chord([add.s(1, 2), broken.s(7)], sum.s()).delay();
      await assert.rejects(failing.get(WAIT), /broken 7/);
      const numbers = function* () {
        for (let i = 0; i < 1200; i++) yield double.s(i);
      };
      const long = await chord(numbers(), sum.s()).delay();
      assert.equal(await long.get({ timeout: 60 }), 1200 * 1199);
    });
  });
}
