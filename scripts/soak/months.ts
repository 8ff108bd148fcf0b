/**
 * Two beats and a worker through simulated months, with clocks that change: every due time has to be
 * sent once and run once, whoever leads.
 *
 *   node --import tsx scripts/soak/months.ts [MONTHS] [SEED]
 *
 * The due times that are expected come from looking at every minute of every zone. Now and then a beat
 * ends and another one starts. Prints a line for each month; exit code 1 when one was missed or doubled.
 */
import { Celery } from '../../src/app/app.ts';
import type { BeatEntry } from '../../src/app/options/beat-schedule.ts';
import type { Run } from '../../src/beat/scheduler.ts';
import { Scheduler } from '../../src/beat/scheduler.ts';
import { Beat } from '../../src/beat/service.ts';
import { loggerTo } from '../../src/process/log.ts';
import type { Entry } from '../../src/schedule-stores/entry.ts';
import { MemoryScheduleStore } from '../../src/schedule-stores/memory.ts';
import { crontab } from '../../src/schedules/crontab.ts';
import { FakeClock, startTestWorker } from '../../src/testing/index.ts';
import { MemoryElection, MemoryPlace } from '../../test/support/memory-election.ts';
import { dueTimes, LocalClock } from '../schedules/brute-force.ts';
import { type RandomCrontab, RandomCrontabs } from '../schedules/random-crontab.ts';

const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo'],
  ...['America/Santiago', 'Asia/Kathmandu', 'Pacific/Apia'],
];
const CRONTABS_PER_ZONE = 4;
/** Minutes. */
const INTERVALS = [7, 45, 60, 1440];
const MINUTE = 60;
const DAY = 86_400;
const START = Date.UTC(2026, 1, 1) / 1000;
/** A beat ends about so often. */
const MINUTES_OF_A_BEAT = 3000;

interface Expected {
  readonly entry: BeatEntry;
  dueTimes(start: number, end: number): number[];
}

function crontabEntries(random: RandomCrontabs): [string, Expected][] {
  return ZONES.flatMap(zone => {
    const clock = new LocalClock(zone);
    return Array.from({ length: CRONTABS_PER_ZONE }, (_, i): [string, Expected] => {
      const made = possible(random);
      const schedule = crontab({
        minute: made.minute.text,
        hour: made.hour.text,
        dayOfWeek: made.dayOfWeek.text,
        dayOfMonth: made.dayOfMonth.text,
        monthOfYear: made.monthOfYear.text,
        timezone: zone,
      });
      const entry = { task: 'months.note', schedule };
      return [`${zone} ${i}`, { entry, dueTimes: (from, to) => dueTimes(clock, made, from, to) }];
    });
  });
}

/** One that is due now and then, and not all the time. */
function possible(random: RandomCrontabs): RandomCrontab {
  for (;;) {
    const made = { ...random.crontab(), minute: random.field(0, 59, 0) };
    const utc = new LocalClock('UTC');
    const count = dueTimes(utc, made, START, START + 60 * DAY).length;
    if (count > 0 && count < 10_000) return made;
  }
}

const intervalEntries = (): [string, Expected][] =>
  INTERVALS.map(minutes => [
    `every ${minutes} minutes`,
    {
      entry: { task: 'months.note', schedule: minutes * MINUTE },
      dueTimes: (from, to) =>
        Array.from(
          { length: Math.floor((to - START) / (minutes * MINUTE)) },
          (_, i) => START + (i + 1) * minutes * MINUTE,
        ).filter(due => due > from),
    },
  ]);

/** Beats that share a place of election, a store and a clock; each starts and ends by itself. */
class Beats {
  readonly sent = new Map<string, { readonly name: string; readonly slot: number }[]>();
  readonly #app: Celery;
  readonly #place: MemoryPlace;
  readonly #store = new MemoryScheduleStore();
  #running: Beat[] = [];

  constructor(app: Celery) {
    this.#app = app;
    this.#place = new MemoryPlace(app.clock);
  }

