import type { ConsumeOptions, Consumer } from '../contract.ts';
import type { Queue } from '../entities.ts';
import { HeldDelivery, type Settlement } from '../virtual/held-delivery.ts';
import type { MemoryBroker, Stored } from './broker.ts';

export class MemoryConsumer implements Consumer {
  readonly #broker: MemoryBroker;
  readonly #options: ConsumeOptions;
  readonly #onClose: (consumer: MemoryConsumer) => void;
  readonly #queues: Queue[] = [];
  readonly #held = new Set<HeldDelivery<Stored>>();
  #prefetch: number;
  #tags = 0;

  constructor(
    broker: MemoryBroker,
    options: ConsumeOptions,
    onClose: (consumer: MemoryConsumer) => void,
  ) {
    this.#broker = broker;
    this.#options = options;
    this.#prefetch = options.prefetch;
    this.#onClose = onClose;
  }

  get queues(): readonly string[] {
    return this.#queues.map(queue => queue.name);
  }

  get held(): number {
    return this.#held.size;
  }

  setPrefetch(count: number): void {
    this.#prefetch = count;
    this.#broker.wake();
  }

  async addQueue(queue: Queue): Promise<void> {
    this.#broker.declare(queue);
    if (!this.#queues.some(known => known.name === queue.name)) this.#queues.push(queue);
    this.#broker.enter(this);
  }

  async cancelQueue(name: string): Promise<void> {
    const at = this.#queues.findIndex(queue => queue.name === name);
    if (at < 0) return;
    const [queue] = this.#queues.splice(at, 1);
    if (queue!.autoDelete && !this.#broker.isServed(name)) this.#broker.delete(name);
  }

  async cancel(): Promise<void> {
    for (const name of this.queues) await this.cancelQueue(name);
    this.#broker.leave(this);
  }

  async close(): Promise<number> {
    await this.cancel();
    const unsettled = [...this.#held].filter(delivery => delivery.abandon());
    this.#held.clear();
    this.#broker.putBack(
      unsettled.map(delivery => delivery.place),
      'first',
    );
    this.#onClose(this);
    return unsettled.length;
  }

  take(): void {
    const batch: HeldDelivery<Stored>[] = [];
    for (let stored = this.#next(); stored !== undefined; stored = this.#next()) {
      batch.push(this.#deliver(stored));
    }
    if (batch.length > 0) this.#options.onDeliveries(batch);
  }

  #next(): Stored | undefined {
    const isFull = this.#prefetch !== 0 && this.#held.size >= this.#prefetch;
    const open = isFull ? this.#queues.filter(queue => queue.noAck) : this.#queues;
    return this.#broker.next(open.map(queue => queue.name));
  }

  #deliver(stored: Stored): HeldDelivery<Stored> {
    const at = this.#queues.findIndex(queue => queue.name === stored.queue);
    const [queue] = this.#queues.splice(at, 1);
    this.#queues.push(queue!);
    const tag = String(++this.#tags);
    if (queue!.noAck) return new HeldDelivery(tag, stored, stored);
    const delivery = new HeldDelivery(tag, stored, stored, (...done) => this.#settle(...done));
    this.#held.add(delivery);
    return delivery;
  }

  async #settle(delivery: HeldDelivery<Stored>, how: Settlement): Promise<void> {
    this.#held.delete(delivery);
    if (how === 'requeue') this.#broker.putBack([delivery.place], 'last');
    else if (how === 'putBack') this.#broker.putBack([delivery.place], 'first');
    else if (how === 'recount') this.#broker.putBackCounted(delivery.place);
    else this.#broker.wake();
  }
}
