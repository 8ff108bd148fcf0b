import type { ChildLedger } from '../ledger.ts';
import { clearInterval, setInterval } from './own-timers.ts';

const PERIOD_MS = 1000;

/**
 * Notes in the ledger that the event loop turns while jobs run, so that a child that computes can be
 * told from one that a task has cut off from its parent.
 */
export class Heartbeat {
  readonly #ledger: ChildLedger;
  readonly #isNeeded: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(ledger: ChildLedger, isNeeded: () => boolean) {
    this.#ledger = ledger;
    this.#isNeeded = isNeeded;
  }

  /** Called for each job: cheap when it beats already. */
  start(): void {
    this.#timer ??= setInterval(() => this.#beat(), PERIOD_MS).unref();
  }

  #beat(): void {
    this.#ledger.beat();
    if (this.#isNeeded()) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
