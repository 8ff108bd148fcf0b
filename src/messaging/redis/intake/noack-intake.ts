/** The taking side of a consumer whose messages count as settled when they arrive. */

import { ArrivalWatch } from '../arrival-watch.ts';
import type { RedisSession } from '../server-session.ts';
import { RedisDelivery } from './delivery.ts';
import type { ServingOrder } from './serving-order.ts';

const MAX_BATCH = 100;
const REFUSED_PAUSE = 1;

export class NoAckIntake {
  readonly #session: RedisSession;
  readonly #order: ServingOrder;
  readonly #consumerId: string;
  readonly #onDeliveries: (deliveries: RedisDelivery[]) => void;
  readonly #arrivals: ArrivalWatch;
  #taking: Promise<void> | undefined;
  #again = false;
  #ready = false;
  #cancelled = false;
  #pause: NodeJS.Timeout | undefined;
  #number = 1;

  constructor(
    session: RedisSession,
    consumerId: string,
    order: ServingOrder,
    onDeliveries: (deliveries: RedisDelivery[]) => void,
  ) {
    this.#session = session;
    this.#consumerId = consumerId;
    this.#order = order;
    this.#onDeliveries = onDeliveries;
    this.#arrivals = new ArrivalWatch({ link: session.waitLink, onWake: () => this.wake() });
  }

  wake(): void {
    this.#again = true;
    if (this.#taking || this.#pause || !this.#ready || this.#cancelled) return;
    if (this.#order.size === 0) return;
    this.#taking = this.#take().finally(() => {
      this.#taking = undefined;
      if (this.#again) this.wake();
      else if (!this.#cancelled && this.#order.size > 0) {
        this.#arrivals.arm(this.#order.lists.keys);
      }
    });
  }

  suspend(): void {
    this.#ready = false;
  }

  resume(): void {
    this.#ready = true;
    this.wake();
  }

  async quiet(): Promise<void> {
    await this.#taking;
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.quiet();
    clearTimeout(this.#pause);
    await this.#arrivals.close();
  }

  async #take(): Promise<void> {
    this.#again = false;
    const { client } = this.#session.link;
    if (!client) return;
    const { lists } = this.#order;
    try {
      const reply = await client.tsceleryTake(lists.keys.length, ...lists.keys, MAX_BATCH);
      this.#deliver(reply as unknown[], lists);
    } catch (error) {
      if (!this.#session.report(error)) return;
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.wake();
      }, REFUSED_PAUSE * 1000);
    }
  }

  #deliver(reply: readonly unknown[], lists: ServingOrder['lists']): void {
    const deliveries: RedisDelivery[] = [];
    const served = new Set<string>();
    for (let i = 0; i < reply.length; i += 2) {
      const index = reply[i] as number;
      const text = reply[i + 1] as string;
      if (index < 0) {
        this.#session.warn(`Cannot read the list ${lists.keys[-index - 1]}: ${text}`);
        continue;
      }
      const queue = lists.queues[index - 1]!;
      const list = lists.keys[index - 1]!;
      served.add(queue);
      const tag = `${this.#consumerId}-n${this.#number++}`;
      deliveries.push(new RedisDelivery(text, tag, { queue, list }));
    }
    if (deliveries.length === 0) return;
    this.#again = deliveries.length >= MAX_BATCH;
    this.#arrivals.found();
    this.#order.served(served);
    // What was taken is gone from the broker: it is delivered even if the queue was cancelled meanwhile.
    this.#onDeliveries(deliveries);
  }
}
