import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { TimeZone } from '../../base/time/time-zone.ts';
import { toIso } from '../../wire/dates.ts';
import type { Request } from '../request.ts';

export interface ParkingOptions {
  /** `worker_park_eta_after`: seconds. */
  readonly after: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** In which the log says ETAs; undefined is UTC. */
  readonly zone?: TimeZone | undefined;
}

/** Seconds until it is tried again to park messages of a queue, as most would be tried in vain. */
const PAUSE = 60;
/** No broker parks for less than a second. */
const LEAST = 1;

/**
 * Gives messages that are due much later back to the broker, where that can keep them: here they
 * would take memory and prefetch count, and RabbitMQ closes channels that hold a message too long.
 */
export class EtaParking {
  readonly #options: ParkingOptions;
  /** Until when a queue is left alone, by the monotonic clock, which nobody sets. */
  readonly #paused = new Map<string, number>();

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  /**
   * Whether it is tried to park the message of the request. Then `onDone` is told whether the
   * request is over here; if not, the broker could not keep it and it is the caller's again.
   */
  take(request: Request, onDone: (isOver: boolean) => void): boolean {
    const { clock } = this.#options;
    const { delivery, headers } = request;
    const { park } = delivery;
    const { eta } = headers;
    if (eta === null || !park || !this.#isFar(request)) return false;
    if (this.#isPaused(delivery.queue)) return false;
    park(eta - clock.now()).then(
      () => {
        this.#parked(request, eta);
        onDone(true);
      },
      error => {
        this.#refused(request, error as Error);
        onDone(delivery.lost ?? false);
      },
    );
    return true;
  }

  /** Seconds after which to try again with a request that could not be parked. */
  retryAfter(request: Request): number {
    return request.delivery.park && this.#isFar(request) ? PAUSE : Number.POSITIVE_INFINITY;
  }

  #isFar({ delivery, headers: { eta } }: Request): boolean {
    if (eta === null || delivery.settled) return false;
    const seconds = eta - this.#options.clock.now();
    return seconds >= LEAST && seconds > this.#options.after;
  }

  #isPaused(queue: string): boolean {
    const until = this.#paused.get(queue);
    if (until === undefined) return false;
    if (until > this.#options.clock.monotonic()) return true;
    this.#paused.delete(queue);
    return false;
  }

  #parked({ label, id }: Request, eta: number): void {
    const { logger, zone } = this.#options;
    if (!logger.isEnabledFor('info')) return;
    logger.info(`Task ${label} waits in the broker, eta: ${toIso(eta, zone)}`, { task_id: id });
  }

  #refused({ delivery: { queue, lost } }: Request, { message }: Error): void {
    const { logger, clock } = this.#options;
    if (lost || this.#isPaused(queue)) return;
    this.#paused.set(queue, clock.monotonic() + PAUSE);
    logger.warning(
      `Messages of queue ${queue} with a far ETA are held by the worker, because the broker could not keep them: ${message}`,
    );
  }
}
