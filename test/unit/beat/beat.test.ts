import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalElection } from '../../../src/beat/leader/local.ts';
import type { StoredEntry } from '../../../src/schedule-stores/entry.ts';
import { MemoryScheduleStore } from '../../../src/schedule-stores/memory.ts';
import { BaseSchedule } from '../../../src/schedules/base-schedule.ts';
import { crontab } from '../../../src/schedules/crontab.ts';
import { MadeBeats, START } from './made-beats.ts';

const every = (schedule: number) => ({ task: 't.add', schedule });

test('entries are sent at their due times, in order, and none before its first interval', async () => {
  const beats = new MadeBeats();
  await beats.start({ slow: every(3), fast: every(2), twice: every(2) });
  assert.deepEqual(beats.sent, []);
  await beats.pass(6);
  await beats.stop();
  assert.deepEqual(beats.slots('fast'), [2, 4, 6]);
  assert.deepEqual(beats.slots('twice'), [2, 4, 6]);
  assert.deepEqual(beats.slots('slow'), [3, 6]);
  const order = beats.sent.map(({ name, slot }) => `${slot % 60} ${name}`);
  assert.deepEqual(order.slice(0, 3), ['2 fast', '2 twice', '3 slow']);
  assert.deepEqual(
    beats.sent.filter(({ name }) => name === 'fast').map(({ totalRunCount }) => totalRunCount),
    [1, 2, 3],
  );
});

test('due times do not drift when sending is late', async () => {
  const beats = new MadeBeats();
  await beats.start({ e: every(10) });
  await beats.pass(60, 3.5);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 20, 30, 40, 50, 60]);
});

test('of very many entries all are sent, spread over a second, at their interval', async () => {
  const beats = new MadeBeats();
  const schedule = Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`e${i}`, every(1)]));
  await beats.start(schedule);
  await beats.pass(5);
  await beats.stop();
  const firsts = Object.keys(schedule).map(name => {
    const [first, ...others] = beats.slots(name).map(slot => Math.round(slot * 1000));
    assert.ok(first! >= 1000 && first! < 2000);
    assert.deepEqual(
      others.slice(0, 3),
      [1, 2, 3].map(n => first! + n * 1000),
    );
    return first;
  });
  assert.ok(new Set(firsts).size > 40);
  assert.equal(new Set(beats.sent.map(({ id }) => id)).size, beats.sent.length);
});

test('what was missed is one run, none or all, as the entry says', async () => {
  const beats = new MadeBeats();
  await beats.start({
    last: every(10),
    none: { ...every(10), catch_up: 'none' },
    all: { ...every(10), catchUp: 'all' },
    young: { ...every(10), catchUp: 'all', max_age: 25 },
    old: { ...every(100), maxAge: 30 },
  });
  await beats.pass(10);
  await beats.leap(135);
  await beats.pass(5);
  await beats.stop();
  assert.deepEqual(beats.slots('last'), [10, 140, 150]);
  assert.deepEqual(beats.slots('none'), [10, 140, 150], '140 is not old enough to be missed');
  assert.deepEqual(
    beats.slots('all'),
    Array.from({ length: 15 }, (_, i) => 10 * (i + 1)),
  );
  assert.deepEqual(beats.slots('young'), [10, 120, 130, 140, 150]);
  assert.deepEqual(beats.slots('old'), []);
});

test('a run that was missed is left out by an entry that makes up for none', async () => {
  const beats = new MadeBeats();
  await beats.start({ none: { ...every(100), catchUp: 'none' } });
  await beats.leap(150);
  assert.deepEqual(beats.slots('none'), []);
  await beats.pass(50);
  await beats.stop();
  assert.deepEqual(beats.slots('none'), [200]);
});

test('a crontab that was missed for longer than the deadline is left out', async () => {
  const beats = new MadeBeats();
  const schedule = {
    cron: { task: 't.add', schedule: crontab({ minute: '5' }) },
    other: every(300),
  };
  await beats.start(schedule, { settings: { beat_cron_starting_deadline: 60 } });
  await beats.leap(400);
  await beats.stop();
  assert.deepEqual(beats.slots('cron'), []);
  assert.deepEqual(beats.slots('other'), [300]);
});

test('a clock that is set back makes no due time come twice', async () => {
  const beats = new MadeBeats();
  const cron = { task: 't.add', schedule: crontab() };
  await beats.start({ often: every(10), cron });
  await beats.pass(125, 5);
  const before = beats.sent.length;
  setBack(beats, 3600);
  await beats.pass(30, 5);
  await beats.stop();
  const ids = beats.sent.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(beats.slots('cron').length, 2, 'a time of the day waits until it comes');
  assert.ok(beats.sent.length > before, 'an interval goes on');
  assert.match(beats.lines('warning').join('\n'), /clock was set back by 3600 seconds/);
});

