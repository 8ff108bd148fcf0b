/** What was settled here and the server has not confirmed yet: waiting for a turn, or in one. */
import { type Deferred, deferred } from '../../base/deferred.ts';
import { ChannelError } from '../errors.ts';
import type { RedisDelivery, Verdict } from './delivery.ts';

export interface Settlement {
  readonly delivery: RedisDelivery;
  readonly verdict: Verdict;
  readonly done: Deferred<void>;
  /** It was sent before and the reply got lost: the server may know it already. */
  uncertain: boolean;
}

export interface SettlementBatch {
  readonly acks: readonly Settlement[];
  readonly requeues: readonly Settlement[];
}

export class Settlements {
  readonly #all = new Map<string, Settlement>();
  #acks: Settlement[] = [];
  #requeues: Settlement[] = [];

  get size(): number {
    return this.#all.size;
  }

  /** Of them, those that are in no turn. */
  get waiting(): number {
    return this.#acks.length + this.#requeues.length;
  }

  has(tag: string): boolean {
    return this.#all.has(tag);
  }

  /** Tags of those whose fate on the server is known: it has not heard of them. */
  get certainTags(): string[] {
    return [...this.#all].filter(([, { uncertain }]) => !uncertain).map(([tag]) => tag);
  }

  add(delivery: RedisDelivery, verdict: Verdict): Promise<void> {
    const entry = { delivery, verdict, done: deferred(), uncertain: false };
    this.#all.set(delivery.tag, entry);
    this.#enqueue(entry);
    return unheard(entry.done.promise);
  }

  /** The oldest, for a turn. */
  take(most: number): SettlementBatch {
    return { acks: this.#acks.splice(0, most), requeues: this.#requeues.splice(0, most) };
  }

  /** The turn came to nothing, as far as we know. */
  putBack({ acks, requeues }: SettlementBatch): void {
    for (const entry of [...acks, ...requeues]) {
      if (!this.#all.has(entry.delivery.tag)) continue;
      entry.uncertain = true;
      this.#enqueue(entry);
    }
  }

  confirm(entries: readonly Settlement[]): void {
    for (const { delivery, done } of entries) {
      this.#all.delete(delivery.tag);
      done.resolve();
    }
  }

  /** Others have these messages, or all of them: settling was in vain. Returns how many there were. */
  lose(tags: ReadonlySet<string> | 'all'): number {
    const lost = [...this.#all.values()].filter(
      ({ delivery }) => tags === 'all' || tags.has(delivery.tag),
    );
    for (const { delivery, done } of lost) {
      delivery.lost = true;
      this.#all.delete(delivery.tag);
      done.reject(givenAway());
    }
    const isKept = ({ delivery }: Settlement) => !delivery.lost;
    this.#acks = this.#acks.filter(isKept);
    this.#requeues = this.#requeues.filter(isKept);
    return lost.length;
  }

  giveUp(error: Error): void {
    for (const { done } of this.#all.values()) done.reject(error);
    this.#all.clear();
    this.#acks = [];
    this.#requeues = [];
  }

  #enqueue(entry: Settlement): void {
    (entry.verdict === 'ack' ? this.#acks : this.#requeues).push(entry);
  }
}

/** For settling what somebody else has. */
export function givenAway(): ChannelError {
  return new ChannelError(
    'The message had been given to others: this consumer was taken for dead.',
  );
}

/** Most callers do not wait for an ack: its failure must not end the process. */
export function unheard(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}
