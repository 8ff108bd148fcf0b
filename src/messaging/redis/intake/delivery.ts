import { DecodeError } from '../../../wire/errors.ts';
import { decodeEnvelope, markRedelivered } from '../../../wire/messages/envelope.ts';
import type { Message } from '../../../wire/messages/message.ts';
import type { Delivery, RequeueOptions } from '../../contract.ts';
import { rejection, type Settlement } from '../../virtual/held-delivery.ts';

/** As `Settlement`; what is dropped is acked, since Redis itself keeps no dead letters. */
export type Verdict = Exclude<Settlement, 'drop'>;

/** Where settled deliveries go; without it (noAck) they are settled from the start. */
export interface Settler {
  settle(delivery: RedisDelivery, verdict: Verdict): Promise<void>;
}

const EMPTY: Omit<Message, 'body'> = {
  bodyEncoding: 'utf-8',
  contentType: 'text/plain',
  contentEncoding: 'utf-8',
  headers: {},
  properties: {},
};

export interface Source {
  readonly queue: string;
  /** The list it was taken from, with its priority step; '' for one that came without a list. */
  readonly list: string;
}

export class RedisDelivery implements Delivery {
  readonly tag: string;
  readonly queue: string;
  readonly list: string;
  readonly raw: string;
  readonly message: Message;
  readonly exchange: string;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly problem: DecodeError | undefined;
  lost = false;
  /** Where its consumer keeps it, so that it is found without hashing its tag; -1 when it does not. */
  place = -1;
  readonly #settler: Settler | undefined;
  #settled: Promise<void> | undefined;

  constructor(raw: string, tag: string, { queue, list }: Source, settler?: Settler) {
    this.raw = raw;
    this.tag = tag;
    this.queue = queue;
    this.list = list;
    this.#settler = settler;
    if (!settler) this.#settled = Promise.resolve();
    try {
      const envelope = decodeEnvelope(raw);
      this.message = envelope.message;
      this.exchange = envelope.exchange;
      this.routingKey = envelope.routingKey;
      this.redelivered = envelope.redelivered;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.message = { ...EMPTY, body: raw };
      this.exchange = '';
      this.routingKey = queue;
      this.redelivered = false;
      this.problem = error;
    }
  }

  get number(): number {
    return tagNumber(this.tag);
  }

  get settled(): boolean {
    return this.#settled !== undefined;
  }

  /** The broker forgot the message when it gave it out. */
  ackedOnArrival(): void {
    this.#settled = Promise.resolve();
  }

  ack(): Promise<void> {
    this.#settled ??= this.#settler!.settle(this, 'ack');
    return this.#settled;
  }

  reject(requeue: boolean, options?: RequeueOptions): Promise<void> {
    const how = rejection(requeue, options);
    this.#settled ??= this.#settler!.settle(this, how === 'drop' ? 'ack' : how);
    return this.#settled;
  }
}

export function tagNumber(tag: string): number {
  return Number(tag.slice(tag.lastIndexOf('-') + 1));
}

/** The text to put back into a list; what is no envelope stays as it is. */
export function redeliveredText(raw: string, options?: { counted: boolean }): string {
  try {
    return markRedelivered(raw, options);
  } catch {
    return raw;
  }
}