  async start(): Promise<void> {
    const app = this.#app;
    const logger = loggerTo('error', (level, text) => console.error(`${level}: ${text}`));
    const note = (entry: Entry, run: Run) => {
      const known = this.sent.get(run.id) ?? [];
      this.sent.set(run.id, [...known, { name: entry.name, slot: run.slot }]);
    };
    class Noting extends Scheduler {
      override async applyEntry(entry: Entry, run: Run): Promise<string> {
        const id = await super.applyEntry(entry, run);
        note(entry, run);
        return id;
      }
    }
    const scheduler = new Noting(app, { store: this.#store, maxInterval: 300, logger });
    const beat = new Beat(app, { scheduler, logger, election: new MemoryElection(this.#place) });
    this.#running.push(beat);
    await beat.start();
  }

  /** The one that has run for longest ends. */
  async end(): Promise<void> {
    await this.#running.shift()?.stop();
  }

  async stop(): Promise<void> {
    while (this.#running.length > 0) await this.end();
  }
}

async function main(months: number, seed: number): Promise<boolean> {
  const random = new RandomCrontabs(seed);
  const expected = new Map([...crontabEntries(random), ...intervalEntries()]);
  const schedule = Object.fromEntries([...expected].map(([name, { entry }]) => [name, entry]));
  const app = new Celery('months', { beat_schedule: schedule, result_expires: null });
  const runs = new Map<string, number>();
  app.task('months.note', { bind: true, ignoreResult: true }, self => {
    runs.set(self.request.id, (runs.get(self.request.id) ?? 0) + 1);
  });
  const clock = new FakeClock(START);
  const worker = await startTestWorker(app, { clock });
  const beats = new Beats(app);
  await beats.start();
  await beats.start();
  let isRight = true;
  for (let month = 0; month < months; month++) {
    const from = clock.now();
    const to = Date.UTC(2026, 2 + month, 1) / 1000;
    let ended = 0;
    while (clock.now() < to) {
      await worker.advance(MINUTE);
      if (random.below(MINUTES_OF_A_BEAT) > 0) continue;
      await beats.end();
      await beats.start();
      ended++;
    }
    // what is due in this very moment
    await worker.advance(1);
    await worker.advance(MINUTE - 1);
    isRight = report({ expected, beats, runs, from, to, ended }) && isRight;
    beats.sent.clear();
    runs.clear();
  }
  await beats.stop();
  await worker.stop();
  return isRight;
}

interface Month {
  readonly expected: ReadonlyMap<string, Expected>;
  readonly beats: Beats;
  readonly runs: ReadonlyMap<string, number>;
  readonly from: number;
  readonly to: number;
  readonly ended: number;
}

function report({ expected, beats, runs, from, to, ended }: Month): boolean {
  const slots = new Map<string, number[]>([...expected.keys()].map(name => [name, []]));
  const twice: string[] = [];
  for (const [id, sends] of beats.sent) {
    for (const { name, slot } of sends) slots.get(name)!.push(slot);
    if (sends.length > 1 || runs.get(id) !== 1)
      twice.push(`${sends[0]!.name} ${iso(sends[0]!.slot)}`);
  }
  const odd = [...expected].flatMap(([name, each]) => {
    const due = each.dueTimes(from, to + MINUTE);
    const sent = slots.get(name)!;
    const missed = due.filter(slot => !sent.includes(slot)).map(slot => `missed ${iso(slot)}`);
    const extra = sent.filter(slot => !due.includes(slot)).map(slot => `too many ${iso(slot)}`);
    return [...missed, ...extra].map(text => `${name}: ${text}`);
  });
  for (const text of [
    ...odd.slice(0, 20),
    ...twice.slice(0, 20).map(each => `not once: ${each}`),
  ]) {
    console.log(text);
  }
  console.log(
    `${iso(from).slice(0, 7)}: ${beats.sent.size} due times of ${expected.size} entries, ${ended} beats ended; ${odd.length} missed or wrong, ${twice.length} not sent and run once`,
  );
  return odd.length === 0 && twice.length === 0;
}

const iso = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 16);

const [months = '12', seed = '1'] = process.argv.slice(2);
process.exitCode = (await main(Number(months), Number(seed))) ? 0 : 1;
