/**
 * Regular looks at children that may be stuck: no messages come from them then, but their ledger
 * can be read. What they have not started in time goes elsewhere, and it is said who is blocked.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Blockage } from '../contract.ts';
import type { Child } from './child.ts';
import { type Dispatcher, PATIENCE } from './dispatcher.ts';

export interface RoundsPorts {
  /** Every child that may hold jobs. */
  children(): Iterable<Child>;
  onBlocked(blockage: Blockage): void;
}

export class Rounds {
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  readonly #ports: RoundsPorts;
  #timer: Timer | undefined;

  constructor(clock: Clock, dispatcher: Dispatcher, ports: RoundsPorts) {
    this.#clock = clock;
    this.#dispatcher = dispatcher;
    this.#ports = ports;
  }

  /** From now on, as long as there are jobs. */
  begin(): void {
    this.#timer ??= this.#clock.every(PATIENCE, () => this.#look(), { unref: true });
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const now = this.#clock.monotonic();
    let isBusy = this.#dispatcher.waiting.length > 0;
    for (const child of this.#ports.children()) {
      if (child.held.size === 0) continue;
      isBusy = true;
      if (child.state !== 'ready') continue;
      this.#dispatcher.takeBackOverdue(child, now);
      const seconds = child.blockedFor(now);
      if (seconds !== undefined) this.#ports.onBlocked(blockage(child, seconds));
    }
    if (!isBusy) this.end();
  }
}

function blockage(child: Child, seconds: number): Blockage {
  const running = [...child.held.values()].filter(held => held.state === 'started');
  return {
    where: `${child.name} pid:${child.pid}`,
    seconds,
    isOver: false,
    jobs: running.map(held => held.job.id),
  };
}