test('a clock that goes forward is told of, and what it passed over is one run', async () => {
  const beats = new MadeBeats();
  await beats.start({ e: every(10) });
  await beats.pass(10);
  setBack(beats, -1000);
  await beats.pass(5);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 1010]);
  assert.match(beats.lines('warning').join('\n'), /went forward by 1000 seconds/);
});

function setBack({ clock }: MadeBeats, seconds: number): void {
  const now = clock.now.bind(clock);
  clock.now = () => now() - seconds;
}

test('a schedule that throws or answers nonsense is told of and stops no other entry', async () => {
  class Broken extends BaseSchedule {
    override nextRun(): Date {
      throw new Error('no due times today');
    }
  }
  class Standing extends BaseSchedule {
    override nextRun(after: Date): Date {
      return after;
    }
  }
  const beats = new MadeBeats();
  await beats.start({
    broken: { task: 't.add', schedule: new Broken() },
    standing: { task: 't.add', schedule: new Standing() },
    good: every(10),
  });
  await beats.pass(100, 10);
  await beats.stop();
  assert.equal(beats.slots('good').length, 10);
  assert.equal(beats.sent.length, 10);
  const errors = beats.lines('error');
  assert.equal(errors.length, 2, errors.join('\n'));
  assert.match(errors.join('\n'), /the entry broken is left out for now: no due times today/);
  assert.match(
    errors.join('\n'),
    /the entry standing .*no later time|gives .* as the due time after/,
  );
});

test('an entry that cannot be sent is told of once a run and stops no other', async () => {
  const beats = new MadeBeats();
  beats.deliver = ({ name }) => {
    if (name === 'bad') throw new TypeError('cannot be written');
  };
  await beats.start({ bad: every(10), good: every(10) });
  await beats.pass(20, 10);
  await beats.stop();
  assert.deepEqual(beats.slots('good'), [10, 20]);
  const errors = beats.lines('error').filter(line => line.includes('Message Error: '));
  assert.equal(errors.length, 2);
  assert.match(errors[0]!, /Message Error: bad: TypeError: cannot be written/);
});

test('while the broker is away due times are kept, and sent as one when it is back', async () => {
  const beats = new MadeBeats();
  let isAway = true;
  beats.deliver = () => {
    if (isAway) throw Object.assign(new Error('ECONNREFUSED'), { recoverable: true });
  };
  await beats.start({ e: every(10) });
  await beats.pass(35);
  const errors = beats.lines('error');
  assert.deepEqual(errors.slice(0, 2), [
    'beat: Connection error: ECONNREFUSED. Trying again in 2.0 seconds...',
    'beat: Connection error: ECONNREFUSED. Trying again in 4.0 seconds...',
  ]);
  isAway = false;
  await beats.pass(20);
  await beats.stop();
  assert.equal(beats.slots('e').at(-1), 50);
  assert.ok(beats.slots('e').length <= 3, 'collapsed');
});

test('jitter makes runs late by what follows from entry and due time alone', async () => {
  const late = async () => {
    const beats = new MadeBeats();
    const times: number[] = [];
    beats.deliver = (_, { slot }) => void times.push(beats.clock.now() - slot);
    await beats.start({ e: { ...every(60), jitter: 30 } });
    await beats.pass(300);
    await beats.stop();
    assert.deepEqual(beats.slots('e').slice(0, 4), [60, 120, 180, 240]);
    return times;
  };
  const times = await late();
  assert.deepEqual(await late(), times);
  assert.ok(times.every(time => time >= 0 && time <= 31));
  assert.ok(new Set(times).size > 1);
});

test('of two beats one sends; when it dies the other goes on and no due time is lost or doubled', async () => {
  const beats = new MadeBeats();
  const schedule = { e: every(5) };
  const first = await beats.start(schedule);
  await beats.start(schedule);
  await beats.pass(20);
  assert.deepEqual(beats.slots('e'), [5, 10, 15, 20]);
  assert.ok(beats.sent.every(({ by }) => by === 0));
  assert.equal(beats.lines('info').filter(line => line.includes('standing by')).length, 1);
  const stopped = first.stop();
  await beats.rest();
  await stopped;
  await beats.pass(20);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [5, 10, 15, 20, 25, 30, 35, 40]);
  assert.ok(beats.sent.slice(4).every(({ by }) => by === 1));
});

