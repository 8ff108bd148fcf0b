import { deliveryCount } from '../../wire/envelope.ts';
import type { DecodeError } from '../../wire/errors.ts';
import type { Message } from '../../wire/message.ts';
import type { Delivery, RequeueOptions } from '../contract.ts';
import type { Settlement } from '../held-delivery.ts';
import type { AmqpMessage } from './driver.ts';
import { readMessage } from './message.ts';

/** The channel that a delivery came over, and that alone can settle it. */
export interface Source {
  readonly number: number;
  readonly isLost: boolean;
  settle(delivery: AmqpDelivery, how: Settlement): Promise<void>;
}

export class AmqpDelivery implements Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly message: Message;
  readonly problem: DecodeError | undefined;
  /** Tag of the subscription that brought it. */
  readonly subscription: string;
  /** Counts the channel's deliveries from 1. */
  readonly number: number;
  readonly #source: Source;
  #isSettled: boolean;
  #settled: Promise<void> | undefined;

  constructor(source: Source, queue: string, delivered: AmqpMessage, isSettled: boolean) {
    const { fields } = delivered;
    const { message, problem } = readMessage(delivered);
    this.#source = source;
    this.#isSettled = isSettled;
    this.queue = queue;
    this.exchange = fields.exchange;
    this.routingKey = fields.routingKey;
    this.subscription = fields.consumerTag;
    this.number = fields.deliveryTag;
    this.message = message;
    this.problem = problem;
    // what was put back with a count of our own is a new message to the broker
    this.redelivered = fields.redelivered || deliveryCount(message.headers) > 0;
  }

  get tag(): string {
    return `${this.#source.number}.${this.number}`;
  }

  get settled(): boolean {
    return this.#isSettled;
  }

  /** Whatever its consumer does to it counts for nothing from now on. */
  abandon(): void {
    this.#isSettled = true;
  }

  get lost(): boolean {
    return !this.#isSettled && this.#source.isLost;
  }

  ack(): Promise<void> {
    return this.#settle('ack');
  }

  reject(requeue: boolean, options?: RequeueOptions): Promise<void> {
    return this.#settle(requeue ? (options?.counted ? 'recount' : 'requeue') : 'drop');
  }

  #settle(how: Settlement): Promise<void> {
    if (!this.#isSettled) {
      this.#isSettled = true;
      this.#settled = this.#source.settle(this, how);
    }
    return this.#settled ?? Promise.resolve();
  }
}
