import { SequenceMap } from '../../../base/collections/sequence-map.ts';
import { sleep } from '../../../base/time/backoff.ts';
import { ChannelError } from '../../../drivers/errors.ts';
import type { Queue } from '../../entities.ts';
import type { Settlement } from '../../virtual/held-delivery.ts';
import type { Answer } from '../admin.ts';
import type { AmqpChannel, AmqpMessage } from '../driver.ts';
import { AmqpDelivery, type Source } from './delivery.ts';
import { Settlements } from './settlements.ts';

export interface IntakeHooks {
  onDeliveries(deliveries: AmqpDelivery[]): void;
  /** The broker ended the subscription (its queue was deleted). */
  onCancelled(queue: string, tag: string): void;
  /** A delivery was settled, so that there is room for more; only told with scope `consumer`. */
  onSettled(intake: Intake): void;
  /** The channel is gone and so is everything it held. */
  onLost(intake: Intake, error: Error): void;
  /**
   * Puts the message back with one delivery more in its count; only then may it be acked, or it
   * could be lost.
   */
  putBackCounted(delivery: AmqpDelivery): Promise<void>;
  /** Has a copy kept that comes back later, and acks the message only then: it must always be somewhere. */
  park(delivery: AmqpDelivery, queue: Queue, seconds: number): Promise<void>;
}

export type QosScope = 'channel' | 'consumer';

/**
 * Seconds for copies to be confirmed when the consumer is closed; then their messages go back all
 * the same, since a task that runs twice is better than one that is lost.
 */
const LAST_CALL = 5;

let channels = 0;

/**
 * One channel of a consumer: its subscriptions and the deliveries that came over it. It is
 * never repaired; its consumer makes a new one.
 */
export class Intake implements Source {
  readonly number = ++channels;
  readonly scope: QosScope;
  readonly #channel: AmqpChannel;
  readonly #hooks: IntakeHooks;
  readonly #held = new SequenceMap<AmqpDelivery>();
  /** Copies on their way that take the place of a delivery, so that closing has to wait for them. */
  readonly #copies = new Set<Promise<unknown>>();
  readonly #settlements: Settlements;
  #arrived: AmqpDelivery[] = [];
  #last = 0;
  #qos = 0;
  #error: Error | undefined;
  #isLost = false;
  /** When the oldest unanswered fence was sent, by the monotonic clock in ms. */
  #askedAt: number | undefined;

  constructor(channel: AmqpChannel, scope: QosScope, hooks: IntakeHooks) {
    this.#channel = channel;
    this.scope = scope;
    this.#hooks = hooks;
    const intake = this;
    const ledger = {
      isHeld: (number: number) => this.#held.has(number),
      get last() {
        return intake.#last;
      },
    };
    this.#settlements = new Settlements(channel, ledger, answered => this.#fence(answered));
    channel.on('error', (error: Error) => {
      this.#error = error;
    });
    channel.once('close', () => this.#lost(this.#error ?? new Error('the channel was closed')));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  get held(): number {
    return this.#held.size;
  }

  /** Milliseconds since a question that the broker has not answered; 0 when there is none. */
  get unanswered(): number {
    return this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
  }

  /**
   * Held deliveries of a queue: those that came by one of these subscriptions, which the broker
   * counts, and the others.
   */
  heldOf(queue: string, tags: ReadonlySet<string>): { live: number; orphans: number } {
    let [live, orphans] = [0, 0];
    for (const delivery of this.#held.values()) {
      if (delivery.queue !== queue) continue;
      if (tags.has(delivery.subscription)) live += 1;
      else orphans += 1;
    }
    return { live, orphans };
  }

  /** Nothing is settled with the broker until `release`: a new prefetch count must get there first. */
  holdBack(): void {
    this.#settlements.holdBack();
  }

  release(): void {
    this.#settlements.release();
  }

  async setQos(count: number): Promise<void> {
    this.#qos = Math.min(count, 65_535);
    await this.#ask(answer =>
      this.#channel.prefetch(this.#qos, this.scope === 'channel', answer as Answer<unknown>),
    );
  }

