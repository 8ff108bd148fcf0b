/** Which other nodes are there, as far as their events tell. */
import type { Logger } from '../../base/logger.ts';
import { printable } from '../../base/text/printable.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { ReceivedEvent } from '../../events/receiver.ts';
import { EventState } from '../../events/state.ts';

/** Seconds between two looks for nodes that went without a word, as in Celery. */
const LOOK_EVERY = 5;
/** A look that comes so much later than it should (seconds) says more of this process than of others. */
const LATE = 2.5;
/** For so many seconds the heartbeats of a node say nothing new, but that it is there. */
const READ_EVERY = 10;

export interface MembershipOptions {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'info'>;
  /** Whether events of others arrive now. */
  isListening(): boolean;
  /** How often that was interrupted so far. */
  losses(): number;
}

/** The view that a worker has of its fleet, itself left out. Celery: the members of `Gossip`. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #state: EventState;
  /** By node name: when a heartbeat of it was read. */
  readonly #readAt = new Map<string, number>();
  #timer: Timer | undefined;
  #lookedAt = 0;
  /** Since when whatever others said was heard here. */
  #hearingSince = 0;
  #losses = 0;

  constructor(options: MembershipOptions) {
    const { logger } = options;
    this.#options = options;
    this.#state = new EventState({
      onNodeJoin: ({ hostname }) => logger.debug(`${printable(hostname)} joined the party`),
      onNodeLeave: ({ hostname }) => {
        logger.debug(`${printable(hostname)} left`);
        this.#forget(hostname);
      },
    });
  }

  /** How many others are alive. */
  get alive(): number {
    return this.#state.aliveWorkers(this.#options.clock.now()).length;
  }

  /** Names of the others. */
  get nodes(): string[] {
    return [...this.#state.workers.keys()];
  }

  /** An event of another node about itself. */
  event(event: ReceivedEvent): void {
    this.#state.event(event);
    if (event.type === 'worker-heartbeat') this.#readAt.set(event.hostname, event.local_received);
  }

  /**
   * A heartbeat came. Returns false when it has to be read, and given to `event`.
   *
   * @param hostname what the message says, which may be anything
   */
  beat(hostname: unknown): boolean {
    if (typeof hostname !== 'string') return false;
    const readAt = this.#readAt.get(hostname);
    if (readAt === undefined) return false;
    const now = this.#options.clock.now();
    const worker = this.#state.workers.get(hostname);
    if (worker === undefined || now - readAt >= READ_EVERY || now < readAt) return false;
    worker.beat(now);
    return true;
  }

  start(): void {
    const { clock, losses } = this.#options;
    this.#timer?.cancel();
    this.#lookedAt = clock.now();
    this.#hearingSince = this.#lookedAt;
    this.#losses = losses();
    this.#timer = clock.every(LOOK_EVERY, () => this.#look(), { unref: true });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const { clock, isListening, logger, losses } = this.#options;
    const now = clock.now();
    const isInTime = Math.abs(now - this.#lookedAt - LOOK_EVERY) < LATE;
    this.#lookedAt = now;
    const isUninterrupted = isInTime && isListening() && losses() === this.#losses;
    this.#losses = losses();
    if (!isUninterrupted) this.#hearingSince = now;
    for (const [hostname, worker] of this.#state.workers) {
      // what we did not hear ourselves nobody has missed
      if (worker.isAlive(now) || now < this.#hearingSince + worker.patience) continue;
      logger.info(`missed heartbeat from ${printable(hostname)}`);
      this.#forget(hostname);
    }
    // those that had to go as there were too many
    for (const hostname of this.#readAt.keys()) {
      if (!this.#state.workers.has(hostname)) this.#readAt.delete(hostname);
    }
  }

  #forget(hostname: string): void {
    this.#state.forgetWorker(hostname);
    this.#readAt.delete(hostname);
  }
}
