import type { DecodeError } from '../../../wire/errors.ts';
import { undelayedRoutingKey } from '../../../wire/messages/delayed-delivery.ts';
import { deliveryCount } from '../../../wire/messages/envelope.ts';
import type { Message } from '../../../wire/messages/message.ts';
import type { Delivery, RequeueOptions } from '../../contract.ts';
import type { Queue } from '../../entities.ts';
import { rejection, type Settlement } from '../../virtual/held-delivery.ts';
import type { AmqpMessage } from '../driver.ts';
import { readMessage } from '../message.ts';
import { type Arrival, canPark, PARKED, unparked } from '../parking.ts';

/** The channel that a delivery came over, and that alone can settle it. */
export interface Source {
  readonly number: number;
  readonly isLost: boolean;
  settle(delivery: AmqpDelivery, how: Settlement): Promise<void>;
  park(delivery: AmqpDelivery, queue: Queue, seconds: number): Promise<void>;
}

export class AmqpDelivery implements Delivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly message: Message;
  readonly problem: DecodeError | undefined;
  /** Tag of the subscription that brought it, whose prefetch count it takes from. */
  readonly subscription: string;
  /** Counts the channel's deliveries from 1: AMQP's delivery tag, which no other channel knows. */
  readonly number: number;
  readonly #source: Source;
  readonly #home: Queue;
  #isSettled: boolean;
  #settled: Promise<void> | undefined;

  constructor(source: Source, home: Queue, delivered: AmqpMessage) {
    const { fields } = delivered;
    const { message: read, problem } = readMessage(delivered);
    const { exchange, routingKey, message } = asPublished(fields, read, home);
    this.#source = source;
    this.#home = home;
    this.#isSettled = home.noAck;
    this.queue = home.name;
    this.exchange = exchange;
    this.routingKey = routingKey;
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

  /** Whatever its consumer does to it counts for nothing from now on: the broker gets it back. */
  abandon(): void {
    this.#isSettled = true;
  }

  get lost(): boolean {
    return !this.#isSettled && this.#source.isLost;
  }

  get unheard(): boolean {
    return this.#isSettled && this.#source.isLost;
  }

  /** Whether the broker counts in `x-delivery-count` how often it was given back, as only quorum queues do. */
  get isCountedByBroker(): boolean {
    return this.#home.queueArguments['x-queue-type'] === 'quorum';
  }

  get park(): Delivery['park'] {
    if (!canPark(this.#home)) return undefined;
    return async seconds => {
      if (!this.#isSettled) await this.#source.park(this, this.#home, seconds);
    };
  }

  ack(): Promise<void> {
    return this.#settle('ack');
  }

  reject(requeue: boolean, options?: RequeueOptions): Promise<void> {
    return this.#settle(rejection(requeue, options));
  }

  #settle(how: Settlement): Promise<void> {
    if (!this.#isSettled) {
      this.#isSettled = true;
      this.#settled = this.#source.settle(this, how);
    }
    return this.#settled ?? Promise.resolve();
  }
}

/** As it was before it waited in the broker: retries go where it was sent. */
function asPublished(
  { exchange, routingKey }: AmqpMessage['fields'],
  message: Message,
  home: Queue,
): Arrival {
  const arrival = { exchange, routingKey, message };
  if (message.headers[PARKED] !== undefined) return unparked(arrival);
  const original = undelayedRoutingKey(exchange, routingKey);
  if (original === undefined) return arrival;
  return { exchange: home.exchange.name, routingKey: original, message };
}
