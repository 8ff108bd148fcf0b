/** Beats of one process with a clock that the test moves; what they send is noted and goes nowhere. */
import { Celery } from '../../../src/app/app.ts';
import type { BeatEntry } from '../../../src/app/options/beat-schedule.ts';
import type { CeleryConfig } from '../../../src/app/settings/tables/table.ts';
import type { LogLevel } from '../../../src/base/logger.ts';
import type { Election } from '../../../src/beat/leader/contract.ts';
import type { Run } from '../../../src/beat/scheduler.ts';
import { Scheduler } from '../../../src/beat/scheduler.ts';
import { Beat } from '../../../src/beat/service.ts';
import { loggerTo } from '../../../src/process/log.ts';
import type { ScheduleStore } from '../../../src/schedule-stores/contract.ts';
import type { Entry } from '../../../src/schedule-stores/entry.ts';
import { MemoryScheduleStore } from '../../../src/schedule-stores/memory.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { MemoryElection, MemoryPlace } from '../../support/memory-election.ts';

export const START = '2026-11-30T10:00:00Z';

export interface Sent extends Run {
  readonly name: string;
  readonly by: number;
}

interface Options {
  readonly settings?: CeleryConfig;
  readonly store?: ScheduleStore;
  readonly election?: Election;
}

/** What several beats share: the clock, the place where they elect, and what they have sent. */
export class MadeBeats {
  readonly clock = new FakeClock(START);
  readonly place = new MemoryPlace(this.clock);
  readonly sent: Sent[] = [];
  readonly log: { level: LogLevel; text: string }[] = [];
  /** Called instead of a broker; what it throws, sending throws. */
  deliver: (entry: Entry, run: Run) => void = () => {};
  readonly #beats: Beat[] = [];

  make(schedule: Readonly<Record<string, BeatEntry>>, options: Options = {}): Beat {
    const settings = { broker_url: 'memory://', beat_schedule: schedule, ...options.settings };
    const app = new Celery('proj', settings);
    app.clock = this.clock;
    const logger = loggerTo('debug', (level, text) => this.log.push({ level, text }));
    const by = this.#beats.length;
    const note = (entry: Entry, run: Run) => {
      this.deliver(entry, run);
      this.sent.push({ ...run, name: entry.name, by });
      return run.id;
    };
    class Noting extends Scheduler {
      override async applyEntry(entry: Entry, run: Run): Promise<string> {
        return note(entry, run);
      }
    }
    const store = options.store ?? new MemoryScheduleStore();
    const scheduler = new Noting(app, { store, maxInterval: 300, logger });
    const election = options.election ?? new MemoryElection(this.place);
    const beat = new Beat(app, { scheduler, logger, election });
    this.#beats.push(beat);
    return beat;
  }

  /** Started, and waiting for its first due time. */
  async start(schedule: Readonly<Record<string, BeatEntry>>, options: Options = {}): Promise<Beat> {
    const beat = this.make(schedule, options);
    await beat.start();
    await this.rest();
    return beat;
  }

  /** Until all beats sleep: nothing here waits for anything outside of the process. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 40; turn++) await new Promise(resolve => setImmediate(resolve));
  }

  /** Second after second, as time goes. */
  async pass(seconds: number, step = 1): Promise<void> {
    for (let passed = 0; passed < seconds; passed += step) {
      this.clock.advance(Math.min(step, seconds - passed));
      await this.rest();
    }
  }

  /** All at once, as when the machine slept or was busy. */
  async leap(seconds: number): Promise<void> {
    this.clock.advance(seconds);
    await this.rest();
  }

  /** Due times that were sent of an entry, in seconds since the start. */
  slots(name: string): number[] {
    const start = Date.parse(START) / 1000;
    return this.sent.filter(each => each.name === name).map(({ slot }) => slot - start);
  }

  lines(level: LogLevel): string[] {
    return this.log.filter(line => line.level === level).map(({ text }) => text);
  }

  async stop(): Promise<void> {
    for (const beat of this.#beats) {
      const ended = beat.stop();
      await this.rest();
      await ended;
    }
  }
}