  /** @param begun told the tag at once: the end of the subscription may come in the same packet */
  async subscribe(queue: Queue, begun: (tag: string) => void): Promise<void> {
    const { name, noAck, consumerArguments } = queue;
    let tag = '';
    const deliver = (message: AmqpMessage | null) => {
      if (message) this.#deliver(queue, message);
      else this.#hooks.onCancelled(name, tag);
    };
    await this.#ask<unknown>(answer =>
      this.#channel.consume(
        name,
        deliver,
        { noAck, arguments: consumerArguments },
        (error, { consumerTag } = { consumerTag: '' }) => {
          tag = consumerTag;
          if (!error) begun(tag);
          answer(error, undefined);
        },
      ),
    );
  }

  async unsubscribe(tag: string): Promise<void> {
    await this.#ask(answer => this.#channel.cancel(tag, answer));
  }

  settle(delivery: AmqpDelivery, how: Settlement): Promise<void> {
    if (this.#isLost) return Promise.reject(new ChannelError(this.#lostText()));
    if (how === 'recount' && !delivery.isCountedByBroker) return this.#recount(delivery);
    this.#held.delete(delivery.number);
    if (this.scope === 'consumer') this.#hooks.onSettled(this);
    if (how === 'ack') return this.#settlements.ack(delivery.number);
    return this.#settlements.reject(delivery.number, how !== 'drop');
  }

  async park(delivery: AmqpDelivery, queue: Queue, seconds: number): Promise<void> {
    if (this.#isLost) throw new ChannelError(this.#lostText());
    await this.#track(this.#hooks.park(delivery, queue, seconds));
  }

  /**
   * Puts back what is held and ends the channel. Subscriptions are ended before, or it would all
   * come here again.
   */
  async close(): Promise<number> {
    await this.#copied();
    if (this.#isLost) return 0;
    await this.#settlements.settled();
    const count = this.#held.size;
    for (const delivery of this.#held.values()) delivery.abandon();
    this.#held.clear();
    this.#arrived = [];
    if (this.#isLost) return 0;
    await new Promise<void>(resolve => {
      this.#channel.once('close', resolve);
      try {
        if (count > 0) this.#channel.nackAll(true);
        this.#channel.close();
      } catch {
        resolve(); // it has just ended, and the broker has put everything back
      }
    });
    return count;
  }

  /** Waits for the copies on their way, unless the broker takes none. */
  async #copied(): Promise<void> {
    const enough = new AbortController();
    const timeout = sleep(LAST_CALL, undefined, enough.signal).catch(() => {});
    await Promise.race([Promise.all(this.#copies), timeout]);
    enough.abort();
  }

  #ask<T>(question: (answer: Answer<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      question((error, value) => (error ? reject(error) : resolve(value)));
    });
  }

  #fence(answered: () => void): void {
    this.#askedAt = performance.now();
    this.#channel.prefetch(this.#qos, this.scope === 'channel', error => {
      this.#askedAt = undefined;
      if (!error) answered();
    });
  }

  #deliver(queue: Queue, message: AmqpMessage): void {
    const delivery = new AmqpDelivery(this, queue, message);
    this.#last = delivery.number;
    if (!queue.noAck) this.#held.set(delivery.number, delivery);
    if (this.#arrived.push(delivery) === 1) process.nextTick(() => this.#handOver());
  }

  #handOver(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    if (arrived.length > 0) this.#hooks.onDeliveries(arrived);
  }

  /** The broker would not count it, so a copy that counts takes its place. */
  #recount(delivery: AmqpDelivery): Promise<void> {
    return this.#track(
      this.#hooks.putBackCounted(delivery).then(
        () => this.settle(delivery, 'ack'),
        () => this.settle(delivery, 'requeue'),
      ),
    );
  }

  #track(copied: Promise<void>): Promise<void> {
    const forget = copied.catch(() => {}).finally(() => this.#copies.delete(forget));
    this.#copies.add(forget);
    return copied;
  }

  #lost(error: Error): void {
    this.#isLost = true;
    this.#error ??= error;
    this.#arrived = [];
    this.#settlements.lost(this.#lostText());
    this.#held.clear();
    this.#hooks.onLost(this, error);
  }

  #lostText(): string {
    return 'The channel that the message came over is gone; the broker delivers it again.';
  }
}
