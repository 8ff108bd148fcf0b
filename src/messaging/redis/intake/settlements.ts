/** What was settled here and the server has not confirmed yet: waiting for a turn, or in one. */
import { type Deferred, deferred } from '../../../base/deferred.ts';
import { ChannelError } from '../../../drivers/errors.ts';
import type { RedisDelivery, Verdict } from './delivery.ts';

export interface Settlement {
  readonly delivery: RedisDelivery;
  readonly verdict: Verdict;
  readonly done: Deferred<void>;
  /** The server may know it already: it was sent before and the reply got lost, for example. */
  uncertain: boolean;
  isOver: boolean;
}

export interface SettlementBatch {
  readonly acks: readonly Settlement[];
  readonly requeues: readonly Settlement[];
}

const NO_BATCH: SettlementBatch = { acks: [], requeues: [] };

export class Settlements {
  #acks: Settlement[] = [];
  #requeues: Settlement[] = [];
  #taken = NO_BATCH;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get waiting(): number {
    return this.#acks.length + this.#requeues.length;
  }

  tags(): string[] {
    return this.#all().map(({ delivery }) => delivery.tag);
  }

  /** Tags of those whose fate on the server is known: it has not heard of them. */
  certainTags(): string[] {
    return this.#all().flatMap(({ delivery, uncertain }) => (uncertain ? [] : [delivery.tag]));
  }

  add(delivery: RedisDelivery, verdict: Verdict): Promise<void> {
    return this.#add(delivery, verdict, false).done.promise;
  }

  /** The message is settled already; what is left of it on the server has to go. */
  addRest(delivery: RedisDelivery): void {
    this.#add(delivery, 'ack', true);
  }

  /** The oldest, for a turn. One turn at a time. */
  take(most: number): SettlementBatch {
    this.#taken = { acks: this.#acks.splice(0, most), requeues: this.#requeues.splice(0, most) };
    return this.#taken;
  }

  /** The turn came to nothing, as far as we know: its reply may only have been lost. */
  putBack({ acks, requeues }: SettlementBatch): void {
    this.#taken = NO_BATCH;
    for (const entry of [...acks, ...requeues]) {
      if (entry.isOver) continue;
      entry.uncertain = true;
      this.#enqueue(entry);
    }
  }

  confirm(entries: readonly Settlement[]): void {
    for (const entry of entries) if (this.#end(entry)) entry.done.resolve();
  }

  /** Others have these messages, or all of them: settling was in vain. */
  lose(tags: ReadonlySet<string> | 'all'): void {
    for (const entry of this.#all()) {
      const { delivery } = entry;
      if (tags !== 'all' && !tags.has(delivery.tag)) continue;
      delivery.lost = true;
      this.#fail(entry, givenAway());
    }
    this.#forgetEnded();
  }

  giveUp(error: Error): void {
    for (const entry of this.#all()) this.#fail(entry, error);
    this.#forgetEnded();
  }

  #all(): Settlement[] {
    const { acks, requeues } = this.#taken;
    return [...acks, ...requeues, ...this.#acks, ...this.#requeues].filter(({ isOver }) => !isOver);
  }

  #add(delivery: RedisDelivery, verdict: Verdict, uncertain: boolean): Settlement {
    const entry = { delivery, verdict, done: deferred(), uncertain, isOver: false };
    this.#size++;
    this.#enqueue(entry);
    return entry;
  }

  #enqueue(entry: Settlement): void {
    (entry.verdict === 'ack' ? this.#acks : this.#requeues).push(entry);
  }

  #end(entry: Settlement): boolean {
    if (entry.isOver) return false;
    entry.isOver = true;
    this.#size--;
    return true;
  }

  #fail(entry: Settlement, error: Error): void {
    this.#end(entry);
    unheard(entry.done.promise);
    entry.done.reject(error);
  }

  #forgetEnded(): void {
    this.#acks = this.#acks.filter(({ isOver }) => !isOver);
    this.#requeues = this.#requeues.filter(({ isOver }) => !isOver);
  }
}

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
