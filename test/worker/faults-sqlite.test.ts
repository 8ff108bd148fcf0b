import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { Celery } from '../../src/index.ts';
import { Chance, Fleet, progress } from '../support/chaos.ts';
import { eventually } from '../support/eventually.ts';
import { lines } from '../support/worker.ts';

/** Enough for every fault to meet hundreds of them. */
const TASKS = Number(process.env.TSCELERY_TEST_TASKS ?? 4000);
/** Seconds each task takes, so that faults meet running ones. */
const TASK_SECONDS = 0.002;

describe('a fleet on SQLite', () => {
  let app: Celery;
  let dir: string;
  let file: string;
  let fleet: Fleet;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tscelery-faults-'));
    file = join(dir, 'celery.sqlite');
    const settings = {
      broker_url: `sqla+sqlite:///${file}`,
      result_backend: `db+sqlite:///${file}`,
    };
    app = new Celery('client', settings);
    fleet = new Fleet(() => settings, ['--prefetch-multiplier', '10']);
  });
  afterEach(async () => {
    await app.close();
    await fleet.dismiss();
    await rm(dir, { recursive: true });
  });

  const send = (task: string, notes: string) =>
    Promise.all(
      Array.from({ length: TASKS }, (_, n) => app.sendTask(task, [notes, String(n), TASK_SECONDS])),
    );

  async function chaos(notes: string, chance: Chance): Promise<void> {
    const database = openSqlite(file);
    const faults: Readonly<Record<string, () => unknown>> = {
      child: () => fleet.killChild(chance),
      parent: () => fleet.replace(chance.one(fleet.alive)),
      // another process that writes, such as a backup
      lock: async () => {
        database.exec('BEGIN IMMEDIATE');
        await new Promise(resolve => setTimeout(resolve, chance.below(1500)));
        database.exec('COMMIT');
      },
    };
    const names = Object.keys(faults);
    const order = chance.shuffled([...names, ...names, 'child', 'parent']);
    try {
      for (const [index, name] of order.entries()) {
        await progress(notes, ((index + 1) * TASKS) / (order.length + 2));
        await faults[name]!();
      }
    } finally {
      database.close();
    }
  }

  const drained = () =>
    eventually(
      async () => {
        assert.equal(await (await app[INTERNALS].transport()).size('celery'), 0);
        assert.equal(held(file), 0);
      },
      { seconds: 90, everyMs: 100 },
    );

  async function withChance(body: (chance: Chance) => Promise<void>): Promise<void> {
    const chance = new Chance();
    try {
      await body(chance);
    } catch (error) {
      console.error(`TSCELERY_TEST_SEED=${chance.seed}\n${fleet.log}`);
      throw error;
    }
  }

  it('runs every late-acked task and keeps every result, whoever is killed', async () => {
    await withChance(async chance => {
      const notes = join(dir, 'late');
      await Promise.all([fleet.enlist(), fleet.enlist()]);
      const results = await send('w.lateWork', notes);

      await chaos(notes, chance);
      await drained();

      const values = await Promise.all(results.map(result => result.get({ timeout: 30 })));
      assert.deepEqual(
        values,
        Array.from({ length: TASKS }, (_, n) => String(n)),
      );
      assert.equal(new Set(await lines(notes)).size, TASKS);
    });
  });

  it('runs no early-acked task twice, whoever is killed', async () => {
    await withChance(async chance => {
      const notes = join(dir, 'early');
      await Promise.all([fleet.enlist(), fleet.enlist()]);
      await send('w.work', notes);

      await chaos(notes, chance);
      await drained();

      const ran = await lines(notes);
      assert.equal(new Set(ran).size, ran.length, 'a task ran twice');
      assert.ok(ran.length > TASKS * 0.95, `only ${ran.length} ran`);
    });
  });
});

/** Messages that some worker has and did not settle. */
function held(file: string): number {
  const database = openSqlite(file, { readOnly: true });
  try {
    const row = database.prepare('SELECT count(*) AS count FROM tscelery_lease').get();
    return (row as { count: number }).count;
  } finally {
    database.close();
  }
}
