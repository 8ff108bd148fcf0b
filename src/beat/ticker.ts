/** The work of a beat that leads: what is due is claimed, sent and remembered, many at a time. */
import type { Logger } from '../base/logger.ts';
import type { Clock } from '../base/time/clock.ts';
import type { Entry, EntryState } from '../schedule-stores/entry.ts';
import { LeadershipLost } from '../schedule-stores/errors.ts';
import { Agenda, type Due } from './agenda.ts';
import { ClockWatch } from './clock-watch.ts';
import type { Remembered } from './leader/contract.ts';
import type { Term } from './leadership.ts';
import { hasEnded } from './overlap.ts';
import { isRecoverable, messageOf, Retrying } from './retrying.ts';
import type { RunIds } from './run-ids.ts';
import type { Scheduler } from './scheduler.ts';

/** Sent at once; what is due besides follows. */
const MOST_AT_ONCE = 500;
/** Batches that may be on their way at once. */
const MOST_SENDING = 3;
/** Seconds after which the leader's place and a shared store hear of what was sent, at the latest. */
const REMEMBER_AFTER = 1;
/** Seconds until a run that waits for the one before is looked at again. */
const OVERLAP_PAUSE = 1;
/** Seconds until the lease is asked for again, when it could not be renewed in time. */
const RENEWAL_PAUSE = 0.5;

export interface TickerOptions {
  readonly scheduler: Scheduler;
  readonly ids: RunIds;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `beat_cron_starting_deadline`; seconds, or null. */
  readonly cronDeadline: number | null;
  /** Those of the code. */
  readonly entries: readonly Entry[];
}

export class Ticker {
  readonly #options: TickerOptions;
  readonly #term: Term;
  readonly #agenda: Agenda;
  readonly #clockWatch: ClockWatch;
  readonly #retrying: Retrying;
  /** Batches that are being sent. */
  readonly #sending = new Set<Promise<void>>();
  /** Seconds until the broker is tried again; 0 while it is there. */
  #pause = 0;
  /** Names of entries whose last run is sent, which the place of the leader does not know yet. */
  #unconfirmed: string[] = [];
  readonly #unsaved = new Map<string, EntryState>();
  /** Since when there is something of both, by the monotonic clock. */
  #untoldSince = 0;

