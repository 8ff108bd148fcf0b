/** Beat from its start to its end: it reads the schedule, waits to be elected, and sends what is due. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Celery } from '../app/app.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Logger } from '../base/logger.ts';
import type { Service } from '../base/service.ts';
import { humanSeconds } from '../base/time/humanize.ts';
import type { Entry } from '../schedule-stores/entry.ts';
import { LeadershipLost } from '../schedule-stores/errors.ts';
import { checkEntryCall, misspeltTask } from './entry-checks.ts';
import type { Election } from './leader/contract.ts';
import { Leadership, type Term } from './leadership.ts';
import { lockKeyOf } from './lock-key.ts';
import { electionOf } from './open-scheduler.ts';
import { checkOverlap } from './overlap.ts';
import { isRecoverable, messageOf, Retrying } from './retrying.ts';
import { RunIds } from './run-ids.ts';
import type { Scheduler } from './scheduler.ts';
import { Ticker } from './ticker.ts';
import { Wakeup } from './wakeup.ts';

/** Seconds: so soon a clock that was set, or a machine that slept, is noticed. */
const LOOK_EVERY = 5;

export interface BeatOptions {
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** The schedule was read, and what is due is sent from now on; of each time that it leads. */
  readonly onLeading?: () => void;
  /** Part of a worker (`-B`); default false. */
  readonly embedded?: boolean;
  /** Instead of the one that the settings name. */
  readonly election?: Election;
}

