/** Elections among the beats of one process, for tests; several take the same `MemoryPlace`. */
import type { Clock } from '../../src/base/time/clock.ts';
import {
  type Claim,
  type Election,
  LEASE,
  type Lease,
  type Remembered,
} from '../../src/beat/leader/contract.ts';
import { LeadershipLost } from '../../src/schedule-stores/errors.ts';

/** What the beats share. */
export class MemoryPlace {
  readonly clock: Clock;
  readonly remembered = new Map<string, Remembered>();
  owner: string | undefined;
  token = 0;
  #until = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isHeld(): boolean {
    return this.owner !== undefined && this.clock.monotonic() < this.#until;
  }

  hold(owner: string): void {
    this.owner = owner;
    this.#until = this.clock.monotonic() + LEASE;
  }
}

export class MemoryElection implements Election {
  readonly info = 'memory';
  readonly #place: MemoryPlace;

  constructor(place: MemoryPlace) {
    this.#place = place;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async acquire(owner: string): Promise<Lease | undefined> {
    const place = this.#place;
    if (place.isHeld) return undefined;
    place.token += 1;
    place.hold(owner);
    return new MemoryLease(place, owner);
  }

  async holder(): Promise<string | undefined> {
    return this.#place.isHeld ? this.#place.owner : undefined;
  }
}

class MemoryLease implements Lease {
  readonly token: number;
  readonly remembered: ReadonlyMap<string, Remembered>;
  readonly #place: MemoryPlace;
  readonly #owner: string;

  constructor(place: MemoryPlace, owner: string) {
    this.#place = place;
    this.#owner = owner;
    this.token = place.token;
    this.remembered = new Map(place.remembered);
  }

  async renew(): Promise<boolean> {
    if (!this.#isOurs) return false;
    this.#place.hold(this.#owner);
    return true;
  }

  async claim(claims: readonly Claim[], sent: readonly string[]): Promise<void> {
    if (!this.#isOurs) throw new LeadershipLost('Another beat leads.');
    const { remembered } = this.#place;
    for (const name of sent) {
      const known = remembered.get(name);
      if (known) remembered.set(name, { ...known, isSent: true });
    }
    for (const claim of claims) remembered.set(claim.name, { ...claim, isSent: false });
  }

  async forget(names: readonly string[]): Promise<void> {
    for (const name of names) this.#place.remembered.delete(name);
  }

  async release(): Promise<void> {
    if (this.#isOurs) this.#place.owner = undefined;
  }

  /** Also of one that has ended, while nobody else was elected. */
  get #isOurs(): boolean {
    return this.#place.token === this.token && this.#place.owner === this.#owner;
  }
}
