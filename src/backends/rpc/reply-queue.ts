/**
 * The queue to which workers send the results of this process.
 *
 * Owns the connection that consumes it. Other than Celery's, the queue outlives that connection
 * and its messages are acknowledged, so that no result is lost when the connection is.
 */

import { outside } from '../../base/outside.ts';
import { within } from '../../base/time/within.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import type { Delivery, Transport } from '../../messaging/contract.ts';
import { DEFAULT_EXCHANGE, type Queue, queue } from '../../messaging/entities.ts';
import type { MessagingPort } from '../contract.ts';

/** Seconds without its consumer after which the broker deletes the queue of a process that died. */
const ABANDONED_AFTER = 600;
/** Seconds for the broker to delete it; one that does not answer deletes it later by itself. */
const DELETE_SECONDS = 2;

export interface ReplyQueueOptions {
  readonly messaging: MessagingPort;
  readonly expires: number | null;
  /** Must not throw, or else the deliveries behind it are never acknowledged. */
  readonly onMessage: (delivery: Delivery) => void;
}

export class ReplyQueue {
  readonly #options: ReplyQueueOptions;
  #opening: Promise<Transport> | undefined;
  #isOpen = false;
  /** How often it was closed: an opening that sees another number came too late. */
  #closings = 0;

  constructor(options: ReplyQueueOptions) {
    this.#options = options;
  }

  /**
   * Resolves when results arrive; undefined when they do already. The consumer heals by itself
   * from then on. @throws OperationalError when the broker cannot be reached; the next call tries again
   */
  open(): Promise<unknown> | undefined {
    if (this.#isOpen) return undefined;
    this.#opening ??= outside(() => this.#open());
    return this.#opening;
  }

  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#isOpen = false;
    this.#closings += 1;
    const transport = await opening?.catch(() => undefined);
    if (transport) await this.#leave(transport);
  }

  async #open(): Promise<Transport> {
    const closings = this.#closings;
    let transport: Transport | undefined;
    try {
      transport = await this.#options.messaging.consuming();
      const onDeliveries = (deliveries: Delivery[]) => this.#receive(deliveries);
      await transport.consume([this.#queue()], { prefetch: 0, onDeliveries });
    } catch (error) {
      // one that was begun after a close has nothing to do with this
      if (closings === this.#closings) this.#opening = undefined;
      await transport?.close();
      throw error;
    }
    if (closings !== this.#closings) {
      await this.#leave(transport);
      throw new ConnectionClosed('The result backend was closed.');
    }
    this.#isOpen = true;
    return transport;
  }

  async #leave(transport: Transport): Promise<void> {
    if (transport.connected) {
      await within(DELETE_SECONDS, transport.delete(this.#queue())).catch(() => {});
    }
    await transport.close();
  }

  #receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#options.onMessage(delivery);
      // what the broker does not hear of comes again, which does no harm
      delivery.ack().catch(() => {});
    }
  }

  #queue(): Queue {
    const { messaging, expires } = this.#options;
    return queue(messaging.replyQueue, {
      exchange: DEFAULT_EXCHANGE,
      expires: Math.min(expires || ABANDONED_AFTER, ABANDONED_AFTER),
    });
  }
}
