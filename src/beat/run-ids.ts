/**
 * Ids of the messages that beat sends. They follow from the schedule, the entry and the due time, so
 * that whoever sends a due time again, after a crash or in the place of another beat, sends the same id.
 */
import { v5 as uuid5 } from 'uuid';

/** An arbitrary, fixed UUID. */
const NAMESPACE = '2c8d6c0e-7c55-4d0f-9f43-0b1d5f0a7e21';

export class RunIds {
  readonly #namespace: string;

  /** @param lockKey tells schedules apart */
  constructor(lockKey: string) {
    this.#namespace = uuid5(lockKey, NAMESPACE);
  }

  /** @param slot milliseconds since the epoch */
  of(name: string, slot: number): string {
    return uuid5(`${name}\n${slot}`, this.#namespace);
  }

  /** How late this run is sent, in milliseconds: the same whoever computes it. */
  jitter(name: string, slot: number, seconds: number): number {
    if (seconds === 0) return 0;
    const share = Number.parseInt(this.of(name, slot).slice(0, 8), 16) / 2 ** 32;
    return Math.floor(share * seconds * 1000);
  }
}
