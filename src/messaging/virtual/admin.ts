/** `BrokerAdmin` for brokers that have nothing but queues and their bindings. */

import { ChannelError } from '../../drivers/errors.ts';
import type { Message } from '../../wire/messages/message.ts';
import { browseOne, type OneMessage } from '../browse.ts';
import type {
  BrokerAdmin,
  Delivery,
  Destination,
  PublishOptions,
  QueueCounts,
  QueueDeletion,
  Transport,
} from '../contract.ts';
import { DEFAULT_EXCHANGE, type Exchange, type Queue, queue } from '../entities.ts';

/** The broker knows only the names of exchanges, in bindings; their types are known to whoever uses them. */
export class VirtualAdmin implements BrokerAdmin {
  readonly #transport: Transport;
  readonly #taken = new Set<OneMessage>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async declareExchange({ name }: Exchange, passive: boolean): Promise<void> {
    if (passive && !(await this.#isBound(name))) {
      throw new ChannelError(`No queue is bound to an exchange ${JSON.stringify(name)}.`);
    }
  }

  async deleteExchange(name: string): Promise<void> {
    if (!(await this.#isBound(name))) return;
    throw new ChannelError(
      `On this broker an exchange is what queues are bound to: delete the queues of ${JSON.stringify(name)}.`,
    );
  }

  async declareQueue(declared: Queue, passive: boolean): Promise<QueueCounts> {
    if (!passive) await this.#transport.declare(declared);
    // nobody registers consumers where everybody could count them
    return { messages: await this.#transport.size(declared.name), consumers: 0 };
  }

  async bindQueue(name: string, exchange: Exchange, routingKey: string): Promise<void> {
    await this.#transport.declare(queue(name, { exchange, routingKey }));
  }

  async deleteQueue(name: string, { ifEmpty }: QueueDeletion): Promise<number> {
    const messages = await this.#transport.size(name);
    if (ifEmpty && messages > 0) {
      throw new ChannelError(`Queue ${JSON.stringify(name)} is not empty: it has ${messages}.`);
    }
    await this.#transport.delete(queue(name, { exchange: DEFAULT_EXCHANGE }));
    return messages;
  }

  publish(message: Message, destination: Destination, options: PublishOptions): Promise<void> {
    return this.#transport.publish(message, destination, options);
  }

  async get(name: string): Promise<Delivery | undefined> {
    if ((await this.#transport.size(name)) === 0) return undefined;
    const one = await browseOne(
      this.#transport,
      queue(name, { exchange: DEFAULT_EXCHANGE, noDeclare: true }),
    );
    if (one) this.#taken.add(one);
    return one?.delivery;
  }

  async close(): Promise<void> {
    const taken = [...this.#taken].reverse();
    this.#taken.clear();
    for (const { release } of taken) await release();
  }

  async #isBound(name: string): Promise<boolean> {
    const rows = (await this.#transport.bindings?.()) ?? [];
    return rows.some(({ exchange }) => exchange === name);
  }
}
