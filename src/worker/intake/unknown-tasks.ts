/**
 * Messages for tasks that this worker does not know, when they are to be kept for workers that
 * do (`worker_unknown_task = 'requeue'`): held for a while, so that they do not go round and
 * round, then put back.
 */
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { Delivery } from '../../messaging/contract.ts';

export const REQUEUE_AFTER = 5;
/** More of them are not made up for by a larger prefetch count: senders of them have no limit. */
const MOST_HELD = 1000;

export class UnknownTasks {
  readonly #clock: Clock;
  readonly #onHeld: (count: number) => void;
  #held: Delivery[] = [];
  #timer: Timer | undefined;

  /** `onHeld` hears how many more messages the worker has to take to get at others. */
  constructor(clock: Clock, onHeld: (count: number) => void) {
    this.#clock = clock;
    this.#onHeld = onHeld;
  }

  hold(delivery: Delivery): void {
    this.#held.push(delivery);
    this.#onHeld(Math.min(this.#held.length, MOST_HELD));
    this.#timer ??= this.#clock.after(REQUEUE_AFTER, () => this.#putBack());
  }

  /** Forget them; the messages stay with the broker. */
  clear(): void {
    this.#timer?.cancel();
    this.#held = [];
  }

  #putBack(): void {
    this.#timer = undefined;
    const held = this.#held;
    this.#held = [];
    // A message that is not ours any more is with somebody else.
    for (const delivery of held) delivery.reject(true).catch(() => {});
    this.#onHeld(0);
  }
}
