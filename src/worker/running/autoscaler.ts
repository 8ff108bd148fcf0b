/** How many children the pool has: as many as there is work for, within bounds. Celery: `Autoscaler`. */
import type { AutoscaleLoad } from '../../app/workers/worker-options.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isClass } from '../../base/kind-of.ts';
import type { Logger } from '../../base/logger.ts';
import type { Service } from '../../base/service.ts';
import { printable } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';
import { isSeconds } from '../../base/time/seconds.ts';
import type { Pool } from '../../pool/contract.ts';

/** Numbers of children. */
export interface AutoscaleRange {
  readonly max: number;
  readonly min: number;
}

export interface AutoscalerPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: Pick<Pool, 'size' | 'grow' | 'letGo'>;
  /** Places of one child. */
  readonly slots: number;
  /** Requests that have a place or wait for one. */
  reserved(): number;
  /** There is another maximum. */
  onMost(): void;
  /** `worker_autoscaler`: how many children there should be, if somebody else is to say that. */
  readonly decide?: ((load: AutoscaleLoad) => unknown) | undefined;
}

/** Seconds. */
const KEEPALIVE = 30;

/**
 * Seconds for which children stay after the last time that there were more; `AUTOSCALE_KEEPALIVE`.
 *
 * @throws ImproperlyConfigured for what is no such number
 */
export function keepalive(env: NodeJS.ProcessEnv = process.env): number {
  const text = env.AUTOSCALE_KEEPALIVE?.trim();
  if (!text) return KEEPALIVE;
  const seconds = Number(text);
  if (isSeconds(seconds) && seconds > 0) return seconds;
  throw new ImproperlyConfigured(
    `The environment variable AUTOSCALE_KEEPALIVE must be a number of seconds above 0, not ${JSON.stringify(text)}.`,
  );
}

/** Celery's own, as a config file shared with Python may have it. */
const BUILT_IN = 'celery.worker.autoscale:Autoscaler';

/**
 * What `worker_autoscaler` says; undefined when that is as always.
 *
 * @throws ImproperlyConfigured for a class, or a name of one
 */
export function decider(setting: unknown): AutoscalerPorts['decide'] {
  if (setting === BUILT_IN || setting === null) return undefined;
  if (typeof setting === 'function' && !isClass(setting)) {
    return setting as AutoscalerPorts['decide'];
  }
  const shown = isClass(setting) ? `the class ${setting.name}` : saferepr(setting);
  throw new ImproperlyConfigured(
    `worker_autoscaler must be a function ({ reserved, children, max, min }) => number, or ${BUILT_IN}, not ${shown}.`,
  );
}

export class Autoscaler implements Service {
  readonly #ports: AutoscalerPorts;
  readonly #keepalive: number;
  #max: number;
  #min: number;
  /** When there were children more, by the monotonic clock. */
  #grownAt: number;
  #timer: Timer | undefined;
  /** Why `decide` could not be used, the last time that it could not. */
  #complaint: string | undefined;

  constructor({ max, min }: AutoscaleRange, keepalive: number, ports: AutoscalerPorts) {
    this.#ports = ports;
    this.#keepalive = keepalive;
    this.#max = max;
    this.#min = min;
    this.#grownAt = ports.clock.monotonic();
  }

  async start(): Promise<void> {
    const { clock } = this.#ports;
    this.#grownAt = clock.monotonic();
    this.#timer ??= clock.every(this.#keepalive, () => this.scale(), { unref: true });
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Places that the pool may get to. */
  get mostPlaces(): number {
    return this.#max * this.#ports.slots;
  }

  /** Requests wait for a place: more children at once, if there may be more. */
  noteWaiting(): void {
    const children = this.#children;
    if (children < this.#max) this.#growTo(this.#wanted, children);
  }

  /** As many children as are wanted now; fewer only when the last growth was long ago, or there are too many. */
  scale(): void {
    const children = this.#children;
    const wanted = this.#wanted;
    if (wanted >= children) {
      this.#growTo(wanted, children);
      return;
    }
    if (children > this.#max) this.#shrinkBy(children - this.#max, true);
    const idle = this.#children - wanted;
    const isLongAgo = this.#ports.clock.monotonic() - this.#grownAt > this.#keepalive;
    if (idle > 0 && isLongAgo) this.#shrinkBy(idle, false);
  }

  /**
   * Other bounds from now on; one that is left out stays.
   *
   * @throws RangeError for bounds between which there is nothing; nothing has changed then
   */
  update({ max = this.#max, min = this.#min }: Partial<AutoscaleRange>): AutoscaleRange {
    if (max < 1) throw new RangeError(`max must be at least 1, got ${max}`);
    if (min > max) throw new RangeError(`min must not be above max, got max=${max} min=${min}`);
    this.#max = max;
    this.#min = min;
    this.#ports.onMost();
    this.scale();
    return { max, min };
  }

  /** For `inspect stats`. */
  info(): { max: number; min: number; current: number; qty: number } {
    const qty = this.#ports.reserved();
    return { max: this.#max, min: this.#min, current: this.#children, qty };
  }

  get #children(): number {
    return this.#ports.pool.size / this.#ports.slots;
  }

  get #wanted(): number {
    const { decide, slots } = this.#ports;
    const reserved = this.#ports.reserved();
    const needed = Math.ceil((decide && this.#ask(decide, reserved)) ?? reserved / slots);
    return Math.min(Math.max(needed, this.#min), this.#max);
  }

  /** Undefined when it fails, which is logged once for each reason. */
  #ask(decide: (load: AutoscaleLoad) => unknown, reserved: number): number | undefined {
    try {
      const load = { reserved, children: this.#children, max: this.#max, min: this.#min };
      const answer = decide(load);
      if (typeof answer === 'number' && !Number.isNaN(answer)) return answer;
      throw new TypeError(`it returned ${saferepr(answer)}, which is no number`);
    } catch (error) {
      const complaint = error instanceof Error ? error.message : saferepr(error);
      if (complaint !== this.#complaint) {
        this.#ports.logger.error(`worker_autoscaler is not heeded: ${printable(complaint)}`);
      }
      this.#complaint = complaint;
      return undefined;
    }
  }

  #growTo(wanted: number, children: number): void {
    if (wanted <= children) return;
    const { clock, logger, pool } = this.#ports;
    this.#grownAt = clock.monotonic();
    pool.grow(wanted - children).catch((error: Error) => {
      logger.debug(`Autoscaler: scale_up: ${error.message}`);
    });
    if (this.#children > children) {
      logger.info(`Scaling up ${this.#children - children} processes.`);
    }
  }

  #shrinkBy(n: number, busy: boolean): void {
    const { logger, pool } = this.#ports;
    const going = pool.letGo(n, busy);
    if (going > 0) logger.info(`Scaling down ${going} processes.`);
    if (going < n) logger.debug("Autoscaler won't scale down: all processes busy.");
  }
}