export class Beat implements Service {
  readonly app: Celery;
  readonly scheduler: Scheduler;
  readonly #options: BeatOptions;
  readonly #logger: Logger;
  readonly #wakeup: Wakeup;
  readonly #fatal: Deferred<Error> = deferred<Error>();
  #entries: readonly Entry[] = [];
  #ids: RunIds | undefined;
  #leadership: Leadership | undefined;
  #term: Term | undefined;
  #isStopping = false;
  #isChanged = false;
  #unwatch: (() => Promise<void>) | undefined;
  #running: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  constructor(app: Celery, options: BeatOptions) {
    this.app = app;
    this.scheduler = options.scheduler;
    this.#options = options;
    this.#logger = options.logger;
    this.#wakeup = new Wakeup(app.clock);
  }

  /** Resolves when it cannot go on by itself. */
  get failed(): Promise<Error> {
    return this.#fatal.promise;
  }

  /** Whether this one sends; another beat does otherwise, or nobody yet. */
  get isLeading(): boolean {
    return this.#term?.hasTime ?? false;
  }

  /**
   * Resolves when the schedule is read; what is due is sent from then on, or when the beat that leads
   * ends.
   *
   * @throws ImproperlyConfigured for an entry that is wrong, and a store or an election that cannot be
   */
  async start(): Promise<void> {
    this.#starting ??= this.#start();
    try {
      await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Remembers what was sent and lets another beat lead. Idempotent. */
  async stop(): Promise<void> {
    this.#ending ??= this.#stop();
    await this.#ending;
  }

  /** What it does, by headline. */
  async activity(): Promise<Readonly<Record<string, readonly string[]>>> {
    const { holder } = this.#leadership ?? {};
    const state = this.isLeading ? 'leads' : `stands by${holder ? ` (${holder} leads)` : ''}`;
    return { Beat: [state, `${entriesText(this.#entries.length)} of the code`] };
  }

  async #start(): Promise<void> {
    const { app, scheduler } = this;
    const { beatInit, beatEmbeddedInit } = app.signals;
    const event = { hostname: hostname() };
    await (this.#options.embedded ? beatEmbeddedInit : beatInit).send(event.hostname, event);
    await app.checkNames();
    this.#entries = await scheduler.setupSchedule();
    await this.#checkEntries();
    const lockKey = lockKeyOf(app, this.#entries);
    this.#ids = new RunIds(lockKey);
    const election = this.#options.election ?? (await electionOf(app, lockKey));
    this.#leadership = new Leadership({
      election,
      owner: ownName(),
      clock: app.clock,
      logger: this.#logger,
      onLost: () => this.#wakeup.wake(),
    });
    await this.#openStore();
    if (this.#isStopping) return;
    this.#logger.info('beat: Starting...');
    this.#running = this.#run().catch(error => this.#fatal.resolve(error as Error));
  }

  async #checkEntries(): Promise<void> {
    for (const entry of this.#entries) {
      checkOverlap(this.app, entry);
      await checkEntryCall(this.app, entry);
      const doubt = misspeltTask(this.app, entry);
      if (doubt) this.#logger.warning(doubt);
    }
  }

  /** A server that is away now is waited for. */
  async #openStore(): Promise<void> {
    const { store } = this.scheduler;
    const retrying = new Retrying(this.#logger);
    while (!this.#isStopping) {
      try {
        await store.start();
        this.#unwatch = await store.watch(() => {
          this.#isChanged = true;
          this.#wakeup.wake();
        });
        return;
      } catch (error) {
        if (!isRecoverable(error)) throw error;
        await this.#wakeup.sleep(retrying.failed(error));
      }
    }
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    this.#leadership?.stop();
    this.#wakeup.wake();
    await this.#starting?.catch(() => {});
    await this.#running;
    await this.#unwatch?.().catch(() => {});
    try {
      await this.scheduler.store.stop();
    } catch (error) {
      this.#logger.error(`beat: the schedule could not be saved: ${messageOf(error)}.`);
    }
    await this.#leadership?.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const term = await this.#leadership!.elected();
      if (!term) return;
      this.#term = term;
      try {
        await this.#lead(term);
      } catch (error) {
        if (!isLost(error)) throw error;
        term.lose(messageOf(error));
      } finally {
        this.#term = undefined;
        await term.release();
      }
      // whoever was elected is asked for, and not told apart from this one, at once
      if (!this.#isStopping) await this.#wakeup.sleep(1);
    }
  }

  async #lead(term: Term): Promise<void> {
    const { app, scheduler } = this;
    const ticker = new Ticker(term, {
      ...{ scheduler, ids: this.#ids!, clock: app.clock, logger: this.#logger },
      cronDeadline: app.conf.get('beat_cron_starting_deadline'),
      entries: this.#entries,
    });
    const retrying = new Retrying(this.#logger);
    const steps = this.#steps(ticker);
    while (!this.#isStopping && !term.isOver) {
      let pause: number;
      try {
        pause = await steps();
        retrying.succeeded();
      } catch (error) {
        if (!isRecoverable(error)) throw error;
        pause = retrying.failed(error);
      }
      await this.#pause(pause);
    }
    if (!term.isOver) await ticker.end().catch(error => this.#tellUnsaved(error));
  }

  /** The schedule is read first, and again whenever it changes. */
  #steps(ticker: Ticker): () => Promise<number> {
    let isBegun = false;
    return async () => {
      if (!isBegun) {
        this.#isChanged = false;
        await ticker.begin();
        isBegun = true;
        this.#options.onLeading?.();
        const interval = humanSeconds(this.scheduler.maxInterval);
        this.#debug(() => `beat: Ticking with max interval->${interval}`);
      } else if (this.#isChanged) {
        this.#isChanged = false;
        await ticker.reload();
      }
      return await ticker.tick();
    };
  }

  async #pause(seconds: number): Promise<void> {
    if (this.#isStopping) return;
    // others of this process want their turn, too
    if (seconds <= 0) return await new Promise(resolve => setImmediate(resolve));
    const pause = Math.min(seconds, this.scheduler.maxInterval, LOOK_EVERY);
    this.#debug(() => `beat: Waking up in ${pause.toFixed(2)} seconds.`);
    await this.#wakeup.sleep(pause);
  }

  #debug(text: () => string): void {
    if (this.#logger.isEnabledFor('debug')) this.#logger.debug(text());
  }

  #tellUnsaved(error: unknown): void {
    this.#logger.error(
      `beat: what was sent could not be told to other beats: ${messageOf(error)}.`,
    );
  }
}

const entriesText = (count: number) => (count === 1 ? '1 entry' : `${count} entries`);

/** For people, and unlike that of any other beat. */
function ownName(): string {
  return `${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
}

/** Also of another copy of the library, as of a store of the user's. */
function isLost(error: unknown): boolean {
  return (
    error instanceof LeadershipLost || (error as { code?: unknown }).code === 'LEADERSHIP_LOST'
  );
}
