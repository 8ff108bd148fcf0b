import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { toIso } from '../wire/dates.ts';
import type { Request } from './request.ts';

export interface ParkingOptions {
  /** `worker_park_eta_after`: seconds. */
  readonly after: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Seconds for which a queue is left alone whose messages could not be parked. */
const PAUSE = 60;
/** No broker parks for less than a second. */
const LEAST = 1;

/**
 * Gives messages that are due much later back to the broker, where that can keep them: here they
 * would take memory and prefetch count, and RabbitMQ closes channels that hold a message too long.
 */
export class EtaParking {
  readonly #options: ParkingOptions;
  /** Until when (by the monotonic clock) a queue is left alone. */
  readonly #paused = new Map<string, number>();

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  /**
   * Whether the message of the request waits in the broker now. `onRefused` is called when it
   * turns out that it does not; the request is the caller's again then.
   */
  take(request: Request, onRefused: () => void): boolean {
    const { after, clock } = this.#options;
    const { eta } = request.headers;
    if (eta === null) return false;
    const seconds = eta - clock.now();
    if (seconds < LEAST || seconds <= after) return false;
    const { delivery } = request;
    const park = delivery.settled ? undefined : delivery.park;
    if (!park || this.#isPaused(delivery.queue)) return false;
    park(seconds).then(
      () => this.#parked(request, eta),
      error => {
        this.#refused(request, error as Error);
        if (!delivery.lost) onRefused();
      },
    );
    return true;
  }

  #isPaused(queue: string): boolean {
    const until = this.#paused.get(queue);
    if (until === undefined) return false;
    if (until > this.#options.clock.monotonic()) return true;
    this.#paused.delete(queue);
    return false;
  }

  #parked({ label, id }: Request, eta: number): void {
    const { logger } = this.#options;
    if (!logger.isEnabledFor('info')) return;
    logger.info(`Task ${label} waits in the broker, eta: ${toIso(eta)}`, { task_id: id });
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
