/** What every shared store of a schedule promises; run once per implementation. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ScheduleStore } from '../../src/schedule-stores/contract.ts';
import type { Entry, EntryState, StoredEntry } from '../../src/schedule-stores/entry.ts';
import { ENTRY_DEFAULTS } from '../../src/schedule-stores/entry-data.ts';
import { scheduleFromData } from '../../src/schedules/from-data.ts';
import { eventually } from '../support/eventually.ts';

export interface StoreSetup {
  /** Another instance on the same place, as another process would have; stopped after the test. */
  open(): Promise<ScheduleStore>;
  /** Makes what the store has of an entry unreadable. */
  damage(name: string): Promise<void>;
  /** A new entry counts as run when it was made, as in RedBeat. */
  readonly startsAtOnce?: boolean;
}

export function made(name: string, every: number, given: Partial<Entry> = {}): Entry {
  const schedule = scheduleFromData({ __type__: 'interval', every });
  return { ...ENTRY_DEFAULTS, name, task: 'tasks.tick', schedule, origin: 'store', ...given };
}

export async function loaded(store: ScheduleStore): Promise<Map<string, StoredEntry>> {
  const stored = await store.load((name, error) => {
    throw new Error(`${name}: ${error.message}`);
  });
  return new Map(stored.map(each => [each.entry.name, each]));
}

/** What can be compared of an entry. */
export const plain = ({ schedule, ...others }: Entry) => ({
  ...others,
  schedule: schedule.toJSON(),
});

const sorted = (names: Iterable<string>) => [...names].sort();
const run = (name: string, lastRunAt: number, totalRunCount: number) => ({
  name,
  state: { lastRunAt, totalRunCount },
});