test('what a dead leader had claimed is sent by the next one under the same id', async () => {
  const beats = new MadeBeats();
  const schedule = { e: every(30) };
  const dying = beats.make(schedule);
  let seen: string | undefined;
  beats.deliver = (_, { id }) => {
    if (seen !== undefined) return;
    seen = id;
    // its process is gone: it renews nothing any more
    beats.place.owner = 'dead';
    throw Object.assign(new Error('gone'), { recoverable: true });
  };
  await dying.start();
  await beats.rest();
  await beats.pass(30);
  assert.ok(seen);
  await beats.start(schedule);
  await beats.pass(20);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [30]);
  assert.equal(beats.sent[0]!.id, seen);
});

test('a beat that starts again goes on where it was, with ids that follow from the due time', async () => {
  const store = new MemoryScheduleStore();
  const schedule = { daily: every(86_400), often: every(10) };
  const run = async (pass: number) => {
    const beats = new MadeBeats();
    beats.clock.advance(pass);
    await beats.start(schedule, { store, election: new LocalElection() });
    await beats.pass(25, 5);
    await beats.stop();
    return beats;
  };
  const first = await run(0);
  const second = await run(25);
  assert.deepEqual(first.slots('often'), [10, 20]);
  assert.deepEqual(second.slots('often'), [30, 40, 50]);
  const third = await run(86_300);
  const last = await run(86_375);
  assert.deepEqual(third.slots('daily'), []);
  assert.deepEqual(last.slots('daily'), [86_400], 'counted from when it was first seen');
});

test('an entry that is added, paused or removed while beat runs counts at once', async () => {
  const beats = new MadeBeats();
  const store = new MemoryScheduleStore(() => beats.clock.now());
  await beats.start({ e: every(10) }, { store });
  await beats.pass(10);
  await store.setEnabled('e', false);
  await beats.pass(20);
  assert.deepEqual(beats.slots('e'), [10]);
  await store.setEnabled('e', true);
  await beats.pass(15);
  await store.remove('e');
  await beats.pass(20);
  await beats.stop();
  assert.deepEqual(beats.slots('e').at(-1), 40);
});

test('what fell into a pause is not made up for, whoever leads when it ends', async () => {
  const beats = new MadeBeats();
  const store = new MemoryScheduleStore(() => beats.clock.now());
  const schedule = { e: every(10), all: { ...every(10), catchUp: 'all' as const } };
  const first = await beats.start(schedule, { store });
  await beats.pass(10);
  for (const name of ['e', 'all']) await store.setEnabled(name, false);
  await beats.pass(33);
  for (const name of ['e', 'all']) await store.setEnabled(name, true);
  await beats.pass(10);
  assert.deepEqual(beats.slots('e'), [10, 53], 'an interval counts from when it was resumed');
  assert.deepEqual(beats.slots('all'), [10, 53]);

  await store.setEnabled('e', false);
  await beats.pass(30);
  const ended = first.stop();
  await beats.rest();
  await ended;
  await store.setEnabled('e', true);
  await beats.leap(25);
  await beats.start(schedule, { store });
  await beats.pass(1);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 53, 103], 'only what was due since it was resumed');
});

test('an entry that a program of Python switches on again goes on from then', async () => {
  const beats = new MadeBeats();
  // keeps no moment of it
  class Keeping extends MemoryScheduleStore {
    override async load() {
      const stored = await super.load();
      return stored.map(({ entry, state }) => {
        const { resumedAt: _, ...others } = state ?? { lastRunAt: 0, totalRunCount: 0 };
        return { entry, state: state && others };
      });
    }
  }
  const store = new Keeping();
  await beats.start({ e: every(10) }, { store });
  await beats.pass(10);
  await store.setEnabled('e', false);
  await beats.pass(33);
  await store.setEnabled('e', true);
  await beats.rest();
  await beats.pass(10);
  await beats.stop();
  assert.deepEqual(beats.slots('e'), [10, 53]);
});

test('the run before a pause is the one that must not overlap', async () => {
  const beats = new MadeBeats();
  const store = new MemoryScheduleStore(() => beats.clock.now());
  await beats.start({ e: every(10) }, { store });
  await beats.pass(10);
  await store.setEnabled('e', false);
  await beats.pass(33);
  await store.setEnabled('e', true);
  await beats.pass(1);
  const [{ state }] = (await store.load()) as [StoredEntry];
  const start = Date.parse(START) / 1000;
  assert.equal(state!.lastRunAt - start, 10);
  assert.equal(state!.resumedAt! - start, 43);
  await beats.stop();
});
