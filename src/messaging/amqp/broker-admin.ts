/** The commands of AMQP one by one, for the shell (`tscelery amqp`). */
import type { Message } from '../../wire/messages/message.ts';
import type {
  BrokerAdmin,
  Delivery,
  Destination,
  PublishOptions,
  QueueCounts,
  QueueDeletion,
} from '../contract.ts';
import type { Exchange, Queue } from '../entities.ts';
import { HeldDelivery, type Settlement } from '../virtual/held-delivery.ts';
import type { Admin } from './admin.ts';
import type { AmqpChannel, AmqpMessage } from './driver.ts';
import { readMessage } from './message.ts';

export interface BrokerAdminHost {
  openChannel(): Promise<AmqpChannel>;
  publish(message: Message, destination: Destination, options: PublishOptions): Promise<void>;
  toError(error: unknown, doing: string): Error;
}

const quoted = (name: string) => JSON.stringify(name);

export class AmqpBrokerAdmin implements BrokerAdmin {
  readonly #admin: Admin;
  readonly #host: BrokerAdminHost;
  /** Holds what was taken and not settled: when it is closed, that goes back to its queue. */
  #channel: AmqpChannel | undefined;

  constructor(admin: Admin, host: BrokerAdminHost) {
    this.#admin = admin;
    this.#host = host;
  }

  async declareExchange(exchange: Exchange, passive: boolean): Promise<void> {
    const { name, type, durable, autoDelete, arguments: args } = exchange;
    await this.#admin.run<unknown>(`declaring exchange ${quoted(name)}`, (channel, answer) => {
      if (passive) channel.checkExchange(name, answer);
      else channel.assertExchange(name, type, { durable, autoDelete, arguments: args }, answer);
    });
  }

  async deleteExchange(name: string, ifUnused: boolean): Promise<void> {
    await this.#admin.run<unknown>(`deleting exchange ${quoted(name)}`, (channel, answer) =>
      channel.deleteExchange(name, { ifUnused }, answer),
    );
  }

  async declareQueue(queue: Queue, passive: boolean): Promise<QueueCounts> {
    const { name, durable, exclusive, autoDelete, queueArguments } = queue;
    const options = { durable, exclusive, autoDelete, arguments: queueArguments };
    const { messageCount, consumerCount } = await this.#admin.run<{
      messageCount: number;
      consumerCount: number;
    }>(`declaring queue ${quoted(name)}`, (channel, answer) => {
      if (passive) channel.checkQueue(name, answer);
      else channel.assertQueue(name, options, answer);
    });
    return { messages: messageCount, consumers: consumerCount };
  }

  async bindQueue(queue: string, exchange: Exchange, routingKey: string): Promise<void> {
    await this.#admin.run<unknown>(
      `binding queue ${quoted(queue)} to exchange ${quoted(exchange.name)}`,
      (channel, answer) => channel.bindQueue(queue, exchange.name, routingKey, {}, answer),
    );
  }

  async deleteQueue(name: string, options: QueueDeletion): Promise<number> {
    const { messageCount } = await this.#admin.run<{ messageCount: number }>(
      `deleting queue ${quoted(name)}`,
      (channel, answer) => channel.deleteQueue(name, options, answer),
    );
    return messageCount;
  }

  /** The transport would create an exchange that is not there; here that is an error. */
  async publish(
    message: Message,
    destination: Destination,
    options: PublishOptions,
  ): Promise<void> {
    const { exchange } = destination;
    if (exchange.name !== '') await this.declareExchange(exchange, true);
    await this.#host.publish(message, destination, options);
  }

  async get(queue: string): Promise<Delivery | undefined> {
    const channel = await this.#open();
    const doing = `taking a message from queue ${quoted(queue)}`;
    const taken = await new Promise<unknown>((resolve, reject) => {
      channel.once('error', reject);
      channel.get(queue, { noAck: false }, (error, answer) => {
        channel.off('error', reject);
        if (error) reject(error);
        else resolve(answer);
      });
    }).catch(error => {
      throw this.#host.toError(error, doing);
    });
    if (!taken) return undefined;
    const delivered = taken as AmqpMessage;
    const { exchange, routingKey, redelivered, deliveryTag } = delivered.fields;
    const content = { queue, exchange, routingKey, redelivered, ...readMessage(delivered) };
    return new HeldDelivery(String(deliveryTag), content, delivered, (held, how) =>
      this.#settle(channel, held.place, how),
    );
  }

  async close(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel) await new Promise<void>(resolve => channel.close(() => resolve()));
  }

  async #open(): Promise<AmqpChannel> {
    if (this.#channel) return this.#channel;
    const channel = await this.#host.openChannel();
    channel.on('error', () => {}); // whoever asked is told
    channel.once('close', () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    this.#channel = channel;
    return channel;
  }

  async #settle(channel: AmqpChannel, message: AmqpMessage, how: Settlement): Promise<void> {
    if (how === 'ack') channel.ack(message);
    else channel.reject(message, how !== 'drop');
    // the answer to anything says that the broker has read what came before
    await new Promise<void>((resolve, reject) => {
      channel.once('error', reject);
      channel.prefetch(0, false, error => {
        channel.off('error', reject);
        if (error) reject(error);
        else resolve();
      });
    }).catch(error => {
      throw this.#host.toError(error, 'settling a message');
    });
  }
}
