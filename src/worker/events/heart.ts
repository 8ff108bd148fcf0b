/** Tells in events that the worker is there, every few seconds, and that it goes. */
import { loadavg, type as system } from 'node:os';
import { ownVersion } from '../../base/packages/own-version.ts';
import type { Service } from '../../base/service.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { EventDispatcher } from '../../events/dispatcher.ts';
import type { WorkerState } from '../worker-state.ts';

/** What sends events, in each event of a worker: monitors show it. Celery: `SOFTWARE_INFO`. */
export const SOFTWARE = {
  sw_ident: 'tscelery',
  sw_ver: ownVersion(),
  sw_sys: system(),
} as const;

export interface HeartOptions {
  readonly events: EventDispatcher;
  readonly state: WorkerState;
  readonly clock: Clock;
  readonly interval: number;
}

/** Celery: `Heart`. */
export class Heart implements Service {
  readonly #options: HeartOptions;
  #timer: Timer | undefined;

  constructor(options: HeartOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock, interval } = this.#options;
    this.online();
    this.#timer ??= clock.every(interval, () => this.#send('worker-heartbeat'), { unref: true });
  }

  /** The worker is there, or there again: nobody heard its heartbeats while the broker was away. */
  online(): void {
    this.#send('worker-online');
  }

  async stop(): Promise<void> {
    if (!this.#timer) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#send('worker-offline');
  }

  #send(type: string): void {
    const { events, interval, state } = this.#options;
    if (!events.sends('worker')) return;
    let active = 0;
    for (const request of state.requests) if (request.state === 'active') active += 1;
    events.send(type, {
      freq: interval,
      active,
      processed: state.total,
      loadavg: loadavg().map(load => Math.round(load * 100) / 100),
      ...SOFTWARE,
    });
  }
}
