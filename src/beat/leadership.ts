/** This beat among others: it stands by until it has the lease, and leads for as long as it keeps it. */
import type { Logger } from '../base/logger.ts';
import type { Clock, Timer } from '../base/time/clock.ts';
import { type Election, LEASE, type Lease, RENEWAL } from './leader/contract.ts';
import { LocalElection } from './leader/local.ts';
import { isRecoverable, messageOf, Retrying } from './retrying.ts';
import { Wakeup } from './wakeup.ts';

/** Seconds of a lease that are not used: what is sent at its end must arrive before another one leads. */
const MARGIN = 2;
/** Seconds after which a renewal that failed is tried again. */
const RENEWAL_RETRY = 1;

export interface LeadershipOptions {
  readonly election: Election;
  /** Tells this beat from all others. */
  readonly owner: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a term ends by itself. */
  readonly onLost: () => void;
}

/** The time from an election until the lease is lost, or given up. */
export class Term {
  readonly lease: Lease;
  readonly #options: LeadershipOptions;
  #until: number;
  #timer: Timer | undefined;
  #isOver = false;

  /** @param asked when the lease was asked for, by the monotonic clock */
  constructor(lease: Lease, asked: number, options: LeadershipOptions) {
    this.lease = lease;
    this.#options = options;
    if (options.election instanceof LocalElection) this.#until = Number.POSITIVE_INFINITY;
    else {
      this.#until = asked + LEASE;
      this.#renewAfter(RENEWAL);
    }
  }

  /** Whether something may be sent now. */
  get hasTime(): boolean {
    return !this.#isOver && this.#options.clock.monotonic() < this.#until - MARGIN;
  }

  /** The same, after a renewal when there is no time left, as after the process was stopped for long. */
  async secure(): Promise<boolean> {
    if (this.hasTime || this.#isOver) return this.hasTime;
    this.#timer?.cancel();
    await this.#renew();
    return this.hasTime;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The lease is another's, or it is not known whose. */
  lose(why: string): void {
    if (this.#isOver) return;
    this.#end();
    this.#options.logger.warning(`beat: no longer the leader: ${why}`);
    this.#options.onLost();
  }

  /** Give the lease to others. */
  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    try {
      await this.lease.release();
    } catch (error) {
      // it ends by itself
      this.#options.logger.debug(`beat: the lease could not be given up: ${messageOf(error)}`);
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #renewAfter(seconds: number): void {
    this.#timer = this.#options.clock.after(seconds, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { clock } = this.#options;
    const asked = clock.monotonic();
    try {
      const isOurs = await this.lease.renew();
      if (this.#isOver) return;
      if (!isOurs) return this.lose('the lease is gone, or that of another beat');
      this.#until = asked + LEASE;
      this.#renewAfter(RENEWAL);
    } catch (error) {
      if (this.#isOver) return;
      if (clock.monotonic() >= this.#until - MARGIN) {
        return this.lose(`the lease could not be renewed in time: ${messageOf(error)}`);
      }
      this.#renewAfter(RENEWAL_RETRY);
    }
  }
}

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #wakeup: Wakeup;
  readonly #retrying: Retrying;
  #isStopped = false;
  #isStarted = false;
  #holder: string | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#wakeup = new Wakeup(options.clock);
    this.#retrying = new Retrying(options.logger);
  }

  /** Who leads, while this one stands by. */
  get holder(): string | undefined {
    return this.#holder;
  }

  /**
   * Resolves when this beat is elected; with undefined when it is stopped before.
   *
   * @throws what the election cannot get over
   */
  async elected(): Promise<Term | undefined> {
    while (!this.#isStopped) {
      const [term, pause] = await this.#ask();
      if (term && !this.#isStopped) return term;
      if (term) await term.release();
      else await this.#wakeup.sleep(pause);
    }
    return undefined;
  }

  /** Ends the wait for an election. */
  stop(): void {
    this.#isStopped = true;
    this.#wakeup.wake();
  }

  async close(): Promise<void> {
    if (this.#isStarted) await this.#options.election.stop();
  }

  async #ask(): Promise<readonly [Term | undefined, pause: number]> {
    const { election, owner, clock } = this.#options;
    try {
      if (!this.#isStarted) {
        this.#isStarted = true;
        await election.start();
      }
      const asked = clock.monotonic();
      const lease = await election.acquire(owner);
      this.#retrying.succeeded();
      if (!lease) {
        await this.#tellHolder();
        return [undefined, RENEWAL];
      }
      this.#tellElected();
      return [new Term(lease, asked, this.#options), 0];
    } catch (error) {
      if (!isRecoverable(error)) throw error;
      return [undefined, this.#retrying.failed(error)];
    }
  }

  async #tellHolder(): Promise<void> {
    const { election, logger } = this.#options;
    const holder = await election.holder();
    if (holder === undefined || holder === this.#holder) return;
    this.#holder = holder;
    logger.info(`beat: another beat leads (${holder}); standing by`);
  }

  #tellElected(): void {
    const { election, logger } = this.#options;
    this.#holder = undefined;
    if (!(election instanceof LocalElection)) logger.info(`beat: leading (${election.info})`);
  }
}
