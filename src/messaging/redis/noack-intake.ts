/** The taking side of a consumer whose messages count as settled when they arrive. */
import type { QueueCycle } from './cycle.ts';
import { RedisDelivery } from './delivery.ts';
import type { RedisHub } from './hub.ts';
import { Waits } from './waits.ts';

const MAX_BATCH = 100;
const REFUSED_PAUSE = 1;

export class NoAckIntake {
  readonly #hub: RedisHub;
  readonly #cycle: QueueCycle;
  readonly #consumerId: string;
  readonly #onDeliveries: (deliveries: RedisDelivery[]) => void;
  readonly #waits: Waits;
  #taking: Promise<void> | undefined;
  #again = false;
  #ready = false;
  #cancelled = false;
  #pause: NodeJS.Timeout | undefined;
  #number = 1;

  constructor(
    hub: RedisHub,
    consumerId: string,
    cycle: QueueCycle,
    onDeliveries: (deliveries: RedisDelivery[]) => void,
  ) {
    this.#hub = hub;
    this.#consumerId = consumerId;
    this.#cycle = cycle;
    this.#onDeliveries = onDeliveries;
    this.#waits = new Waits({ link: hub.waitLink, onWake: () => this.wake() });
  }

  wake(): void {
    this.#again = true;
    if (this.#taking || this.#pause || !this.#ready || this.#cancelled) return;
    if (this.#cycle.size === 0) return;
    this.#taking = this.#take().finally(() => {
      this.#taking = undefined;
      if (this.#again) this.wake();
      else if (!this.#cancelled && this.#cycle.size > 0) {
        this.#waits.arm(this.#cycle.lists.keys);
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
    await this.#waits.close();
  }

  async #take(): Promise<void> {
    this.#again = false;
    const { client } = this.#hub.link;
    if (!client) return;
    const { lists } = this.#cycle;
    try {
      const reply = await client.tsceleryTake(lists.keys.length, ...lists.keys, MAX_BATCH);
      this.#deliver(reply as unknown[], lists);
    } catch (error) {
      if (!this.#hub.report(error)) return;
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.wake();
      }, REFUSED_PAUSE * 1000);
    }
  }

  #deliver(reply: readonly unknown[], lists: QueueCycle['lists']): void {
    const deliveries: RedisDelivery[] = [];
    const served = new Set<string>();
    for (let i = 0; i < reply.length; i += 2) {
      const index = reply[i] as number;
      const text = reply[i + 1] as string;
      if (index < 0) {
        this.#hub.warn(`Cannot read the list ${lists.keys[-index - 1]}: ${text}`);
        continue;
      }
      const queue = lists.queues[index - 1]!;
      served.add(queue);
      const tag = `${this.#consumerId}-n${this.#number++}`;
      deliveries.push(new RedisDelivery(text, tag, queue, lists.keys[index - 1]!));
    }
    if (deliveries.length === 0) return;
    this.#again = deliveries.length >= MAX_BATCH;
    this.#waits.found();
    this.#cycle.served(served);
    // What was taken is gone from the broker: it is delivered even if the queue was cancelled meanwhile.
    this.#onDeliveries(deliveries);
  }
}
