/**
 * Ids of the messages that beat sends. They follow from the schedule, the entry and the due time, so
 * that whoever sends a due time again, after a crash or in the place of another beat, sends the same id.
 */
import { createHash, type Hash } from 'node:crypto';
import { parse, v5 } from 'uuid';

/** An arbitrary, fixed UUID. */
const NAMESPACE = '2c8d6c0e-7c55-4d0f-9f43-0b1d5f0a7e21';

export class RunIds {
  /** Of the schedule: what all its ids begin with before they are hashed. */
  readonly #begun: Hash;

  /** @param lockKey tells schedules apart */
  constructor(lockKey: string) {
    this.#begun = createHash('sha1').update(parse(v5(lockKey, NAMESPACE)));
  }

  /**
   * A UUID of version 5, by Node's own hash, as there may be thousands a second.
   *
   * @param slot milliseconds since the epoch
   */
  of(name: string, slot: number): string {
    const digest = this.#begun.copy().update(`${name}\n${slot}`).digest();
    digest[6] = (digest[6]! & 0x0f) | 0x50;
    digest[8] = (digest[8]! & 0x3f) | 0x80;
    const hex = digest.toString('hex', 0, 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** How late this run is sent, in milliseconds: the same whoever computes it. */
  jitter(name: string, slot: number, seconds: number): number {
    if (seconds === 0) return 0;
    const share = Number.parseInt(this.of(name, slot).slice(0, 8), 16) / 2 ** 32;
    return Math.floor(share * seconds * 1000);
  }
}
