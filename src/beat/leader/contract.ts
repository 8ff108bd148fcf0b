/**
 * Which of several beats sends. Each asks for the lease; the one that has it renews it and remembers
 * here what it sends, before it does, so that its successor sends no due time a second time.
 */
import type { Service } from '../../base/service.ts';

/** Seconds. A leader that stands still for longer has lost the lease. */
export const LEASE = 12;
/** Seconds between two renewals. */
export const RENEWAL = 4;

/** A due time that is about to be sent. */
export interface Claim {
  readonly name: string;
  /** The due time: seconds since the epoch. */
  readonly slot: number;
  readonly totalRunCount: number;
  /** Of the message: the same for everybody who sends this due time. */
  readonly id: string;
}

/** What is remembered of an entry by all beats together. */
export interface Remembered extends Claim {
  /** False: claimed, and whether it was sent its leader could not tell any more. */
  readonly isSent: boolean;
}

export interface Lease {
  /** Rises with each leader. */
  readonly token: number;
  /** What earlier leaders sent last, by the name of the entry. */
  readonly remembered: ReadonlyMap<string, Remembered>;
  /** @returns false when another one has it, or might */
  renew(): Promise<boolean>;
  /**
   * In one exchange: what was claimed before is sent now, and `claims` are claimed.
   * @throws LeadershipLost when another leader has been elected: nothing of it may be sent
   */
  claim(claims: readonly Claim[], sent: readonly string[]): Promise<void>;
  /** Forget entries that no longer exist. */
  forget(names: readonly string[]): Promise<void>;
  /** Give it up, so that another one need not wait until it ends. May be called twice. */
  release(): Promise<void>;
}

/** A place where leaders are elected: Redis, an SQLite file, RabbitMQ. */
export interface Election extends Service {
  readonly info: string;
  /** Asks once. Undefined when another one has the lease; who, is told by `holder`. */
  acquire(owner: string): Promise<Lease | undefined>;
  /** Who leads, for a log line and `tscelery schedule leader`; undefined when nobody does. */
  holder(): Promise<string | undefined>;
}