export function storeContract(kind: string, setup: (t: TestContext) => Promise<StoreSetup>): void {
  const two = async (t: TestContext) => {
    const { open, damage, startsAtOnce } = await setup(t);
    const assertNew = (state: EntryState | undefined) => {
      if (!startsAtOnce) return assert.equal(state, undefined);
      assert.ok(Math.abs(Date.now() / 1000 - state!.lastRunAt) < 60);
      assert.equal(state!.totalRunCount, 0);
    };
    return { beat: await open(), operator: await open(), damage, assertNew };
  };

  describe(`the ${kind} store`, () => {
    it('gives back everything that an entry says', async t => {
      const { beat, operator, assertNew } = await two(t);
      const full = made('Ünïcode "quoted" \u0001 entry', 12.5, {
        args: [1, 'two', { three: [null, 1.5] }, 'line\nline', '\0'],
        kwargs: { key: 'Wert ☃', __proto__x: 1 },
        options: { queue: 'slow', expires: 30, priority: 3 },
        catchUp: 'all',
        maxAge: 3600,
        overlap: 'skip',
        jitter: 5,
        description: 'Tells "it".',
      });

      await operator.put(full);
      await operator.put(made('__proto__', 10, { enabled: false }));

      const found = await loaded(beat);
      assert.deepEqual(plain(found.get(full.name)!.entry), plain(full));
      assertNew(found.get(full.name)!.state);
      assert.equal(found.get('__proto__')!.entry.enabled, false);
      assert.equal(found.size, 2);
    });

    it('remembers what was sent, but not of an entry that was removed meanwhile', async t => {
      const { beat, operator } = await two(t);
      await beat.putCode([made('a', 10, { origin: 'code' }), made('b', 10, { origin: 'code' })]);
      assert.equal(await operator.remove('b'), true);
      assert.equal(await operator.remove('b'), false);

      await beat.save([run('a', 1000.25, 3), run('b', 1000, 1), run('never', 1, 1)], 7);

      const found = await loaded(operator);
      assert.deepEqual(found.get('a')!.state, { lastRunAt: 1000.25, totalRunCount: 3 });
      assert.deepEqual(sorted(found.keys()), ['a']);
    });

    it('refuses a beat whose successor has written', async t => {
      const { beat, operator: successor } = await two(t);
      await beat.putCode([made('a', 10, { origin: 'code' })]);
      await beat.save([run('a', 1000, 1)], 1_700_000_000_001);
      await successor.save([run('a', 1010, 2)], 1_700_000_000_002);

      await assert.rejects(beat.save([run('a', 1020, 3)], 1_700_000_000_001), {
        code: 'LEADERSHIP_LOST',
      });

      assert.equal((await loaded(beat)).get('a')!.state!.lastRunAt, 1010);
      await successor.save([run('a', 1020, 3)], 1_700_000_000_002);
      assert.equal((await loaded(beat)).get('a')!.state!.lastRunAt, 1020);
    });

    it('takes from the code what it has, and takes back what it has no longer', async t => {
      const { beat, operator } = await two(t);
      const ofCode = (name: string, every: number) => made(name, every, { origin: 'code' });
      await operator.put(made('mine', 60));
      await beat.putCode([ofCode('kept', 10), ofCode('dropped', 20)]);
      await beat.save([run('kept', 1000, 5)], 1);
      await operator.setEnabled('kept', false);

      await beat.putCode([ofCode('kept', 15), ofCode('new', 30)]);

      const found = await loaded(operator);
      assert.deepEqual(sorted(found.keys()), ['kept', 'mine', 'new']);
      const { entry, state } = found.get('kept')!;
      assert.deepEqual(entry.schedule.toJSON(), ofCode('', 15).schedule.toJSON());
      assert.equal(entry.enabled, false);
      assert.equal(state!.totalRunCount, 5);
      assert.deepEqual(
        ['kept', 'mine', 'new'].map(name => found.get(name)!.entry.origin),
        ['code', 'store', 'code'],
      );
    });

    it('keeps what it knows of the runs of a changed entry, unless its schedule is another', async t => {
      const { beat, operator, assertNew } = await two(t);
      await operator.put(made('a', 10));
      await beat.save([run('a', 1000, 1)], 1);

      await operator.put(made('a', 10, { args: [2] }));
      assert.equal((await loaded(beat)).get('a')!.state!.lastRunAt, 1000);
      await operator.put(made('a', 20, { args: [2] }));

      assertNew((await loaded(beat)).get('a')!.state);
    });

    it('pauses and resumes', async t => {
      const { beat, operator } = await two(t);
      await operator.put(made('a', 10));

      assert.equal(await operator.setEnabled('a', false), true);
      assert.equal((await loaded(beat)).get('a')!.entry.enabled, false);
      assert.equal(await operator.setEnabled('a', true), true);
      assert.equal((await loaded(beat)).get('a')!.entry.enabled, true);
      assert.equal(await operator.setEnabled('nobody', false), false);
    });

    it('tells when a paused entry was resumed, and nothing about one that was not paused', async t => {
      const { beat, operator } = await two(t);
      await operator.put(made('a', 10));
      await operator.put(made('b', 10));
      await operator.put(made('c', 10));
      await beat.save(
        ['a', 'b', 'c'].map(name => run(name, 1000, 3)),
        1,
      );
      await operator.setEnabled('a', false);
      await operator.setEnabled('b', false);
      await operator.setEnabled('a', true);
      await operator.put(made('b', 10, { kwargs: { other: true } }));
      await operator.setEnabled('c', true);

      const found = await loaded(beat);
      for (const name of ['a', 'b']) {
        const { resumedAt, ...others } = found.get(name)!.state!;
        assert.deepEqual(others, { lastRunAt: 1000, totalRunCount: 3 });
        assert.ok(Math.abs(Date.now() / 1000 - resumedAt!) < 60);
      }
      assert.deepEqual(found.get('c')!.state, { lastRunAt: 1000, totalRunCount: 3 });

      const next = Math.ceil(Date.now() / 1000) + 10;
      await beat.save([run('a', next, 4)], 1);
      assert.deepEqual((await loaded(beat)).get('a')!.state, run('a', next, 4).state);
    });

    it('runs what it can read, and tells of what it cannot', async t => {
      const { beat, operator, damage } = await two(t);
      await operator.put(made('good', 10));
      await operator.put(made('bad', 10));
      await damage('bad');
      const told: string[] = [];

      const found = await beat.load((name, error) => told.push(`${name}: ${error.message}`));

      assert.deepEqual(
        found.map(({ entry }) => entry.name),
        ['good'],
      );
      assert.equal(told.length, 1);
      assert.match(told[0]!, /^bad: .*"bad"/);
      assert.equal(await operator.remove('bad'), true);
    });

    it('tells beat of a change within a second, and not of its own', async t => {
      const { beat, operator } = await two(t);
      await beat.putCode([made('a', 10, { origin: 'code' })]);
      await loaded(beat);
      let changes = 0;
      const stop = await beat.watch(() => changes++);
      await beat.save([run('a', 1000, 1)], 1);

      const started = performance.now();
      await operator.put(made('b', 10));
      await eventually(() => changes === 1);
      assert.ok(performance.now() - started < 1500);
      await loaded(beat);
      await operator.setEnabled('a', false);
      await eventually(() => changes === 2);
      await operator.remove('b');
      await eventually(() => changes === 3);

      await stop();
      await operator.put(made('c', 10));
      await operator.save([run('c', 1000, 1)], 2);
      assert.equal(changes, 3);
    });

    it('keeps two thousand entries', async t => {
      const { beat, operator } = await two(t);
      const names = Array.from({ length: 2000 }, (_, i) => `entry ${i}`);
      await beat.putCode(names.map(name => made(name, 10, { origin: 'code' })));
      await beat.save(
        names.map((name, i) => run(name, i, i)),
        1,
      );

      const found = await loaded(operator);

      assert.equal(found.size, 2000);
      assert.ok(names.every((name, i) => found.get(name)!.state!.totalRunCount === i));
      await beat.putCode([]);
      assert.equal((await loaded(operator)).size, 0);
    });

    it('refuses an entry that is code, or has a name that databases do not keep', async t => {
      const { operator } = await two(t);
      const schedule = { ...made('x', 1).schedule, toJSON: () => undefined };

      await assert.rejects(operator.put(made('x', 1, { schedule })), {
        code: 'IMPROPERLY_CONFIGURED',
        message: /"x" cannot be kept in a store/,
      });
      for (const name of ['zero \0', 'half \ud800']) {
        await assert.rejects(operator.put(made(name, 1)), { message: /its name has characters/ });
      }
    });
  });
}
