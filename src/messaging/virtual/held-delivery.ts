import type { DecodeError } from '../../wire/errors.ts';
import type { Message } from '../../wire/messages/message.ts';
import type { Delivery, RequeueOptions } from '../contract.ts';

/** `recount` is `requeue` with one more in `x-delivery-count`, `putBack` with the first place in line. */
export type Settlement = 'ack' | 'drop' | 'requeue' | 'recount' | 'putBack';

export function rejection(requeue: boolean, options?: RequeueOptions): Settlement {
  if (!requeue) return 'drop';
  if (options?.first) return 'putBack';
  return options?.counted ? 'recount' : 'requeue';
}

export interface DeliveryContent {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly message: Message;
  readonly raw?: string | undefined;
  readonly problem?: DecodeError | undefined;
}

/** A delivery that tells its consumer once how it was settled. */
export class HeldDelivery<Place> implements Delivery {
  readonly tag: string;
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly message: Message;
  readonly raw: string | undefined;
  readonly problem: DecodeError | undefined;
  /** What the broker needs to find the message again. */
  readonly place: Place;
  #settle: ((delivery: HeldDelivery<Place>, how: Settlement) => Promise<void>) | undefined;

  /** Without `settle` the delivery is settled from the start, as those of `noAck` queues are. */
  constructor(
    tag: string,
    content: DeliveryContent,
    place: Place,
    settle?: (delivery: HeldDelivery<Place>, how: Settlement) => Promise<void>,
  ) {
    this.tag = tag;
    this.queue = content.queue;
    this.exchange = content.exchange;
    this.routingKey = content.routingKey;
    this.redelivered = content.redelivered;
    this.message = content.message;
    this.raw = content.raw;
    this.problem = content.problem;
    this.place = place;
    this.#settle = settle;
  }

  get settled(): boolean {
    return this.#settle === undefined;
  }

  /** Makes later settlements count for nothing; returns whether this is the first. */
  abandon(): boolean {
    const first = this.#settle !== undefined;
    this.#settle = undefined;
    return first;
  }

  ack(): Promise<void> {
    return this.#settleOnce('ack');
  }

  reject(requeue: boolean, options?: RequeueOptions): Promise<void> {
    return this.#settleOnce(rejection(requeue, options));
  }

  #settleOnce(how: Settlement): Promise<void> {
    const settle = this.#settle;
    if (settle === undefined) return Promise.resolve();
    this.#settle = undefined;
    return settle(this, how);
  }
}
