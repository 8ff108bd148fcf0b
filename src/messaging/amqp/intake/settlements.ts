import { type Deferred, deferred } from '../../../base/deferred.ts';
import { ChannelError } from '../../../drivers/errors.ts';
import type { AmqpChannel, AmqpMessage, AmqpMessageFields } from '../driver.ts';

/** What is left to know about deliveries to tell the broker of several at once. */
export interface Ledger {
  isHeld(number: number): boolean;
  readonly last: number;
}

interface Rejection {
  readonly number: number;
  readonly requeue: boolean;
}

/**
 * Acks and rejects of one channel. Those that come together are written together, and as
 * one ack where everything before is settled too.
 *
 * AMQP does not answer an ack. So that a settlement is known to be the broker's, a question
 * it has to answer in order follows (a fence); only one is out at a time.
 */
export class Settlements {
  readonly #channel: AmqpChannel;
  readonly #ledger: Ledger;
  readonly #fence: (answered: () => void) => void;
  #acks: number[] = [];
  #rejections: Rejection[] = [];
  /** Everything below is settled, so that one ack may cover it. */
  #low = 1;
  #turn: Deferred<void> | undefined;
  /** Written, and no fence sent since, so that nobody knows yet whether the broker has them. */
  #written: Deferred<void>[] = [];
  #fenced: Deferred<void>[] | undefined;
  #isHeldBack = false;

  constructor(channel: AmqpChannel, ledger: Ledger, fence: (answered: () => void) => void) {
    this.#channel = channel;
    this.#ledger = ledger;
    this.#fence = fence;
  }

  ack(number: number): Promise<void> {
    this.#acks.push(number);
    return this.#later();
  }

  reject(number: number, requeue: boolean): Promise<void> {
    this.#rejections.push({ number, requeue });
    return this.#later();
  }

  holdBack(): void {
    this.#isHeldBack = true;
  }

  release(): void {
    this.#isHeldBack = false;
    if (this.#turn) this.flush();
  }

  /** Resolves when the broker knows everything so far. */
  async settled(): Promise<void> {
    this.#isHeldBack = false;
    this.flush();
    await Promise.all([...(this.#fenced ?? []), ...this.#written].map(({ promise }) => promise));
  }

  flush(): void {
    const turn = this.#turn;
    if (!turn || this.#isHeldBack) return;
    this.#turn = undefined;
    this.#written.push(turn);
    try {
      this.#write();
      if (!this.#fenced) this.#sendFence();
    } catch {
      // the channel has just ended; `lost` follows
    }
  }

  /**
   * The channel is gone. What was not written is still the broker's to deliver, and whoever
   * settled it must know. What was written and not answered may have been too late or not:
   * it counts as settled, because a task that runs twice is better than one that is lost.
   */
  lost(reason: string): void {
    for (const { resolve } of [...(this.#fenced ?? []), ...this.#written]) resolve();
    this.#turn?.promise.catch(() => {});
    this.#turn?.reject(new ChannelError(reason));
    this.#turn = undefined;
    this.#fenced = undefined;
    this.#written = [];
  }

  #later(): Promise<void> {
    if (!this.#turn) {
      this.#turn = deferred();
      process.nextTick(() => this.flush());
    }
    return this.#turn.promise;
  }

  #write(): void {
    for (const { number, requeue } of this.#rejections) {
      this.#channel.reject(withNumber(number), requeue);
    }
    this.#rejections = [];
    const acks = this.#acks;
    this.#acks = [];
    const { last } = this.#ledger;
    while (this.#low <= last && !this.#ledger.isHeld(this.#low)) this.#low += 1;
    const below = acks.reduce(
      (most, number) => (number < this.#low && number > most ? number : most),
      0,
    );
    for (const number of acks) {
      if (number > below) this.#channel.ack(withNumber(number));
    }
    if (below > 0) this.#channel.ack(withNumber(below), true);
  }

  #sendFence(): void {
    const fenced = this.#written;
    this.#written = [];
    this.#fenced = fenced;
    this.#fence(() => {
      if (this.#fenced !== fenced) return;
      this.#fenced = undefined;
      for (const { resolve } of fenced) resolve();
      if (this.#written.length > 0) this.#sendFence();
    });
  }
}

/** All that amqplib looks at. */
function withNumber(deliveryTag: number): AmqpMessage {
  return { fields: { deliveryTag } as AmqpMessageFields } as AmqpMessage;
}
