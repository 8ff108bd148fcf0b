import { ConnectionClosed } from '../../drivers/errors.ts';
import type { ServerUrl } from '../../drivers/url.ts';
import type { Message } from '../../wire/messages/message.ts';
import type {
  BindingRow,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  Transport,
  TransportEvent,
  TransportOptions,
} from '../contract.ts';
import type { Queue } from '../entities.ts';
import { unusedOptions } from '../unused-options.ts';
import { type MemoryBroker, memoryBroker } from './broker.ts';
import { MemoryConsumer } from './consumer.ts';

export const createMemoryTransport = (url: ServerUrl, options?: TransportOptions): Transport =>
  new MemoryTransport(url.masked, unusedOptions(options?.transportOptions ?? {}, [], 'memory://'));

/** `memory://name`: for tests and for programs that are one process. */
export class MemoryTransport implements Transport {
  readonly name = 'memory';
  readonly supportsFanout = true;
  readonly eventExchangeType = 'topic';
  readonly url: string;
  readonly #broker: MemoryBroker;
  readonly #consumers = new Set<Consumer>();
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  readonly #warnings: readonly string[];
  #connected = false;
  /** A consumer whose start sees another number at its end came too late. */
  #closings = 0;

  constructor(url: string, warnings: readonly string[] = []) {
    this.url = url;
    this.#warnings = warnings;
    this.#broker = memoryBroker(url.replace(/^memory:\/*/, ''));
  }

  get connected(): boolean {
    return this.#connected;
  }

  async connect(): Promise<void> {
    if (this.#connected) return;
    this.#connected = true;
    for (const message of this.#warnings) this.#emit({ type: 'warning', message });
    this.#emit({ type: 'connected' });
  }

  async close(): Promise<void> {
    this.#closings += 1;
    for (const consumer of this.#consumers) await consumer.close();
    this.#connected = false;
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async declare(queue: Queue): Promise<void> {
    await this.connect();
    this.#broker.declare(queue);
  }

  async publish(
    message: Message,
    destination: Destination,
    options?: PublishOptions,
  ): Promise<void> {
    await this.connect();
    this.#broker.publish(message, destination, options);
  }

  async size(queue: string): Promise<number> {
    await this.connect();
    return this.#broker.size(queue);
  }

  async purge(queue: string): Promise<number> {
    await this.connect();
    return this.#broker.purge(queue);
  }

  async delete(queue: Queue): Promise<void> {
    await this.connect();
    this.#broker.delete(queue.name);
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    const closings = this.#closings;
    await this.connect();
    const consumer = new MemoryConsumer(this.#broker, options, c => this.#consumers.delete(c));
    this.#consumers.add(consumer);
    for (const queue of queues) await consumer.addQueue(queue);
    if (closings === this.#closings) return consumer;
    await consumer.close();
    throw new ConnectionClosed('The connection was closed.');
  }

  async bindings(): Promise<BindingRow[]> {
    return this.#broker.bindings;
  }

  #emit(event: TransportEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
