/** When a worker counts as live, and when as ready; each answer is a sentence about what is missing. */
import { counted } from '../../../base/text/counted.ts';
import { type Clock, systemClock } from '../../../base/time/clock.ts';
import type { PoolVitals } from '../../../pool/contract.ts';
import type { LinkState } from '../../broker-link.ts';

export interface WorkerHealthParts {
  readonly pool: { vitals(): PoolVitals };
  readonly link: {
    readonly state: LinkState;
    readonly queues: readonly unknown[];
    readonly missing: readonly string[];
  };
  readonly transport: { readonly connected: boolean };
}

const NOT_READY: Readonly<Record<Exclude<LinkState, 'consuming'>, string>> = {
  starting: 'it does not consume yet',
  lost: 'the connection to the broker is lost',
  stopping: 'it is stopping',
};

export class WorkerHealth {
  readonly #parts: WorkerHealthParts;
  readonly #longest: number;
  readonly #clock: Clock;
  /** When it was first seen that no child is ready, in seconds. */
  #childlessSince: number | undefined;

  /** @param longestChildless seconds without any ready child after which the worker is not live */
  constructor(parts: WorkerHealthParts, longestChildless: number, clock: Clock = systemClock) {
    this.#parts = parts;
    this.#longest = longestChildless;
    this.#clock = clock;
  }

  /**
   * Undefined when it is live. Who asks this knows already that the event loop turns; a child that
   * a task blocks is busy and no reason to end the worker.
   */
  whyNotLive(): string | undefined {
    if (!this.#isChildless) {
      this.#childlessSince = undefined;
      return undefined;
    }
    this.#childlessSince ??= this.#clock.monotonic();
    const seconds = Math.floor(this.#clock.monotonic() - this.#childlessSince);
    if (seconds <= this.#longest || this.#parts.link.state === 'stopping') return undefined;
    return `no child of the pool has been ready for ${seconds} s`;
  }

  /** Undefined when it is live, connected and consuming all of its queues. */
  whyNotReady(): string | undefined {
    const { link, transport } = this.#parts;
    const whyNotLive = this.whyNotLive();
    if (whyNotLive) return whyNotLive;
    if (link.state === 'stopping') return NOT_READY.stopping;
    if (link.state !== 'consuming') return NOT_READY[link.state];
    if (!transport.connected) return NOT_READY.lost;
    if (link.queues.length === 0) return 'no queue is consumed';
    if (link.missing.length > 0) return notConsumed(link.missing);
    return this.#isChildless ? 'no child of the pool is ready' : undefined;
  }

  get #isChildless(): boolean {
    const { wanted, ready } = this.#parts.pool.vitals();
    return wanted > 0 && ready === 0;
  }
}

function notConsumed([name, ...others]: readonly string[]): string {
  const first = `queue ${JSON.stringify(name)}`;
  if (others.length === 0) return `${first} is not consumed`;
  return `${first} and ${counted(others.length, 'other')} are not consumed`;
}