  constructor(term: Term, options: TickerOptions) {
    this.#options = options;
    this.#term = term;
    this.#clockWatch = new ClockWatch(options.clock);
    this.#retrying = new Retrying(options.logger);
    this.#agenda = new Agenda({
      ids: options.ids,
      cronDeadline: (options.cronDeadline ?? Number.POSITIVE_INFINITY) * 1000,
      onBadSchedule: ({ name }, error) => {
        options.logger.error(`beat: the entry ${name} is left out for now: ${messageOf(error)}.`);
      },
    });
  }

  /** The schedule as it is now, with what earlier leaders have sent. */
  async begin(): Promise<void> {
    const { scheduler, logger, entries } = this.#options;
    const { lease } = this.#term;
    await scheduler.store.putCode(entries);
    await this.reload(lease.remembered);
    const gone = [...lease.remembered.keys()].filter(name => !this.#agenda.has(name));
    if (gone.length > 0) await lease.forget(gone);
    if (!logger.isEnabledFor('debug')) return;
    logger.debug(`Current schedule:\n${this.#agenda.entries.map(entryText).join('\n')}`);
  }

  /** Entries were added, changed or removed. */
  async reload(remembered?: ReadonlyMap<string, Remembered>): Promise<void> {
    const { scheduler, logger } = this.#options;
    await this.#drain();
    const before = this.#agenda.entries;
    const stored = await scheduler.store.load((name, error) => {
      logger.error(`beat: the entry ${name} is left out: ${messageOf(error)}.`);
    });
    const seen = this.#agenda.replace(stored, this.#now(), remembered);
    if (seen.length > 0) await scheduler.store.save(seen, this.#term.lease.token);
    const gone = before.map(({ name }) => name).filter(name => !this.#agenda.has(name));
    for (const name of gone) this.#unsaved.delete(name);
    if (gone.length > 0) await this.#term.lease.forget(gone);
  }

  /**
   * Send what is due.
   *
   * @returns seconds until the next call is of use
   * @throws LeadershipLost
   */
  async tick(): Promise<number> {
    this.#lookAtClock();
    if (!(await this.#term.secure())) return RENEWAL_PAUSE;
    const batch = this.#agenda.take(this.#now(), MOST_AT_ONCE);
    const free = await this.#withoutOverlaps(batch);
    if (free.length > 0) await this.#send(free);
    // what is claimed next need not wait for what is being sent
    const isMoreDue = this.#agenda.nextDue <= this.#now();
    if (isMoreDue && this.#sending.size < MOST_SENDING && this.#pause === 0) return 0;
    const pause = await this.#drain();
    if (pause > 0) return pause;
    await this.#tellInTime();
    const untilTold = this.#isAllTold ? Number.POSITIVE_INFINITY : REMEMBER_AFTER;
    return Math.min((this.#agenda.nextDue - this.#now()) / 1000, untilTold);
  }

  /** Remember everything now, as it ends. */
  async end(): Promise<void> {
    await this.#drain();
    await this.#tell();
  }

  /** Until everything is sent. @returns seconds until the broker is tried again; 0 when it is there */
  async #drain(): Promise<number> {
    await Promise.all(this.#sending);
    const pause = this.#pause;
    this.#pause = 0;
    return pause;
  }

  #now(): number {
    return Math.round(this.#options.clock.now() * 1000);
  }

  #lookAtClock(): void {
    const jump = this.#clockWatch.look();
    if (jump === 0) return;
    const { logger } = this.#options;
    const seconds = Math.abs(jump).toFixed(0);
    if (jump > 0) {
      logger.warning(
        `beat: the clock went forward by ${seconds} seconds, or the machine slept: due times that passed are made up for as their entries say.`,
      );
      return;
    }
    const names = this.#agenda.rebase(this.#now());
    const rest = names.length === 0 ? '' : ` ${names.length} entries go on from now.`;
    logger.warning(
      `beat: the clock was set back by ${seconds} seconds: what was sent is not sent a second time.${rest}`,
    );
  }

  /** Those whose run before has ended, as far as they care. */
  async #withoutOverlaps(batch: readonly Due[]): Promise<readonly Due[]> {
    if (batch.every(({ row }) => row.entry.overlap === 'allow')) return batch;
    const mayRun = await Promise.all(batch.map(due => this.#mayRun(due)));
    return batch.filter((_, i) => mayRun[i]);
  }

  async #mayRun(due: Due): Promise<boolean> {
    const { row } = due;
    const { overlap, name } = row.entry;
    const before = overlap === 'allow' ? undefined : this.#agenda.idBefore(row);
    if (before === undefined) return true;
    const { scheduler, logger } = this.#options;
    try {
      if (await hasEnded(scheduler.app, before, row.last / 1000)) return true;
    } catch (error) {
      logger.error(
        `beat: whether the run of ${name} before has ended is not known: ${messageOf(error)}.`,
      );
      this.#agenda.putBack(due, this.#now() + OVERLAP_PAUSE * 1000);
      return false;
    }
    if (overlap === 'queue-one') this.#agenda.putBack(due, this.#now() + OVERLAP_PAUSE * 1000);
    else {
      logger.info(`Scheduler: Leaving out ${name}: its run before has not ended`);
      this.#agenda.skip(due, this.#now());
    }
    return false;
  }

  /** Resolves when it is claimed and on its way. */
  async #send(batch: readonly Due[]): Promise<void> {
    const { lease } = this.#term;
    const unconfirmed = [...this.#unconfirmed];
    try {
      await lease.claim(
        batch.map(due => this.#agenda.claim(due)),
        unconfirmed,
      );
    } catch (error) {
      if (!isRecoverable(error)) throw error;
      for (const due of batch) this.#agenda.putBack(due, this.#now());
      this.#pause = this.#retrying.failed(error);
      return;
    }
    this.#unconfirmed = this.#unconfirmed.slice(unconfirmed.length);
    if (!this.#term.hasTime) throw new LeadershipLost('The lease ended before something was sent.');
    const sending = Promise.all(batch.map(due => this.#apply(due))).then(failures => {
      this.#sending.delete(sending);
      this.#settle(batch, failures);
    });
    this.#sending.add(sending);
  }

  /** @returns what went wrong */
  async #apply(due: Due): Promise<unknown> {
    const { scheduler, logger } = this.#options;
    const { entry } = due.row;
    if (logger.isEnabledFor('info')) {
      logger.info(`Scheduler: Sending due task ${entry.name} (${entry.task})`);
    }
    try {
      const { slot, id, totalRunCount } = this.#agenda.claim(due);
      const sent = await scheduler.applyEntry(entry, { slot, id, totalRunCount });
      if (logger.isEnabledFor('debug')) logger.debug(`${entry.task} sent. id->${sent}`);
      return undefined;
    } catch (error) {
      return error ?? new Error('The entry failed without an error.');
    }
  }

  #settle(batch: readonly Due[], failures: readonly unknown[]): void {
    const { logger } = this.#options;
    const away = failures.find(failure => failure !== undefined && isRecoverable(failure));
    for (const [i, due] of batch.entries()) {
      const failure = failures[i];
      if (failure !== undefined && isRecoverable(failure)) {
        this.#agenda.putBack(due, this.#now());
        continue;
      }
      if (failure !== undefined) {
        const { stack } = failure as Error;
        logger.error(`Message Error: ${due.row.entry.name}: ${stack ?? String(failure)}`);
      }
      const { name, state } = this.#agenda.done(due);
      if (this.#isAllTold) this.#untoldSince = this.#options.clock.monotonic();
      this.#unconfirmed.push(name);
      this.#unsaved.set(name, state);
    }
    if (away === undefined) this.#retrying.succeeded();
    else if (this.#pause === 0) this.#pause = this.#retrying.failed(away);
  }

  get #isAllTold(): boolean {
    return this.#unconfirmed.length === 0 && this.#unsaved.size === 0;
  }

  async #tellInTime(): Promise<void> {
    if (this.#isAllTold) return;
    const { clock, scheduler } = this.#options;
    // a store of our own costs nothing, and forgets nothing then when we are killed
    if (!scheduler.store.isShared) await this.#save();
    if (clock.monotonic() - this.#untoldSince >= REMEMBER_AFTER) await this.#tell();
  }

  async #tell(): Promise<void> {
    await this.#save();
    if (this.#unconfirmed.length === 0) return;
    const names = this.#unconfirmed;
    this.#unconfirmed = [];
    try {
      await this.#term.lease.claim([], names);
    } catch (error) {
      this.#unconfirmed.push(...names);
      throw error;
    }
  }

  /** What cannot be written is written with what follows. */
  async #save(): Promise<void> {
    if (this.#unsaved.size === 0) return;
    const { scheduler, logger } = this.#options;
    const runs = [...this.#unsaved].map(([name, state]) => ({ name, state }));
    try {
      await scheduler.store.save(runs, this.#term.lease.token);
      this.#unsaved.clear();
    } catch (error) {
      if (error instanceof LeadershipLost) throw error;
      logger.error(`beat: the schedule could not be saved: ${messageOf(error)}.`);
    }
  }
}

function entryText({ name, task, schedule }: Entry): string {
  return `<ScheduleEntry: ${name} ${task}() ${schedule}>`;
}
